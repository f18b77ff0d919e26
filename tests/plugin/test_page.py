"""The page beside a kept trace: when there is one, what it links to, what a fault of it does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.cli import main
from tests.plugin.support import index, kept, run, traces

INTERRUPTED = """
import pytest
from pytest_recorder.plugin import explainer, run_metrics

def interrupt(*_):
    raise KeyboardInterrupt

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown():
    WHAT = interrupt
"""
FAILS = "def test_a():\n    x = 1\n    assert x == 2\n"


def pages(pytester: pytest.Pytester) -> list[Path]:
    return sorted((pytester.path / "test-traces").rglob("trace.html"))


def attempts(page: Path) -> list[dict[str, Any]]:
    found = re.search('id="attempts">(.*?)</script>', page.read_text("ascii"))
    assert found is not None
    listed: list[dict[str, Any]] = json.loads(found[1])
    return listed


@pytest.mark.parametrize(
    "option, variable, has_page",
    [
        ("auto", "true", True),
        ("auto", "", False),
        ("auto", "false", False),
        ("on", "", True),
        ("off", "1", False),
    ],
)
def test_a_kept_trace_has_a_page_where_that_is_wanted(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    variable: str,
    has_page: bool,
) -> None:
    monkeypatch.setenv("CI", variable)
    pytester.makepyfile(FAILS)
    run(pytester, "--record-trace", f"--record-html={option}")
    (trace,) = traces(pytester)
    assert pages(pytester) == ([trace.with_suffix(".html")] if has_page else [])


@pytest.mark.parametrize("option, all_have_pages", [("auto", False), ("on", True)])
def test_in_ci_only_failures_have_pages_without_being_asked_for(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    all_have_pages: bool,
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(
        FAILS + "def test_good(): pass\n"
        "import pytest\n"
        "def test_skipped(): pytest.skip()\n"
        "@pytest.mark.xfail\n"
        "def test_expected(): assert False\n"
        "@pytest.fixture\n"
        "def broken():\n    yield\n    raise OSError\n"
        "def test_torn(broken): pass\n"
    )
    run(pytester, "--record-trace", "--record-keep=all", f"--record-html={option}")
    folder = pytester.path / "test-traces"
    assert len(kept(pytester)) == 5
    has_page = {
        entry["test"].partition("::")[2]: (folder / entry["trace"])
        .with_name("trace.html")
        .exists()
        for entry in index(pytester)
    }
    assert has_page == {
        "test_a": True,
        "test_good": all_have_pages,
        "test_skipped": all_have_pages,
        "test_expected": all_have_pages,
        "test_torn": True,
    }


def test_attempts_link_to_each_other(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    run(pytester, "--record-trace", "--record-html=on", "--reruns=2")
    first, second, third = pages(pytester)
    assert [one["attempt"] for one in attempts(first)] == [1, 2, 3]
    assert [one["is_this"] for one in attempts(second)] == [False, True, False]
    for page in (first, second, third):
        links = [one["href"] for one in attempts(page) if one["href"]]
        assert {(page.parent / link).resolve() for link in links} == {first, second, third} - {
            page
        }


def test_the_page_of_a_failure_is_told_of_an_attempt_that_passed_and_has_none(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(
        "runs = []\ndef test_a():\n    runs.append(1)\n    assert len(runs) > 1\n"
    )
    run(pytester, "--record-trace", "--record-keep=all", "--reruns=1")
    assert len(traces(pytester)) == 2
    (page,) = pages(pytester)
    found = [(one["attempt"], one["outcome"], one["href"]) for one in attempts(page)]
    assert found == [(1, "failed", None), (2, "passed", None)]


def shown(page: Path) -> str:
    """Give the links between attempts as a reader sees them."""
    texts = (f"{one['attempt']}{' (this)' * one['is_this']}" for one in attempts(page))
    return ", ".join(texts)


def linked(page: Path) -> list[Path]:
    """Give the pages that a page has links to, by number of the attempt."""
    return [(page.parent / one["href"]).resolve() for one in attempts(page) if one["href"]]


def pages_by(key: str, pytester: pytest.Pytester) -> list[list[Path]]:
    """Give where the pages of both runs, or of both workers, belong, attempt by attempt."""
    found: dict[str, list[Path]] = {}
    for entry in sorted(index(pytester), key=lambda entry: int(entry["attempt"])):
        page = (pytester.path / "test-traces" / entry["trace"]).with_name("trace.html")
        found.setdefault(entry[key], []).append(page)
    assert [len(pages) for pages in found.values()] == [2, 2]
    return list(found.values())


def test_workers_that_all_run_a_test_have_attempts_of_their_own(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(FAILS)
    run(
        pytester,
        "--record-trace",
        "--record-html=on",
        "--reruns=1",
        "-n",
        "2",
        "--dist=each",
    )
    for is_by_command in (False, True):
        for first, second in pages_by("worker", pytester):
            if is_by_command:
                assert main(["html", str(first.with_suffix(".pyrec"))]) == 0
                assert main(["html", str(second.with_suffix(".pyrec"))]) == 0
            assert [shown(first), shown(second)] == ["1 (this), 2", "1, 2 (this)"]
            assert [linked(first), linked(second)] == [[second], [first]]


def test_attempts_of_two_runs_in_a_merged_folder_stay_apart(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    for name in ("one", "two"):
        run(pytester, "--record-trace", "--reruns=1", f"--record-dir={name}")
    assert main(["merge", "one", "two", "-o", "test-traces"]) == 0
    for trace in traces(pytester):
        assert main(["html", str(trace)]) == 0
    for first, second in pages_by("run_id", pytester):
        assert [shown(first), shown(second)] == ["1 (this), 2", "1, 2 (this)"]
        assert linked(second) == [first]


def test_pages_of_a_merged_folder_link_to_attempts_of_their_own_run(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(FAILS)
    for name in ("one", "two"):
        run(
            pytester,
            "--record-trace",
            "--record-html=on",
            "--reruns=1",
            f"--record-dir={name}",
        )
    before = {path: path.read_bytes() for path in pytester.path.glob("[ot][nw][eo]/*/*.html")}
    assert len(before) == 4
    assert main(["merge", "one", "two", "-o", "test-traces"]) == 0
    assert before == {path: path.read_bytes() for path in before}
    for first, second in pages_by("run_id", pytester):
        assert [shown(first), shown(second)] == ["1 (this), 2", "1, 2 (this)"]
        assert [linked(first), linked(second)] == [[second], [first]]


def test_workers_write_pages_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    run(pytester, "--record-trace", "--record-html=on", "-n", "1")
    assert len(pages(pytester)) == 1


def test_the_next_run_removes_the_page_with_its_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILS)
    run(pytester, "--record-trace", "--record-html=on")
    (page,) = pages(pytester)
    pytester.makepyfile("def test_a(): pass\n")
    run(pytester, "--record-trace", "--record-html=on")
    assert not page.parent.exists()


@pytest.mark.parametrize("action, failed", [("warn", False), ("fail", True)])
def test_a_page_that_fails_follows_the_policy_and_the_trace_stays(
    pytester: pytest.Pytester, action: str, failed: bool
) -> None:
    pytester.makeconftest(
        """
        import pytest
        @pytest.hookimpl(trylast=True)
        def pytest_runtest_logstart(nodeid):
            # A folder stands where the page would go.
            import pathlib
            from pytest_recorder.tracefile.naming import folder_name
            where = pathlib.Path("test-traces") / folder_name(nodeid, 1, 1)
            (where / "trace.html").mkdir(parents=True)
            (where / "trace.html" / "mine").touch()
        """
    )
    pytester.makepyfile("def test_a(recording):\n    recording.keep()\n")
    result = run(
        pytester, "--record-trace", "--record-html=on", f"--record-errors=environment={action}"
    )
    assert kept(pytester) == ["test_a#1"]
    assert index(pytester)[0]["status"] == "complete"
    assert (traces(pytester)[0]).stat().st_size > 0
    text = result.stdout.str()
    assert "cannot write the page" in text
    assert ("errors" in result.parseoutcomes()) == failed
    assert "INTERNALERROR" not in text


def test_a_test_that_took_its_process_with_it_has_a_page(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import os\ndef test_a():\n    x = 1\n    os._exit(3)\n")
    run(pytester, "--record-trace", "--record-html=on", "-n", "1", "--max-worker-restart=0")
    assert len(pages(pytester)) == 1


@pytest.mark.parametrize("what", ["add_page", "explain"])
def test_ctrl_c_beside_a_kept_trace_does_not_make_it_a_missing_one(
    pytester: pytest.Pytester, what: str
) -> None:
    pytester.makepyfile(FAILS)
    pytester.makeconftest(INTERRUPTED.replace("WHAT", f"explainer.Explainer.{what}"))
    result = run(pytester, "--record-trace", "--record-html=on", "--record-require-trace")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.no_fnmatch_line("*ERR_TRACE_MISSING*")
    (entry,) = index(pytester)
    assert (entry["status"], entry["outcome"]) == ("complete", "failed")


def test_ctrl_c_after_a_trace_that_nobody_wanted_does_not_make_it_a_missing_one(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_a(): pass")
    pytester.makeconftest(INTERRUPTED.replace("WHAT", "run_metrics.RunMetrics.attach"))
    result = run(pytester, "--record-trace", "--record-require-trace")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.no_fnmatch_line("*ERR_TRACE_MISSING*")
