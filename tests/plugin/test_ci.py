"""What CI servers are told: annotations, the summary of a step, attachments of JUnit."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.plugin import github
from pytest_recorder.plugin.failing import Failing, attach
from pytest_recorder.render.index_markdown import entry_table
from pytest_recorder.tracefile.index import Entry
from tests.plugin.support import ALONE, SENDS_ALL_TEARDOWNS, index, words

SUITE = {
    "test_it": """
import json
import pytest

@pytest.fixture
def broken():
    raise OSError("no, 100% not: ready\\nsecond line")

@pytest.fixture
def breaks_later():
    yield
    raise ValueError("later")

def check(n):
    assert n == 0

@pytest.mark.parametrize("n", [1, 2])
def test_same(n): check(n)

def test_setup(broken): pass
def test_teardown(breaks_later): pass
def test_both(breaks_later): check(3)
def test_library(): json.loads("{")
def test_passes(): pass
@pytest.mark.record(False)
def test_unrecorded(): raise KeyError("x")
""",
    "test_bad": "import no_such_module\n",
}

# Later versions of pytest name the file too.
_MARKED = "test_a" if pytest.version_tuple < (8, 1) else "test_marked.py::test_a"


class Ran:
    """A run of pytest as a CI server starts it, and not as one inside a test."""

    def __init__(self, pytester: pytest.Pytester, *args: str, **environ: str) -> None:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI"))}
        plain.pop("PYTEST_CURRENT_TEST", None)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words(*args)],
            cwd=pytester.path,
            env=plain | {ALONE: "1"} | environ,
            capture_output=True,
            text=True,
            check=False,
        )
        self.lines = done.stdout.splitlines()
        self.text = done.stdout + done.stderr
        self.status = done.returncode
        self.annotations = [line for line in self.lines if line.startswith("::")]


def actions(pytester: pytest.Pytester, *args: str, **environ: str) -> Ran:
    common = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(pytester.path.parent)}
    return Ran(pytester, "--record-trace", *args, **common | environ)


def parsed(annotation: str) -> tuple[dict[str, str], str]:
    match = re.fullmatch(r"::error ([^:]*)::(.*)", annotation)
    assert match is not None, annotation
    decode = {"%25": "%", "%0A": "\n", "%0D": "\r", "%3A": ":", "%2C": ","}
    properties = dict(part.split("=", 1) for part in match[1].split(","))
    decoded = {
        key: re.sub("%..", lambda m: decode[m[0]], value) for key, value in properties.items()
    }
    return decoded, re.sub("%..", lambda m: decode[m[0]], match[2])


@pytest.mark.parametrize("extra", [(), ("-n", "2")], ids=["alone", "workers"])
def test_each_failing_test_has_one_annotation_at_its_line_and_a_row_in_the_summary(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(**SUITE)
    summary = pytester.path / "summary.md"
    summary.write_text("before")
    ran = actions(
        pytester,
        "--continue-on-collection-errors",
        *extra,
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_SERVER_URL="https://github.com",
        GITHUB_REPOSITORY="some/project",
        GITHUB_RUN_ID="7",
    )
    assert ran.status == 1
    here = pytester.path.name
    found = {}
    for annotation in ran.annotations:
        properties, message = parsed(annotation)
        assert properties["title"] not in found
        found[properties["title"]] = (properties["file"], properties["line"], message)
    it = "test_it.py"
    places = {title: (file, int(line)) for title, (file, line, _) in found.items()}
    assert places == {
        "test_bad.py (collect)": (f"{here}/test_bad.py", 1),
        f"{it}::test_same[1]": (f"{here}/{it}", 14),
        f"{it}::test_same[2]": (f"{here}/{it}", 14),
        f"{it}::test_setup (setup)": (f"{here}/{it}", 6),
        f"{it}::test_teardown (teardown)": (f"{here}/{it}", 11),
        f"{it}::test_both": (f"{here}/{it}", 14),
        f"{it}::test_library": (f"{here}/{it}", 22),
        f"{it}::test_unrecorded": (f"{here}/{it}", 25),
    }
    message = found[f"{it}::test_setup (setup)"][2]
    assert message.splitlines()[0] == "OSError: no, 100% not: ready"
    assert f"trace: test-traces/{it}-test_setup" in message
    assert "teardown: ValueError: later [test_it.py:11]" in found[f"{it}::test_both"][2]
    assert "trace:" not in found[f"{it}::test_unrecorded"][2]
    # Repeats come last: GitHub shows ten annotations of a step.
    repeats = [parsed(line)[0]["title"] for line in ran.annotations[-2:]]
    assert all("test_same" in title or "test_both" in title for title in repeats)
    text = summary.read_text()
    assert text.startswith("before\n### Recorded traces\n\nFailures of 8 tests, 6 traces in ")
    assert "[artifacts](https://github.com/some/project/actions/runs/7#artifacts)" in text
    rows = [line for line in text.splitlines() if line.startswith("| <code>")]
    assert len(rows) == 8
    assert sum("trace&#46;pyrec" in row for row in rows) == 6
    assert all(len(re.findall(r"(?<!&#92;)\|", row)) == 7 for row in rows)


@pytest.mark.parametrize("extra", [(), ("-n", "2")], ids=["alone", "workers"])
def test_the_annotation_of_a_file_that_cannot_be_collected_names_the_cause_and_its_line(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    files = {
        "test_import": "import os\nimport helper\n",
        "helper": "import os\n\nimport no_such_module\n",
        "test_name": "from os import (\n    path, nothing_of_the_kind)\n",
        "test_syntax": "x = 1\n\ndef test(:\n",
        "test_value": "def f():\n    raise ValueError('one\\ntwo')\nf()\n",
        "test_library": "import json\njson.loads('{')\n",
        "test_several": "raise ImportError('one\\ntwo')\n",
        "test_marked": "import pytest\n@pytest.mark.parametrize('x', [1])\ndef test_a(): pass\n",
    }
    pytester.makepyfile(**files)
    ran = actions(pytester, *extra)
    found = {}
    for annotation in ran.annotations:
        properties, message = parsed(annotation)
        title = properties["title"].removesuffix(".py (collect)")
        place = f"{Path(properties['file']).name}:{properties['line']}"
        found[title] = (message.partition("\n")[0].partition(" (")[0], place)
    json_error = found.pop("test_library")
    assert json_error[0].startswith("json.decoder.JSONDecodeError: Expecting property name")
    assert json_error[1] == "test_library.py:2"
    assert found.pop("test_syntax")[1] == "test_syntax.py:3"
    assert found == {
        "test_import": ("ModuleNotFoundError: No module named 'no_such_module'", "helper.py:3"),
        "test_name": (
            "ImportError: cannot import name 'nothing_of_the_kind' from 'os'",
            "test_name.py:1",
        ),
        "test_value": ("ValueError: one", "test_value.py:2"),
        "test_several": ("ImportError: one", "test_several.py:1"),
        "test_marked": (
            f"Failed: In {_MARKED}: function uses no argument 'x'",
            "test_marked.py:1",
        ),
    }


def test_a_test_that_took_its_worker_with_it_is_annotated_where_it_was(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it="import os\ndef leave(n):\n    os._exit(n)\ndef test_dies():\n    leave(3)\n"
    )
    summary = pytester.path / "summary.md"
    ran = actions(pytester, "-n", "1", GITHUB_STEP_SUMMARY=str(summary))
    (annotation,) = ran.annotations
    properties, message = parsed(annotation)
    assert properties == {
        "file": f"{pytester.path.name}/test_it.py",
        "line": "3",
        "title": "test_it.py::test_dies (crashed)",
    }
    assert "crashed while running" in message
    assert "trace: test-traces/" in message
    (entry,) = index(pytester)
    assert (entry["phase"], entry["place"]) == ("call", "test_it.py:3")
    assert re.search("^the process died .pid [0-9]+. during the test$", entry["message"])
    (row,) = [line for line in summary.read_text().splitlines() if "test&#95;dies<" in line]
    cells = [re.sub("<.*?>", "", cell).strip() for cell in row.split("|")[1:-1]]
    assert [bool(cell) for cell in cells] == [True] * 6
    assert (cells[2], cells[4]) == ("call", "test&#95;it&#46;py&#58;3")


def test_the_annotation_names_the_trace_of_a_whole_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): assert 0\ndef test_b(): assert 1")
    ran = actions(pytester, "--record-scope=session")
    assert "trace: test-traces/session-" in parsed(ran.annotations[0])[1]


def test_nothing_is_said_outside_of_actions_or_inside_of_a_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_a(): assert 0")
    summary = pytester.path / "summary.md"
    outside = Ran(pytester, "--record-trace", GITHUB_STEP_SUMMARY=str(summary))
    inside = actions(
        pytester, GITHUB_STEP_SUMMARY=str(summary), PYTEST_CURRENT_TEST="a.py::test (call)"
    )
    assert (outside.annotations, inside.annotations) == ([], [])
    assert not summary.exists()


def test_a_summary_that_cannot_be_written_is_a_warning_and_no_more(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        attempts = []
        def test_flaky():
            attempts.append(1)
            assert len(attempts) == 2
        """
    )
    ran = actions(
        pytester,
        "--reruns=1",
        "-Werror",
        GITHUB_STEP_SUMMARY=str(pytester.path / "no/such/file"),
    )
    assert ran.status == 0
    assert "RecorderWarning: [ERR_IO] cannot write the summary of the step" in ran.text
    assert ran.annotations == []  # it has passed in the end


FLAKY = """
import pytest
attempts = []

def test_flaky():
    attempts.append(1)
    assert len(attempts) == 2

def test_fails(): assert 0
"""


@pytest.mark.parametrize("extra", [(), ("-n", "1")], ids=["alone", "workers"])
def test_the_summary_tells_what_failed_from_what_passed_when_run_again(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_it=FLAKY)
    summary = pytester.path / "summary.md"
    actions(pytester, "--reruns=1", *extra, GITHUB_STEP_SUMMARY=str(summary))
    first, second = summary.read_text().split(" of tests that passed when run again, 1 trace.")
    assert "\nFailures of 1 test, 2 traces in " in first
    assert first.endswith("\n\n1 attempt")
    rows = [
        re.findall(r"^\| <code>test&#95;it.*(flaky|fails)<", half, re.MULTILINE)
        for half in (first, second)
    ]
    assert rows == [["fails", "fails"], ["flaky"]]


def test_the_summary_of_a_run_without_failures_names_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=FLAKY)
    summary = pytester.path / "summary.md"
    common = {"GITHUB_STEP_SUMMARY": str(summary)}
    ran = actions(pytester, "--reruns=1", "-k", "flaky", **common)
    assert ran.status == 0
    assert "\n1 attempt of tests that passed when run again, 1 trace in " in summary.read_text()
    assert "Failures" not in summary.read_text()
    summary.unlink()
    pytester.makepyfile(test_it="import pytest\ndef test_a(): pytest.exit('enough')\n")
    actions(pytester, **common)
    assert "\n1 attempt of tests or runs that did not end, 1 trace in " in summary.read_text()


def test_an_annotation_names_the_trace_of_the_failure_that_it_tells_of(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it="""
        import os
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_each(number):
            raise ValueError(os.environ["PYTEST_XDIST_WORKER"])

        def test_one_dies():
            if os.environ["PYTEST_XDIST_WORKER"] == "gw1":
                os._exit(1)
        """
    )
    ran = actions(pytester, "-n", "2", "--dist=each")
    messages = {}
    for annotation in ran.annotations:
        properties, message = parsed(annotation)
        messages[properties["title"].partition("::")[2]] = message
    assert len(messages) == 5
    entries = {entry["trace"]: entry for entry in index(pytester)}
    for title, message in messages.items():
        (trace,) = re.findall("^trace: test-traces/(.*)$", message, re.MULTILINE)
        if "test_each" in title:
            assert message.startswith(entries[trace]["message"])
            assert message.startswith(f"ValueError: {entries[trace]['worker']}")
        else:
            assert entries[trace]["outcome"] == "died"


HOSTILE = (
    "a|b",
    "`x`",
    "<b>&amp;</b>",
    "[x](javascript:y)",
    "\\|",
    "\x1b[31m\n| x |",
    "@me #1 *x* _y_",
    "\ud800",
)


def hostile_entry(text: str) -> Entry:
    facts = {"outcome": text, "exception": text, "message": text, "place": text, "phase": text}
    return Entry.checked(
        {"test": text, "attempt": 1, "trace": f"{text}/trace.pyrec", "status": text, **facts}
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_recorded_is_markup_in_the_table(text: str) -> None:
    (row,) = entry_table([hostile_entry(text)], "test-traces", most_bytes=10_000)[2:]
    row.encode("utf-8")
    assert row.count("|") == 7
    plain = re.sub(r"</?code>|&#\d+;", "", row)
    assert not set(plain) & set("`<>[]*_@\\&#\n\x1b")


@pytest.mark.parametrize("room", [0, 50, 500, 5_000, 50_000])
def test_the_table_keeps_to_its_room_and_says_what_is_missing(room: int) -> None:
    entries = [hostile_entry(f"test_{number}") for number in range(100)]
    lines = entry_table(entries, "test-traces", most_bytes=room)
    assert len("".join(f"{line}\n" for line in lines).encode()) <= room
    rows = sum("<code>" in line for line in lines)
    if lines and rows < 100:
        assert lines[-1].startswith(f"{100 - rows} more have no room here")


class Books:
    """As much of a run index as the summary needs."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)
        self.recovered: list[Entry] = []
        self.folder = Path("/project/test-traces")
        self.warnings: list[str] = []

    def warn(self, error: Exception, test: str | None) -> None:
        self.warnings.append(str(error))


def teller(pytestconfig: pytest.Config, books: Books, **environ: str) -> Any:
    def guard(label: str, call: Any) -> Any:
        return call()

    return github.GitHub(pytestconfig, books, environ, Path("/project"), guard)  # type: ignore[arg-type]


def test_the_summary_of_a_step_stays_below_the_limit_of_github(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_bytes(b"x" * 500_000)
    books = Books(*(hostile_entry(f"{'|' * 200}{number}") for number in range(1000)))
    for entry in books.entries:
        object.__setattr__(entry, "outcome", "failed")
    tell = teller(pytestconfig, books, GITHUB_STEP_SUMMARY=str(summary))
    tell.pytest_sessionfinish()
    size = summary.stat().st_size
    assert 1_000_000 < size <= 1024 * 1024
    assert re.search(r"\d+ more have no room here", summary.read_text()[-200:])
    summary.write_bytes(b"x" * 1024 * 1024)
    tell.pytest_sessionfinish()
    assert summary.stat().st_size == 1024 * 1024
    assert "the summary of the step is full" in books.warnings[0]


@pytest.mark.parametrize(
    "text", ["a%b", "a%0Ab", "a\rb\nc", "x::error::y", "a:b,c=d", "\x1b]0;x\x07"]
)
def test_no_text_can_end_an_annotation_or_begin_another(
    pytestconfig: pytest.Config, text: str
) -> None:
    inside = Failing("call", "E", text, f"/project/{text}.py", 3, True)
    line = annotation_of(pytestconfig, f"t.py::{text}", inside)
    assert line.isprintable()
    properties, message = parsed(line)
    assert (properties["line"], len(properties)) == ("3", 3)
    assert message == safe_text(text)
    elsewhere = Failing("call", "E", text, "/elsewhere/a.py", 3, False)
    assert set(parsed(annotation_of(pytestconfig, "t", elsewhere))[0]) == {"title"}


def annotation_of(pytestconfig: pytest.Config, test: str, failing: Failing) -> str:
    """Tell of one failure by the hooks that pytest calls, and give the line that is printed."""
    tell = teller(pytestconfig, Books(), GITHUB_WORKSPACE="/project")
    made = pytest.TestReport(test, ("t.py", 0, test), {}, "failed", None, "call")
    attach(made, failing)
    tell.pytest_runtest_logreport(made)
    printed: list[str] = []
    terminal = SimpleNamespace(ensure_newline=lambda: None, write_line=printed.append)
    tell.pytest_terminal_summary(terminal)
    (line,) = printed
    return line


SERVERS = {
    "gitlab": {"GITLAB_CI": "true"},
    "jenkins": {"JENKINS_URL": "http://jenkins"},
}


@pytest.mark.parametrize(
    "server, extra", [("gitlab", ("-n", "2")), ("jenkins", ()), ("none", ())]
)
def test_junit_names_the_files_of_each_attempt_where_the_server_reads_them(
    pytester: pytest.Pytester, server: str, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        """
        import pytest
        @pytest.fixture
        def broken(): raise OSError
        attempts = []
        def test_flaky():
            attempts.append(1)
            print("said by the test")
            assert len(attempts) == 2
        def test_error(broken): pass
        def test_passes(): pass
        """
    )
    environ = dict(SERVERS.get(server, {}))
    if server == "gitlab":
        environ["CI_PROJECT_DIR"] = str(pytester.path)
    Ran(
        pytester, "--record-trace", "--junitxml=out.xml", "--reruns=1", "--only-rerun=Assertion",
        "-o", "junit_logging=all", *extra, **environ,
    )  # fmt: skip
    cases = list(ET.parse(pytester.path / "out.xml").iter("testcase"))
    said = {
        (str(case.get("name")), number): re.findall(
            r"^\[\[ATTACHMENT\|(.*)\]\]$", case.findtext("system-out") or "", re.MULTILINE
        )
        for number, case in enumerate(cases)
    }
    assert all(len(case.findall("system-out")) <= 1 for case in cases)
    names = [name for names in said.values() for name in names]
    if server == "none":
        assert names == []
        return
    traces = [entry["trace"] for entry in index(pytester) if entry["trace"]]
    assert len(traces) == 2
    base = f"{pytester.path}/" if server == "jenkins" else ""
    assert sorted(names) == sorted(
        f"{base}test-traces/{Path(trace).parent}/{name}"
        for trace in traces
        if SENDS_ALL_TEARDOWNS or "test_error" in trace
        for name in ("failure.md", "trace.pyrec")
    )
    assert all(names[0].endswith("failure.md") for names in said.values() if names)


BROKEN_ENTRY = """
from pytest_recorder.plugin import xdist

def attach(made, entry):
    made.record_trace = {"test": 1}

xdist.attach_entry = attach
"""
RENAMED_KEY = """
import sys
import types
import _pytest.junitxml
sys.modules["_pytest.junitxml"] = types.ModuleType("_pytest.junitxml")
"""
BROKEN_REPORTER = """
from _pytest.junitxml import LogXML
real = LogXML.node_reporter

def node_reporter(self, report):
    if sys._getframe(1).f_globals["__name__"].startswith("pytest_recorder"):
        raise TypeError("node_reporter takes no report any more")
    return real(self, report)

import sys
LogXML.node_reporter = node_reporter
"""


@pytest.mark.parametrize(
    "fault", [BROKEN_ENTRY, RENAMED_KEY, BROKEN_REPORTER], ids=["entry", "key", "reporter"]
)
def test_a_junit_file_that_cannot_be_told_of_a_trace_ends_no_run(
    pytester: pytest.Pytester, fault: str
) -> None:
    pytester.makepyfile(breaks=fault, test_it="def test_a(): assert 0\ndef test_b(): pass")
    environ = {"JENKINS_URL": "http://jenkins", "PYTEST_RECORDER_STRICT": "0"}
    ran = Ran(pytester, "--record-trace", "--junitxml=out.xml", "-p", "breaks", **environ)
    assert "INTERNALERROR" not in ran.text
    assert "1 failed, 1 passed" in ran.text
    assert re.search(r"RecorderWarning: .*\[ERR_UNKNOWN\]", ran.text)
    cases = list(ET.parse(pytester.path / "out.xml").iter("testcase"))
    assert [case.get("name") for case in cases] == ["test_a", "test_b"]


def test_a_run_that_tells_no_server_needs_nothing_private_of_junit(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(breaks=RENAMED_KEY, test_it="def test_a(): assert 0")
    ran = Ran(pytester, "--record-trace", "-p", "breaks")
    assert "1 failed" in ran.text
    assert "RecorderWarning" not in ran.text
    assert [entry["trace"] is not None for entry in index(pytester)] == [True]


def test_an_entry_of_a_worker_that_is_none_ends_no_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(conftest=BROKEN_ENTRY, test_it="def test_a(): assert 0")
    ran = Ran(pytester, "--record-trace", "-n", "1", PYTEST_RECORDER_STRICT="0")
    assert "INTERNALERROR" not in ran.text
    assert "1 failed" in ran.text
    assert re.search(r"RecorderWarning: .*\[ERR_UNKNOWN\]", ran.text)
    assert [entry["test"] for entry in index(pytester)] == ["test_it.py::test_a"]
