"""Tells GitHub Actions what failed: an annotation for each test, and a table for the summary.

Only in the process that reports: on the controller of pytest-xdist, and in no run that a test of
another pytest run has started, for that one would tell failures of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_recorder.diagnostics.guard import Guard
from pytest_recorder.errors import ErrorCode, enverr, from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import xdist
from pytest_recorder.plugin.attempt import SESSION_TEST
from pytest_recorder.plugin.failing import Failing, failing_in
from pytest_recorder.plugin.report_lines import shown_path
from pytest_recorder.plugin.run_index import RunIndex
from pytest_recorder.render.attempt_words import RERUN_WORDS
from pytest_recorder.render.quantities import count
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import SEPARATOR, AnyPath, with_separator
from pytest_recorder.tracefile.index import DIED, HARMLESS, Entry

_OTHER_PLUGIN = "pytest_github_actions_annotate_failures"
_MOST_SUMMARY = 1024 * 1024
"""For each step, by GitHub's page on workflow commands; a larger file is an error there."""
_MOST_TITLE = 200
_SHOWN = ("failed", DIED, "interrupted")
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


@dataclass(slots=True)
class _Failed:
    """What is known of a test that failed."""

    worker: str | None
    """That the first failure came from."""
    failures: list[Failing] = field(default_factory=list[Failing])
    entry: Entry | None = None
    """Of the attempt of the first failure; None as long as its teardown has not said."""


class GitHub:
    """Collects what failed, and tells it at the end of the run.

    At the end because GitHub shows ten annotations of a step: distinct failures come first.
    """

    def __init__(
        self,
        config: pytest.Config,
        run_index: RunIndex,
        environ: Mapping[str, str],
        root: AnyPath,
        guard: Guard,
    ) -> None:
        self._config = config
        self._run_index = run_index
        self._environ = environ
        self._root = root
        self._guard = guard
        self._failed: dict[str, _Failed] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a failed phase; an attempt that is tried again has not failed by its report."""
        if report.failed:
            self._guard("github", lambda: self._take(report))
        if report.when == "teardown":
            self._guard("github", lambda: self._describe(report))

    def take_earlier(
        self,
        reports: Iterable[pytest.TestReport],
        unread: Iterable[pytest.CollectReport],
    ) -> None:
        """Take in what had failed before this plugin was there."""
        for file in unread:
            self.pytest_collectreport(file)
        for report in reports:
            self.pytest_runtest_logreport(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in a file that cannot be collected."""
        if report.failed:
            self._guard("github", lambda: self._take(report))

    def _take(self, report: Any) -> None:
        failing = failing_in(report, self._root)
        new = _Failed(xdist.worker_that_sent(report))
        failures = self._failed.setdefault(report.nodeid, new).failures
        if failing not in failures:
            failures.append(failing)

    def _describe(self, report: pytest.TestReport) -> None:
        """Note which entry is that of the failure that is told: the teardown has it."""
        failed = self._failed.get(report.nodeid)
        if failed is None or failed.entry is not None:
            return
        if failed.worker == xdist.worker_that_sent(report):
            failed.entry = xdist.entry_of(report)

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
        told: set[tuple[object, ...]] = set()
        kept: dict[str, list[Entry]] = {}
        for entry in self._entries():
            if entry.trace is not None:
                kept.setdefault(entry.test, []).append(entry)
        for test, failed in self._failed.items():
            failing = failed.failures[0]
            if is_told and failing.phase == "call":
                continue
            key = failing.exception, failing.path, failing.line
            line = self._annotation(test, failed.failures, self._entry_of(test, failed, kept))
            (repeats if key in told else first).append(line)
            told.add(key)
        return first + repeats

    def _annotation(self, test: str, failures: list[Failing], entry: Entry | None) -> str:
        failing = failures[0]
        phase = "" if failing.phase == "call" else f" ({failing.phase})"
        lines = [failing.message or failing.exception or "failed"]
        lines += [f"{f.phase}: {f.message} [{f.place(self._root)}]" for f in failures[1:]]
        if entry is not None:
            trace = f"{self._folder}/{entry.trace}"
            lines += [RERUN_WORDS[entry.rerun]] if entry.rerun in RERUN_WORDS else []
            at = " --at failure" if entry.outcome not in HARMLESS else ""
            lines += [f"trace: {trace}", f"pytest-recorder show{at} {trace}"]
        properties = {**self._location(failing), "title": f"{test}{phase}"[:_MOST_TITLE]}
        shown = ",".join(f"{k}={_plain(v).translate(_PROPERTY)}" for k, v in properties.items())
        data = "\n".join(_plain(line) for line in lines).translate(_DATA)
        return f"::error {shown}::{data}"

    def _location(self, failing: Failing) -> dict[str, str]:
        """Give the place in the repository; nothing where it lies outside."""
        workspace = self._environ.get("GITHUB_WORKSPACE") or str(self._config.rootpath)
        relative = _below(failing.path, workspace)
        return {} if relative is None else {"file": relative, "line": str(failing.line)}

    def _entry_of(
        self, test: str, failed: _Failed, kept: Mapping[str, list[Entry]]
    ) -> Entry | None:
        """Give the entry of the failure that is told, where its trace was kept.

        Where its attempt is not known, as of a process that died, the last one of the test or of
        the run, by the same worker if any.
        """
        if failed.entry is not None:
            found = [e for e in kept.get(test, ()) if e.trace == failed.entry.trace]
        else:
            there = kept.get(test) or kept.get(SESSION_TEST, [])
            anyone = (None, failed.worker)
            found = [e for e in there if failed.worker is None or e.worker in anyone]
        return found[-1] if found else None

    # The summary.

    def _entries(self) -> list[Entry]:
        return [*self._run_index.recovered, *self._run_index.entries]

    @property
    def _folder(self) -> str:
        base = self._config.invocation_params.dir
        return shown_path(self._run_index.folder, base).replace(SEPARATOR, "/")

    def _sections(self) -> list[tuple[str, list[Entry]]]:
        """Give what is said of what, where there is something.

        A row for each trace of a failure, and for each failed test without one.
        """
        failed: list[Entry] = []
        again: list[Entry] = []
        unended: list[Entry] = []
        recovered = {entry.trace for entry in self._run_index.recovered}
        for entry in self._entries():
            if entry.test in self._failed or entry.test == SESSION_TEST:
                is_shown = entry.outcome in _SHOWN or entry.rerun is not None
                failed += [entry] if is_shown else []
            elif entry.outcome == "failed" and entry.trace not in recovered:
                again.append(entry)
            elif entry.outcome in _SHOWN:
                unended.append(entry)
        recorded = {entry.test for entry in failed}
        for test, failure in self._failed.items():
            if test not in recorded:
                fields = failure.failures[0].entry_fields(self._root)
                plain = Entry(
                    test=test, attempt=1, outcome="failed", trace=None, status="missing"
                )
                failed.append(plain.but(**fields))
        sections = [
            (f"Failures of {count(len(self._failed), 'test')}", failed),
            (
                f"{count(len(again), 'attempt')} of tests that passed when run again",
                again,
            ),
            (
                f"{count(len(unended), 'attempt')} of tests or runs that did not end",
                unended,
            ),
        ]
        return [(title, rows) for title, rows in sections if rows]

    def _write_summary(self) -> None:
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        sections = self._sections()
        if not path or not sections:
            return
        try:
            with OS.open_file(path, "ab") as file:
                room = _MOST_SUMMARY - file.tell()
                content = self._summary(sections, room)
                file.write(content)
        except OSError as error:
            problem = from_os_error(error, "cannot write the summary of the step", path=path)
            problem.__cause__ = error
            self._run_index.warn(problem, None)
        else:
            if not content:
                problem = enverr(
                    ErrorCode.IO,
                    "the summary of the step is full, no table was added",
                    path=path,
                )
                self._run_index.warn(problem, None)

    def _summary(self, sections: list[tuple[str, list[Entry]]], room: int) -> bytes:
        from pytest_recorder.render.index_markdown import cell_code, entry_table

        lines = ["", "### Recorded traces"]
        place = f" in {cell_code(self._folder)}{self._artifacts()}"
        has_table = False
        for title, rows in sections:
            kept = sum(row.trace is not None for row in rows)
            head = ["", f"{title}, {count(kept, 'trace')}{place}.", ""]
            place = ""
            used = sum(len(line.encode("utf-8")) + 1 for line in (*lines, *head))
            found = entry_table(rows, self._folder, most_bytes=room - used - 1)
            if not found:
                break
            lines += [*head, *found]
            has_table = True
        return "\n".join([*lines, ""]).encode("utf-8") if has_table else b""

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
    from pytest_recorder.analysis.value_text import safe_text

    return safe_text(text)


def _below(path: str, folder: str) -> str | None:
    """Give a path relative to a folder, None where it does not lie there."""
    real, base = files.real(path), files.real(folder)
    if not real.startswith(with_separator(base)):
        return None
    return files.relative(real, base).replace(SEPARATOR, "/")
