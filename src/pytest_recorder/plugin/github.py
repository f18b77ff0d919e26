"""Tells GitHub Actions what failed: an annotation for each test, and a table for the summary.

Only in the process that reports: on the controller of pytest-xdist, and in no run that a test of
another pytest run has started, for that one would tell failures of its own.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from pytest_recorder.errors import ErrorCode, enverr, from_os_error
from pytest_recorder.plugin import report as texts
from pytest_recorder.plugin.attempt import SESSION_TEST
from pytest_recorder.plugin.failing import Failing, failing_in
from pytest_recorder.plugin.ledger import Ledger
from pytest_recorder.tracefile.index import DIED, Entry

_OTHER_PLUGIN = "pytest_github_actions_annotate_failures"
_MOST_SUMMARY = 1024 * 1024
"""For each step, by GitHub's page on workflow commands; a larger file is an error there."""
_MOST_TITLE = 200
_SHOWN = ("failed", DIED, "interrupted")
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})

T = TypeVar("T")


class Guard(Protocol):
    """Calls a function; a fault of ours in it is told as the policy says, and gives None."""

    def __call__(self, label: str, function: Callable[[], T], /) -> T | None: ...


class GitHub:
    """Collects what failed, and tells it at the end of the run.

    At the end because GitHub shows ten annotations of a step: distinct failures come first.
    """

    def __init__(
        self,
        config: pytest.Config,
        ledger: Ledger,
        environ: Mapping[str, str],
        root: Path,
        guard: Guard,
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._environ = environ
        self._root = root
        self._guard = guard
        self._failures: dict[str, list[Failing]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a failed phase; an attempt that is tried again has not failed by its report."""
        if report.failed:
            self._guard("github", lambda: self._take(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in a file that cannot be collected."""
        if report.failed:
            self._guard("github", lambda: self._take(report))

    def _take(self, report: Any) -> None:
        failing = failing_in(report, self._root)
        known = self._failures.setdefault(report.nodeid, [])
        if failing not in known:
            known.append(failing)

    def pytest_sessionfinish(self) -> None:
        """Append the table to the summary of the step; the recorder has ended before."""
        self._guard("github", self._write_summary)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Print the annotations, each on a line of its own."""
        lines = self._guard("github", self._annotations) or []
        if lines:
            terminalreporter.ensure_newline()
        for line in lines:
            terminalreporter.write_line(line)

    # Annotations.

    def _annotations(self) -> list[str]:
        is_told = self._config.pluginmanager.hasplugin(_OTHER_PLUGIN)
        repeats: list[str] = []
        first: list[str] = []
        seen: set[tuple[object, ...]] = set()
        for test, failures in self._failures.items():
            failing = failures[0]
            if is_told and failing.phase == "call":
                continue
            key = failing.exception, failing.path, failing.line
            (repeats if key in seen else first).append(self._annotation(test, failures))
            seen.add(key)
        return first + repeats

    def _annotation(self, test: str, failures: list[Failing]) -> str:
        failing = failures[0]
        phase = "" if failing.phase == "call" else f" ({failing.phase})"
        lines = [failing.message or failing.exception or "failed"]
        lines += [f"{f.phase}: {f.message} [{f.place(self._root)}]" for f in failures[1:]]
        trace = self._trace_of(test)
        if trace is not None:
            lines += [f"trace: {trace}", f"pytest-recorder show --at failure {trace}"]
        properties = {**self._location(failing), "title": f"{test}{phase}"[:_MOST_TITLE]}
        shown = ",".join(f"{k}={_plain(v).translate(_PROPERTY)}" for k, v in properties.items())
        data = "\n".join(_plain(line) for line in lines).translate(_DATA)
        return f"::error {shown}::{data}"

    def _location(self, failing: Failing) -> dict[str, str]:
        """Give the place in the repository; nothing where it lies outside."""
        workspace = self._environ.get("GITHUB_WORKSPACE") or str(self._config.rootpath)
        relative = _below(failing.path, workspace)
        return {} if relative is None else {"file": relative, "line": str(failing.line)}

    def _trace_of(self, test: str) -> str | None:
        """Give the path of the last trace of a test, or of the run, as the step sees it."""
        kept = [entry for entry in self._entries() if entry.trace is not None]
        found = [e.trace for name in (SESSION_TEST, test) for e in kept if e.test == name]
        return f"{self._folder}/{found[-1]}" if found else None

    # The summary.

    def _entries(self) -> list[Entry]:
        return [*self._ledger.recovered, *self._ledger.entries]

    @property
    def _folder(self) -> str:
        base = self._config.invocation_params.dir
        return texts.shown_path(self._ledger.folder, base).replace(os.sep, "/")

    def _rows(self) -> list[Entry]:
        """Give a row for each trace of a failure, and for each failed test without one."""
        entries = [entry for entry in self._entries() if entry.outcome in _SHOWN]
        recorded = {entry.test for entry in entries}
        for test, failures in self._failures.items():
            if test not in recorded:
                facts = failures[0].facts(self._root)
                plain = Entry(
                    test=test, attempt=1, outcome="failed", trace=None, status="missing"
                )
                entries.append(plain.model_copy(update=facts))
        return entries

    def _write_summary(self) -> None:
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        rows = self._rows()
        if not path or not rows:
            return
        try:
            with open(path, "ab") as file:
                room = _MOST_SUMMARY - file.tell()
                content = self._summary(rows, room)
                file.write(content)
        except OSError as error:
            problem = from_os_error(error, "cannot write the summary of the step", path=path)
            problem.__cause__ = error
            self._ledger.warn(problem, None)
        else:
            if not content:
                problem = enverr(
                    ErrorCode.IO,
                    "the summary of the step is full, no table was added",
                    path=path,
                )
                self._ledger.warn(problem, None)

    def _summary(self, rows: list[Entry], room: int) -> bytes:
        from pytest_recorder.viewer.index_markdown import code, table

        kept = sum(row.trace is not None for row in rows)
        tests = len({row.test for row in rows})
        count = f"Failures of {texts.count(tests, 'test')}, {texts.count(kept, 'trace')}"
        place = f"{code(self._folder)}{self._artifacts()}"
        head = ["", "### Recorded traces", "", f"{count} in {place}.", ""]
        used = sum(len(line.encode("utf-8")) + 1 for line in head)
        lines = table(rows, self._folder, most_bytes=room - used - 1)
        return "\n".join([*head, *lines, ""]).encode("utf-8") if lines else b""

    def _artifacts(self) -> str:
        """Give a link to where the artifacts of this run of the workflow are."""
        names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
        server, repository, run = (self._environ.get(name, "") for name in names)
        url = f"{server}/{repository}/actions/runs/{run}"
        is_plain = all(char.isalnum() or char in "-._~:/" for char in url)
        if not (server and repository and run and is_plain):
            return ""
        return f", if the job uploads it: [artifacts]({url}#artifacts)"


def _plain(text: str) -> str:
    """Give a text without control characters: a terminal and GitHub's log read this."""
    from pytest_recorder.viewer.values import safe_text

    return safe_text(text)


def _below(path: str, folder: str) -> str | None:
    """Give a path relative to a folder, None where it does not lie there."""
    real, base = os.path.realpath(path), os.path.realpath(folder)
    if not real.startswith(os.path.join(base, "")):
        return None
    return os.path.relpath(real, base).replace(os.sep, "/")
