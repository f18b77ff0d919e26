"""`recover`, and what the other commands do with spools."""

import json
from pathlib import Path

import pytest

from pytest_recorder.cli import main
from pytest_recorder.tracefile.index import Entry, write_index
from pytest_recorder.tracefile.spool import Spool
from tests.unit.tracefile.test_recovery import NAME, TEST, begun, die, names, the_trace


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """A folder with the spool of a dead process."""
    die(begun(tmp_path, calls=10))
    return tmp_path


def test_recover_prints_a_line_for_each_trace(
    dead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recover", str(dead)]) == 0
    line = f"recovered {TEST}: died, partial, 20 events -> {the_trace(dead)}\n"
    assert capsys.readouterr() == (line, "")
    assert main(["recover", str(dead)]) == 0
    assert capsys.readouterr() == ("nothing to recover\n", "")


def test_recover_looks_in_the_usual_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recover"]) == 10
    assert capsys.readouterr().err.startswith("[ERR_TRACE_NOT_FOUND] ")
    (tmp_path / "test-traces").mkdir()
    die(begun(tmp_path / "test-traces"))
    assert main(["recover"]) == 0
    assert capsys.readouterr().out.startswith(f"recovered {TEST}")


def test_recover_goes_on_after_a_broken_spool_and_ends_with_its_status(
    dead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dead / "a.pyspool").write_bytes(b"none of ours")
    assert main(["recover", str(dead)]) == 20
    captured = capsys.readouterr()
    assert captured.out.startswith(f"recovered {TEST}")
    assert captured.err.startswith("[ERR_TRACE_CORRUPT] ")
    assert captured.err.count("\n") == 1
    assert main(["recover", str(dead)]) == 20
    assert capsys.readouterr().out == ""


def test_recover_leaves_a_running_process_alone_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = begun(tmp_path)
    assert main(["recover", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "nothing to recover\n"
    assert "is still recording, its spool was left alone" in captured.err
    assert names(tmp_path) == [NAME]
    spool.close()


def test_ls_recovers_first_and_says_so_on_stderr(
    dead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ls", str(dead), "--json"]) == 0
    captured = capsys.readouterr()
    (entry,) = json.loads(captured.out)["tests"]
    assert (entry["test"], entry["outcome"], entry["events"]) == (TEST, "died", 20)
    assert captured.err.startswith(f"recovered {TEST}: ")
    assert main(["ls", str(dead)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("died        partial ERR_TRACE_INCOMPLETE ")
    assert captured.err == ""


def test_a_folder_shows_the_trace_of_the_test_that_died(
    dead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(dead)]) == 10
    assert "`pytest-recorder recover` makes traces" in capsys.readouterr().err
    passed = Entry(test="a", attempt=1, outcome="passed", trace="a.pyrec", status="complete")
    write_index(dead, "run", [passed])
    main(["recover", str(dead)])
    capsys.readouterr()
    assert main(["show", str(dead)]) == 0
    assert capsys.readouterr().out.startswith(f"{TEST}: died | partial, 20 events")


@pytest.mark.parametrize("is_dead", [True, False])
@pytest.mark.parametrize(
    "command", [("show",), ("show", "--at", "failure"), ("info",), ("info", "--json")]
)
def test_a_spool_is_read_directly(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    is_dead: bool,
) -> None:
    spool = begun(tmp_path)
    if is_dead:
        die(spool)
    path = Path(spool.path)
    before = path.read_bytes()
    assert main([command[0], str(spool.path), *command[1:]]) == 0
    captured = capsys.readouterr()
    assert ("the process died" if is_dead else "the process is still running") in captured.out
    assert captured.err == ""
    assert path.read_bytes() == before
    assert names(tmp_path) == [NAME]
    spool.close()


def test_a_spool_is_exported_like_the_trace_that_it_becomes(
    dead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(dead / NAME)]) == 0
    direct = capsys.readouterr().out
    main(["recover", str(dead)])
    capsys.readouterr()
    assert main(["export", str(the_trace(dead))]) == 0
    assert capsys.readouterr().out == direct
    assert len(direct.splitlines()) > 20


def test_a_spool_between_two_tests_is_an_error_with_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = Spool(tmp_path / NAME, 1 << 20)
    for command in ("show", "info", "export"):
        assert main([command, str(spool.path)]) == 20
        assert capsys.readouterr().err.startswith("[ERR_TRACE_MISSING] ")
    spool.close()
