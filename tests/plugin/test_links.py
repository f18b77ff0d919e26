"""What the reports of other plugins say of traces: per attempt, with and without workers."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from pytest_recorder.plugin import links, report_lines
from pytest_recorder.system.paths import FilePath
from tests.plugin.support import ALONE, SENDS_ALL_TEARDOWNS, index, run, traces, words

SUITE = """
    import pytest
    attempts = []

    @pytest.fixture
    def broken():
        cause = 7
        raise OSError(cause)

    def test_flaky():
        attempts.append(1)
        number = len(attempts)
        assert number == 3

    def test_error(broken): pass
    def test_passes(): pass
"""
REPORTS = (
    "--html=out/report.html", "--alluredir=allure", "--json-report", "--json-report-file=out.json",
    "--report-log=out.jsonl", "--junitxml=out.xml",
)  # fmt: skip
PLUGINS = (
    "metadata",
    "html",
    "html_fixtures",
    "allure_pytest",
    "pytest_jsonreport",
    "pytest_reportlog",
)
workers = pytest.mark.parametrize("extra", [(), ("-n", "2")], ids=["alone", "workers"])


def kept(pytester: pytest.Pytester) -> dict[tuple[str, int], str]:
    """The kept traces by test and attempt; two attempts of the flaky test, one of the other."""
    found = {
        (entry["test"].partition("::")[2], entry["attempt"]): entry["trace"]
        for entry in index(pytester)
    }
    assert sorted(found) == [("test_error", 1), ("test_flaky", 1), ("test_flaky", 2)]
    return found


def check_html(pytester: pytest.Pytester, expected: dict[tuple[str, int], str]) -> None:
    page = (pytester.path / "out/report.html").read_text()
    (blob,) = re.findall(r'data-jsonblob="(.*?)"', page)
    data = json.loads(html.unescape(blob))["tests"]
    links: dict[str, set[Path]] = {}
    for test, rows in data.items():
        for row in rows:
            for extra in row["extras"]:
                path = (pytester.path / "out" / unquote(extra["content"])).resolve()
                assert path.is_file()
                links.setdefault(test.split("::")[1], set()).add(path)
    assert links == {
        test: {
            (pytester.path / "test-traces" / trace).with_name(name)
            for (of, _), trace in expected.items()
            for name in ("trace.pyrec", "failure.md")
            if of == test
        }
        for test in ("test_error", "test_flaky")
    }
    logs = [row["log"] for rows in data.values() for row in rows]
    assert sum("last steps before the failure" in log for log in logs) >= 3


def check_allure(pytester: pytest.Pytester, expected: dict[tuple[str, int], str]) -> None:
    folder = pytester.path / "allure"
    found = []
    for path in folder.glob("*-result.json"):
        result = json.loads(path.read_text())
        sources = {a["name"]: folder / a["source"] for a in result.get("attachments", ())}
        if not sources:
            continue
        assert {"last steps", "failure.md", "trace.pyrec"} <= set(sources)
        assert "last steps before the failure" in sources["last steps"].read_text()
        found.append((result["name"], sources["trace.pyrec"].read_bytes()))
    assert sorted(found) == sorted(
        (test, (pytester.path / "test-traces" / trace).read_bytes())
        for (test, _), trace in expected.items()
    )


def check_json(pytester: pytest.Pytester, expected: dict[tuple[str, int], str]) -> None:
    data = json.loads((pytester.path / "out.json").read_text())
    found = {
        (test["nodeid"].partition("::")[2], attempt["attempt"]): attempt["trace"]
        for test in data["tests"]
        for attempt in test.get("metadata", {}).get("record_trace", ())
    }
    assert found == {key: f"test-traces/{trace}" for key, trace in expected.items()}
    (error,) = [test for test in data["tests"] if test["nodeid"].endswith("test_error")]
    assert "last steps before the failure" in error["setup"]["longrepr"]


def check_reportlog(pytester: pytest.Pytester, expected: dict[tuple[str, int], str]) -> None:
    lines = [
        json.loads(line) for line in (pytester.path / "out.jsonl").read_text().splitlines()
    ]
    properties = [dict(line.get("user_properties", ())) for line in lines]
    assert {p["record_trace"] for p in properties if p} == {
        f"test-traces/{trace}" for trace in expected.values()
    }
    assert all(
        (pytester.path / p["record_trace_explanation"]).is_file() for p in properties if p
    )
    failed = [str(line.get("longrepr")) for line in lines if line.get("longrepr")]
    assert len(failed) == 3
    assert all("last steps before the failure" in text for text in failed)


def check_junit(pytester: pytest.Pytester, expected: dict[tuple[str, int], str]) -> None:
    found = [
        str(each.get("value"))
        for each in ET.parse(pytester.path / "out.xml").iter("property")
        if each.get("name") == "record_trace"
    ]
    assert sorted(found) == sorted(
        f"test-traces/{trace}"
        for (test, _), trace in expected.items()
        if SENDS_ALL_TEARDOWNS or test == "test_error"
    )


@workers
def test_each_report_names_the_trace_of_each_attempt(
    pytester: pytest.Pytester, extra: tuple[str, ...]
) -> None:
    pytester.makepyfile(SUITE)
    args = ("--record-trace", "--reruns=3", "--only-rerun=AssertionError", *REPORTS, *extra)
    result = run(pytester, *args, plugins=PLUGINS)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.no_fnmatch_line("*RecorderWarning*")
    expected = kept(pytester)
    check_html(pytester, expected)
    check_allure(pytester, expected)
    check_json(pytester, expected)
    check_reportlog(pytester, expected)
    check_junit(pytester, expected)


def test_a_kept_trace_of_a_test_that_passed_is_linked_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_a(): pass")
    run(pytester, "--record-trace", "--record-keep=all", *REPORTS, plugins=PLUGINS)
    (path,) = traces(pytester)
    assert path.parent.name in (pytester.path / "out/report.html").read_text()
    (result,) = (pytester.path / "allure").glob("*-result.json")
    names = [each["name"] for each in json.loads(result.read_text())["attachments"]]
    assert names == ["trace.pyrec"]


def test_nothing_is_imported_where_no_such_report_is_written(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_a="def test_a(): assert 0",
        conftest="""
        import sys
        def pytest_unconfigure():
            print("imported:", sorted(n for n in sys.modules if n.split(".")[0] == "allure"))
        """,
    )
    result = run(pytester, "--record-trace")
    result.stdout.fnmatch_lines(["imported: []*"])
    assert result.ret == 1


@pytest.mark.parametrize("policy", ["abort", "disable"])
def test_a_report_that_cannot_be_linked_is_said_and_changes_no_outcome(
    pytester: pytest.Pytester, policy: str
) -> None:
    pytester.makepyfile(
        test_a="def test_a(): assert 0\ndef test_b(): pass",
        conftest="""
        import allure
        def fails(*args, **named): raise RuntimeError("allure is broken")
        allure.attach.file = fails
        """,
    )
    environ = {k: v for k, v in os.environ.items() if k != "PYTEST_RECORDER_STRICT"}
    environ[ALONE] = "1"
    args = ("--record-trace", "--record-keep=all", f"--record-on-error={policy}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words(*args, "--alluredir=allure", plugins=("allure_pytest",))],
        cwd=pytester.path, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 failed, 1 passed in" in done.stdout
    said = re.findall("RecorderWarning: (.*RuntimeError: allure is broken)", done.stdout)
    assert len(said) == 2
    assert "record-trace error" not in done.stdout


def test_a_file_on_another_drive_is_named_by_its_absolute_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = FilePath(tmp_path / "a b" / "trace.html")
    assert links._href(path, tmp_path) == "a%20b/trace.html"

    def relative(there: str, folder: object) -> str:
        # From one drive of Windows to another there is no way.
        return there

    monkeypatch.setattr(links, "relative", relative)
    monkeypatch.setattr(report_lines.files, "relative", relative)
    assert links._href(path, tmp_path) == path.of_pathlib().as_uri()
    assert report_lines.shown_path(path, tmp_path) == str(path)
