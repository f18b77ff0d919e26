"""What is secret stands nowhere in what a run leaves, and what is none stands there."""

import base64
import html
import json
import re
import signal
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.plugin.report_lines import SECTION_TITLE
from pytest_recorder.system.compiled import PURE_VARIABLE
from pytest_recorder.tracefile.block_reader import BlockReader
from tests.engines.support import HAS_NATIVE
from tests.plugin import planted
from tests.plugin.support import index, run, traces

NODE_ID = f"test_it.py::test_parameter[{planted.PARAMETER}]"
"""An id is never changed: whoever gives a secret to `parametrize` has made it part of a name."""


@pytest.fixture(autouse=True)
def _a_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_TOKEN", planted.ENVIRONMENT)


@pytest.fixture(params=["native", "python"])
def hot_path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each hot path, with the scan of its language."""
    if request.param == "native":
        if not HAS_NATIVE:
            pytest.skip("the parts in C are not built")
    else:
        monkeypatch.setenv(PURE_VARIABLE, "1")
    return str(request.param)


def blocks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        reader = BlockReader(file)
        for place in reader.walk():
            yield reader.read(place)
        assert reader.damage is None


def embedded(page: str) -> Iterator[bytes]:
    for text in re.findall(r">([A-Za-z0-9+/=\s]{40,})<", page):
        data = base64.b64decode(text)
        yield data
        try:
            yield zlib.decompress(data)
        except zlib.error:
            continue


def bytes_of(path: Path) -> Iterator[bytes]:
    """Give all that a file holds, packed or not, and what a reader makes of it."""
    data = path.read_bytes()
    yield str(path).encode() + b" " + data
    if path.suffix == ".pyrec":
        yield from blocks(path)
    elif path.suffix == ".html":
        page = data.decode()
        yield html.unescape(page).encode()
        yield from embedded(page)
    elif path.suffix == ".json":
        yield json.dumps(json.loads(data), ensure_ascii=False).encode()


def values_of(path: Path) -> str:
    with pytest_recorder.open_trace(path) as trace:
        return "\n".join(
            str((event.args, event.value, event.changes, event.text, event.exception))
            for event in trace.events()
        )


def left_in(folder: Path) -> dict[str, bytes]:
    """Give all that a run left, by file; without the id of the test that is named by a secret."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path.relative_to(folder))] = b"\0".join(bytes_of(path))
    for name in (NODE_ID, NODE_ID.replace("[", "\\[").replace("]", "\\]")):
        found = {key: data.replace(name.encode(), b"") for key, data in found.items()}
    return found


def forms_of(text: str) -> set[bytes]:
    """Give a text as it may stand somewhere: bytes are hexadecimal in JSON."""
    data = text.encode()
    return {data, data.hex().encode(), json.dumps(text)[1:-1].encode()}


def planted_texts() -> dict[str, str]:
    plants = {
        f"{number} {plant.place}": planted.token_of(number, plant.kind)
        for number, plant in enumerate(planted.HIDDEN)
        if plant.kind != "digits"
    }
    fixtures = {
        "fixture": planted.token_of(planted.FIXTURE, "secret"),
        "named fixture": planted.token_of(planted.NAMED_FIXTURE, "secret"),
        "fixture of the session": planted.token_of(planted.SESSION_FIXTURE, "secret"),
        "compared": planted.token_of(planted.FAILING, "secret"),
        "parameter": planted.PARAMETER,
        "literal": planted.LITERAL,
        "shape in a literal": "q996!",
    }
    return plants | fixtures


def leaks(found: dict[str, bytes]) -> list[str]:
    return [
        f"{place} in {name}: ...{data[max(at - 60, 0) : at + 40]!r}"
        for place, text in planted_texts().items()
        for form in forms_of(text)
        for name, data in found.items()
        if (at := data.find(form)) >= 0
    ]


def sections_of(output: str) -> bytes:
    """Give our sections of the reports; what pytest prints around them is its own."""
    parts = re.split(r"^-+ (.+?) -+$|^[=_]{3,}.*$", output, flags=re.MULTILINE)
    ours = [
        text
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
        if title == SECTION_TITLE
    ]
    assert ours
    return "\n".join(ours).encode()


def prepare(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(vault=planted.VAULT, test_it=planted.suite())


def record(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    prepare(pytester)
    return run(
        pytester,
        "--record-trace",
        "--record-exclude=vault",
        "--record-html=on",
        "--record-log-file=test-traces/log.jsonl",
        "--record-log-level=debug",
        "--junitxml=test-traces/junit.xml",
        *args,
    )


def trace_facts(pytester: pytest.Pytester) -> set[str]:
    found = set()
    for path in traces(pytester):
        with pytest_recorder.open_trace(path) as trace:
            found.add(trace.manifest.hot_path)
    return found


def all_values(pytester: pytest.Pytester) -> str:
    return "\n".join(map(values_of, traces(pytester)))


def test_no_secret_is_in_what_a_failing_run_leaves(
    pytester: pytest.Pytester, hot_path: str
) -> None:
    result = record(pytester)
    assert [e["outcome"] for e in index(pytester)] == ["failed"] * 5, result.stdout.str()
    assert trace_facts(pytester) == {hot_path}
    assert {e["status"] for e in index(pytester)} == {"complete"}
    folder = pytester.path / "test-traces"
    (folder / "junit.xml").write_text("\n".join(ours_in(folder / "junit.xml")))
    found = left_in(folder)
    found["the reports"] = sections_of(result.stdout.str())
    assert leaks(found) == []
    values = all_values(pytester)
    assert [
        plant.place
        for number, plant in enumerate(planted.HIDDEN)
        if plant.kind == "digits" and f"'value': {planted.token_of(number, 'digits')}" in values
    ] == []


def test_what_is_no_secret_is_shown(pytester: pytest.Pytester, hot_path: str) -> None:
    record(pytester)
    values = all_values(pytester)
    assert [
        plant.place
        for number, plant in enumerate(planted.SHOWN)
        if planted.shown_of(number, plant.kind) not in values
    ] == []
    for word in ("correcthorse", "'/home/ann/.ssh/id ", "before", "after"):
        assert word in values


def ours_in(junit: Path) -> Iterator[str]:
    """Give our properties of a JUnit file; the messages there are pytest's."""
    for name, value in re.findall(
        r'<property name="([^"]+)" value="([^"]*)"', junit.read_text()
    ):
        if name.startswith("record_trace"):
            yield html.unescape(value)


def test_a_parameter_that_is_a_secret_names_no_folder(pytester: pytest.Pytester) -> None:
    record(pytester)
    (entry,) = [e for e in index(pytester) if "test_parameter" in e["test"]]
    assert re.fullmatch(r"[0-9a-f]{10}-1/trace\.pyrec", entry["trace"])
    assert entry["test"] == NODE_ID
    with pytest_recorder.open_trace(pytester.path / "test-traces" / entry["trace"]) as trace:
        assert trace.manifest.test == NODE_ID


@pytest.mark.parametrize(
    "args",
    [
        ("-n", "2"),
        ("--record-scope=session",),
        ("--record-keep=all",),
    ],
    ids=["workers", "session", "all"],
)
def test_no_secret_is_left_whatever_is_recorded(
    pytester: pytest.Pytester, args: tuple[str, ...]
) -> None:
    record(pytester, *args)
    folder = pytester.path / "test-traces"
    (folder / "junit.xml").unlink()
    assert traces(pytester)
    assert leaks(left_in(folder)) == []


DIES = """
import os, signal

def test_dies(recording):
CALLS
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_secret_is_left_when_a_dead_run_was_recovered(
    pytester: pytest.Pytester, hot_path: str
) -> None:
    prepare(pytester)
    suite = planted.suite()
    calls = "\n".join(re.findall(r"^    hide_\d+\(recording\)$", suite, re.MULTILINE))
    pytester.makepyfile(
        test_it=suite.partition("@pytest.fixture")[0] + DIES.replace("CALLS", calls)
    )
    result = run(
        pytester,
        "--record-trace",
        "--record-exclude=vault",
        "--record-redact=colour",
    )
    assert result.ret == -signal.SIGKILL
    folder = pytester.path / "test-traces"
    (spool,) = folder.glob("*.pyspool")
    packed = pytester.path / "shown"
    packed.mkdir()
    assert main(["export", "--format=jsonl", str(spool), "-o", str(packed / "a.jsonl")]) == 0
    assert leaks(left_in(packed)) == []
    assert main(["recover", str(folder)]) == 0
    (entry,) = index(pytester)
    assert entry["outcome"] == "died"
    assert not list(folder.glob("*.pyspool"))
    assert leaks(left_in(folder)) == []


def test_what_a_test_or_a_fixture_puts_into_the_environment_is_learned(
    pytester: pytest.Pytester, hot_path: str
) -> None:
    secret = "zq001-Kx9"
    pytester.makepyfile(
        vault=f"def kept(): return '-'.join(('{secret[:5]}', '{secret[6:]}'))",
        test_it="""
        import os
        import pytest
        from vault import kept

        @pytest.fixture
        def configured(monkeypatch):
            monkeypatch.setenv("SHOP_API_SECRET", kept())

        def test_fixture(configured):
            found = os.environ["SHOP_API_SECRET"]
            assert found == "other"

        def test_itself(monkeypatch):
            monkeypatch.setenv("SHOP_API_SECRET", kept())
            found = os.environ["SHOP_API_SECRET"]
            assert found == "other"
        """,
    )
    for name in ("fixture", "itself"):
        options = ("--record-trace", "--record-exclude=vault", "--record-html=on")
        run(pytester, *options, "-k", name).assert_outcomes(failed=1)
        left = left_in(pytester.path / "test-traces")
        assert [key for key, data in left.items() if secret.encode() in data] == []


def test_no_secret_is_in_the_trace_of_a_script(pytester: pytest.Pytester) -> None:
    prepare(pytester)
    body = planted.suite().partition("@pytest.fixture")[0].replace("import pytest\n", "")
    calls = [f"hide_{n}(None)" for n, p in enumerate(planted.HIDDEN) if p.place != "note"]
    # Without a handler `logging` prints what it formats: a short text without a name, which no rule can know.
    quiet = "logging.getLogger('x').addHandler(logging.NullHandler())\n"
    (pytester.path / "script.py").write_text(body + quiet + "\n".join(calls) + "\n")
    trace = pytester.path / "left" / "trace.pyrec"
    command = (sys.executable, "-m", "pytest_recorder", "run", "-o", trace, "--exclude=vault")
    assert pytester.run(*command, pytester.path / "script.py").ret == 0
    assert leaks(left_in(trace.parent)) == []


def test_a_source_that_is_masked_has_not_the_digest_of_the_file(
    pytester: pytest.Pytester,
) -> None:
    import hashlib

    record(pytester, "-k", "literal")
    (path,) = traces(pytester)
    file = str(pytester.path / "test_it.py")
    source = Path(file).read_bytes()
    with pytest_recorder.open_trace(path) as trace:
        kept: Any = trace.source(file)
        digest, gaps = trace.digest(file), trace.left_out(file)
    shown = [data for data in blocks(path) if b"def test_literal" in data]
    assert len(shown) == 1
    assert shown[0][:32] == digest != hashlib.sha256(source).digest()
    lines = [line.encode() for line in kept.split("\n")]
    there = [
        (masked, line)
        for n, (masked, line) in enumerate(zip(lines, source.split(b"\n"), strict=True), 1)
        if not any(n in gap for gap in gaps)
    ]
    assert [len(masked) for masked, _ in there] == [len(line) for _, line in there]
    assert any(masked != line for masked, line in there)
