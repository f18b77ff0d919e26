"""The command: what it prints, its exit statuses, and what it does with bad input."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from pytest_recorder.tracefile.index import Entry, write_index

PROGRAM = """
class Cart:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)
        print("added", item)

def main():
    cart = Cart()
    cart.add("tea")
    evil = "\\x1b[31mred\\x1b[0m"
    shared = cart
    shared.add(evil)
    assert len(cart.items) == 1, "too many"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace folder with one failed test's trace, recorded from a program that is gone."""
    base = tmp_path_factory.mktemp("cli")
    source = base / "cart.py"
    source.write_text(PROGRAM)
    namespace: dict[str, object] = {"__name__": "cart"}
    exec(compile(PROGRAM, str(source), "exec"), namespace)
    traces = base / "traces"
    with (
        pytest.raises(AssertionError, match="too many"),
        pytest_recorder.trace(
            traces / "t-1", include=[f"{base}/*.py"], exclude=["test_cli.py"]
        ),
    ):
        namespace["main"]()  # type: ignore[operator]
    source.unlink()
    entry = Entry(
        test="test_cart.py::test_add",
        attempt=1,
        outcome="failed",
        trace="t-1/trace.pyrec",
        status="complete",
        events=10,
    )
    passed = entry.but(test="test_ok", outcome="passed", trace=None)
    write_index(traces, "run", [passed, entry])
    return traces


@pytest.fixture
def trace_file(folder: Path) -> Path:
    return folder / "t-1" / "trace.pyrec"


def output(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    assert main([str(arg) for arg in args]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_show_tells_the_calls_with_values(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(capsys, "show", folder)
    assert "Cart.add(self=Cart(items=[]), item='tea')" in text
    assert "AssertionError: too many" in text
    assert "stdout: 'tea'" in text


def test_show_at_failure_tells_what_led_to_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = output(capsys, "show", folder, "--at", "failure", "-n", "30").splitlines()
    assert any(
        "self.items.append(item)" in line and "self.items[1] = " in line for line in lines
    )
    assert any(line.strip().startswith("cart = Cart(items=[") for line in lines)
    assert "values used by the failing line:" in lines


def test_show_counts_its_steps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "show", folder, "--at", "failure", "-n", "3").splitlines()
    assert len([line for line in lines if "cart.py:" in line]) == 3


def test_show_at_an_event_ends_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "show", folder, "--at", "5")
    assert "too many" not in text


def test_show_names_objects_by_the_numbers_that_they_have_everywhere(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = output(capsys, "export", folder).splitlines()
    calls = [e["args"] for e in map(json.loads, lines) if e["kind"] == "call"]
    (held,) = (args for args in calls if args.get("item", {}).get("value") == "tea")
    cart = held["self"]["id"]
    items = held["self"]["attributes"]["items"]["id"]
    named = f"Cart #{cart}(items=#{items} ["
    tree = output(capsys, "show", "--objects", folder)
    assert f"Cart.add(self={named}]), item='tea')" in tree
    assert f"# cart = {named}])" in output(capsys, "show", "--objects", "--lines", folder)
    steps = output(capsys, "show", "--objects", "--at", "failure", folder)
    assert f"-> Cart.add(self={named}]" in steps
    assert f"# cart = {named}" in steps
    assert f"\n  cart = {named}'tea', " in steps
    for args in (["--lines"], ["--at", "failure"]):
        assert "#" not in output(capsys, "show", *args, folder).replace("  # ", "")


@pytest.mark.parametrize(
    ("args", "there", "absent"),
    [
        (("--function", "add"), "Cart.add", "Cart.__init__"),
        (("--function", "Cart.__init__"), "Cart.__init__", "Cart.add"),
        (("--file", "cart.py"), "Cart.add", "nothing"),
        (("--file", "other.py"), "|", "Cart.add"),
        (("--grep", "tea"), "Cart.add", "Cart.__init__"),
        (("--function", "add", "--grep", "031"), "|", "Cart.__init__"),
    ],
)
def test_show_filters(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    there: str,
    absent: str,
) -> None:
    text = output(capsys, "show", folder, *args)
    assert there in text
    assert absent not in text


def test_no_terminal_escape_of_a_trace_reaches_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for args in (
        ("show", folder, "--lines"),
        ("show", folder, "--at", "failure"),
        ("ls", folder),
    ):
        assert "\x1b" not in output(capsys, *args)


def test_ls_lists_and_gives_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "test_cart.py::test_add" in output(capsys, "ls", folder)
    index = json.loads(output(capsys, "ls", folder, "--json"))
    assert index["schema"] == 1
    assert [entry["test"] for entry in index["tests"]] == ["test_ok", "test_cart.py::test_add"]


def test_info_gives_facts_of_a_trace_and_of_this_machine(
    trace_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads(output(capsys, "info", trace_file, "--json"))
    assert facts["status"] == "complete"
    assert facts["engine_reason"]
    here = json.loads(output(capsys, "info", "--json"))
    assert here["engine"] == facts["engine"]
    assert "engine_reason" in output(capsys, "info")


def test_export_writes_a_file_whole(
    trace_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(capsys, "export", "--format", "jsonl", trace_file)
    assert output(capsys, "export", trace_file, "-o", tmp_path / "out.jsonl") == ""
    assert (tmp_path / "out.jsonl").read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]
    assert json.loads(text.splitlines()[-1])["kind"] == "trailer"


BAD = [
    (("show", "{tmp}/none.pyrec"), 10, "ERR_TRACE_NOT_FOUND"),
    (("show", "{tmp}/empty.pyrec"), 20, "ERR_TRACE_CORRUPT"),
    (("info", "{tmp}/foreign.pyrec"), 20, "ERR_TRACE_CORRUPT"),
    (("export", "{tmp}/foreign.pyrec"), 20, "ERR_TRACE_CORRUPT"),
    (("ls", "{tmp}"), 10, "ERR_TRACE_NOT_FOUND"),
    (("ls", "{tmp}/foreign.pyrec"), 10, "ERR_TRACE_NOT_FOUND"),
    (("show", "{tmp}"), 10, "ERR_TRACE_NOT_FOUND"),
    (("show", "{trace}", "--at", "soon"), 2, "ERR_QUERY"),
    (("show", "{trace}", "--at", "100000"), 2, "ERR_QUERY"),
    (("show", "{trace}", "--grep", "("), 2, "ERR_QUERY"),
    (("export", "{trace}", "-o", "{tmp}/no/out"), 10, "ERR_IO"),
    (("show", "a\0b"), 10, "ERR_IO"),
]


@pytest.mark.parametrize(("args", "status", "code"), BAD)
def test_bad_input_gets_one_line_a_code_and_a_status(
    tmp_path: Path,
    trace_file: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    status: int,
    code: str,
) -> None:
    (tmp_path / "empty.pyrec").touch()
    (tmp_path / "foreign.pyrec").write_bytes(b"PK\x03\x04 something else")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    filled = [arg.format(tmp=tmp_path, trace=trace_file) for arg in args]
    assert main(filled) == status
    captured = capsys.readouterr()
    assert captured.err.startswith(f"[{code}] ")
    assert captured.err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_cut_or_damaged_trace_never_ends_in_a_traceback(
    trace_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject
) -> None:
    whole = trace_file.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = data.draw(st.booleans())
    path = tmp_path / "damaged.pyrec"
    changed = bytes((whole[at] ^ 0x55,)) + whole[at + 1 :] if damaged else b""
    path.write_bytes(whole[:at] + changed)
    for command in ("show", "info", "export"):
        assert main([command, str(path)]) == 20
        captured = capsys.readouterr()
        assert captured.err.startswith("[ERR_")
        assert captured.err.count("\n") == 1
        if captured.out:
            assert "partial" in captured.out
            assert captured.err.startswith("[ERR_TRACE_INCOMPLETE] ")


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x55,)) + data[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut in the events": lambda data: data[: len(data) * 3 // 4],
    "cut by 5 bytes": lambda data: data[:-5],
    "trailer flipped": lambda data: flipped(data, len(data) - 3),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "args", [("show",), ("show", "--at", "failure"), ("info", "--json"), ("export",)]
)
def test_of_a_damaged_trace_all_is_told_that_can_be_read(
    trace_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    damage: str,
) -> None:
    path = tmp_path / "damaged.pyrec"
    path.write_bytes(DAMAGES[damage](trace_file.read_bytes()))
    before = path.read_bytes()
    assert main([args[0], str(path), *args[1:]]) == 20
    captured = capsys.readouterr()
    assert captured.err.startswith(f"[ERR_TRACE_INCOMPLETE] {str(path)!r} is not whole: ")
    assert captured.err.count("\n") == 1
    if args[0] == "info":
        assert json.loads(captured.out)["status"] == "partial"
    elif args[0] == "export":
        told = [json.loads(line) for line in captured.out.splitlines()]
        assert (told[0]["kind"], told[-1]["status"]) == ("manifest", "partial")
    else:
        assert "| partial, " in captured.out
    assert path.read_bytes() == before


def test_an_export_to_a_file_of_a_damaged_trace_is_there_and_complained_of(
    trace_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "cut.pyrec", tmp_path / "out.jsonl"
    path.write_bytes(trace_file.read_bytes()[:-5])
    assert main(["export", str(path), "-o", str(out)]) == 20
    assert capsys.readouterr().err.startswith("[ERR_TRACE_INCOMPLETE] ")
    assert json.loads(out.read_text().splitlines()[-1])["status"] == "partial"


def test_a_recording_that_ended_early_and_says_so_is_no_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Settings(root=tmp_path, dir=tmp_path, enabled=True)
    recorder = Recorder(asked, tmp_path, Policy())
    recorder.open()
    recorder.begin()
    recorder.interrupt("for this test")
    recorder.end()
    recorder.keep(tmp_path / "early.pyrec")
    recorder.close()
    for command in ("show", "info", "export"):
        assert "partial" in output(capsys, command, tmp_path / "early.pyrec")


def test_the_module_runs_as_a_command_and_survives_a_closed_pipe(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest_recorder", "show", str(folder)]
    assert subprocess.run(command, check=True, capture_output=True).returncode == 0
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (result.returncode, result.stderr) == (0, b"")


def test_usage_errors_of_the_command_line_end_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for args in ([], ["dance"], ["export", "--format", "xml", "x"]):
        assert main(args) == 2
    assert "usage:" in capsys.readouterr().err
