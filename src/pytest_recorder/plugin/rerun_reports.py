"""Tells what the re-runs of failed tests have shown: in the reports of the failures themselves.

Those were given to all plugins long ago. But the summary shows the failures at the end, from the
same reports, and the JUnit file is written then; so a section and properties can still be added.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

import pytest

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import report_lines, sections, xdist
from pytest_recorder.plugin.attempt import Attempt
from pytest_recorder.plugin.failing import Failing
from pytest_recorder.plugin.links import Files, properties
from pytest_recorder.plugin.run_index import RunIndex
from pytest_recorder.render.attempt_words import (
    FLAKY,
    INTERRUPTED,
    OTHER,
    PASSED,
    RERUN_WORDS,
    SAME,
    SKIPPED,
)
from pytest_recorder.system.paths import AnyPath
from pytest_recorder.tracefile.index import Entry

if TYPE_CHECKING:
    from pytest_recorder.plugin.junit import Attachments

_Key = tuple[str, str | None]
_FAILED: Final = ("failure", "error")


def private(module: str, name: str) -> Any:
    """Give what is private to pytest, where its name may be gone; None then."""
    return getattr(sys.modules.get(f"_pytest.{module}"), name, None)


def outcome_of(attempt: Attempt) -> str:
    """Say how a re-run ended, beside the failure that it is of: by exception and place."""
    if attempt.outcome in (PASSED, SKIPPED, INTERRUPTED):
        return attempt.outcome
    first, now = attempt.rerun_of, attempt.failing
    if first is None or now is None:
        return OTHER
    is_same = (first.exception, first.path, first.line) == (now.exception, now.path, now.line)
    return SAME if is_same else OTHER


def text_of(attempt: Attempt, entry: Entry | None, reason: str, path: str) -> str:
    """Give the section of a failure that was run again.

    `reason` is why there is no trace, where there is none; `path` is that of the trace.
    """
    root, first, now = attempt.settings.root, attempt.rerun_of, attempt.failing
    how = outcome_of(attempt)
    words = RERUN_WORDS[how]
    if how == SAME and first is not None and now is not None:
        words += f": {_what(now, root)}"
        if first.message != now.message:
            words += f", but with another message: {now.message}"
    elif how == OTHER and first is not None and now is not None:
        words += f": {_what(now, root)} ({now.phase}), not {_what(first, root)} ({first.phase})"
    lines = [words if how == SAME else f"{words}; {FLAKY}"]
    if entry is None or entry.trace is None:
        return "\n".join([*lines, f"no trace of it: {reason}"])
    if attempt.section:
        return "\n".join([*lines, attempt.section])
    partial = entry.reason if entry.status == "partial" else None
    lines += report_lines.section_lines(
        path, entry.events, entry.dropped, partial, (), has_failed=how == OTHER
    )
    return "\n".join(lines)


def _what(failing: Failing, root: AnyPath) -> str:
    return f"{failing.exception or 'a failure'} at {failing.place(root)}"


class RerunReports:
    """Knows the reports of the failures; a worker of pytest-xdist leaves that to the controller."""

    def __init__(
        self, config: pytest.Config, index: RunIndex, base: AnyPath, *, is_worker: bool
    ) -> None:
        self._config = config
        self._index = index
        self._base = base
        self._is_worker = is_worker
        self._reports: dict[_Key, pytest.TestReport] = {}
        self._told: list[tuple[str, str]] = []
        self.attachments: list[Attachments] = []
        """What adds the lines that Jenkins and GitLab look for, where they run this."""

    def take(self, reports: Iterable[pytest.TestReport]) -> None:
        """Learn the reports of failed phases; the first one of a test counts."""
        for report in reports:
            self._reports.setdefault((report.nodeid, xdist.worker_that_sent(report)), report)

    def tell(self, test: str, text: str, worker: str | None = None) -> None:
        """Add what the re-run of a test has shown to the report of its failure."""
        if self._is_worker:
            self._told.append((test, text))
            return
        report = self._reports.get((test, worker))
        if report is None:
            return
        sections.add_section(report, report_lines.SECTION_TITLE, text)
        entries = [e for e in self._index.entries_of(test) if e.rerun and e.worker == worker]
        self._add_to_junit(report, entries, text)

    def to_data(self) -> dict[str, Any]:
        """Give what a worker has to say as plain data."""
        return {"reruns": self._told}

    def add_data(self, output: dict[str, Any], node: Any) -> None:
        """Take in what a worker says."""
        worker = _id_of(node)
        for test, text in output.get("reruns", ()):
            self.tell(test, text, worker)

    def lose_worker(self, node: Any, died: Iterable[Entry]) -> None:
        """Say of the failures of a worker that has died whether they were run again."""
        worker = _id_of(node)
        failed = [test for test, sender in self._reports if sender == worker]
        if not failed or worker is None:
            return
        traces = {entry.test: entry for entry in [*self._index.take_left(worker), *died]}
        for test in failed:
            entry = traces.get(test)
            text = "not run again: the process that ran it has died"
            if entry is not None and entry.trace is not None:
                path = report_lines.shown_path(self._index.folder / entry.trace, self._base)
                how = RERUN_WORDS.get(entry.rerun, "run again, it took its process down")
                text = f"{how}\ntrace: {path}"
            self.tell(test, text, worker)

    def _add_to_junit(
        self, report: pytest.TestReport, entries: Sequence[Entry], text: str
    ) -> None:
        """Add to the finished test case, private to pytest as it is."""
        key = private("junitxml", "xml_key")
        xml = self._config.stash.get(key, None) if key is not None else None
        if xml is None:
            return
        bin_xml_escape = private("junitxml", "bin_xml_escape")
        *names, name = private("junitxml", "mangle_test_address")(report.nodeid)
        names = [xml.prefix, *names] if xml.prefix else names
        title, text = report_lines.SECTION_TITLE, str(bin_xml_escape(text))
        for case in xml.node_reporters_ordered:
            if "nodes" in vars(case):
                continue  # not finished: what it gives is made anew each time
            element: ET.Element = case.to_xml()
            is_its = element.get("name") == bin_xml_escape(name)
            failed = [found for tag in _FAILED if (found := element.find(tag)) is not None]
            if not is_its or element.get("classname") != ".".join(names) or not failed:
                continue
            failed[0].text = f"{failed[0].text or ''}\n{title}\n{text}"
            told = element.find("properties")
            if told is None:
                told = ET.Element("properties")
                element.insert(0, told)
            for entry in entries:
                for key, value in self._properties(entry):
                    shown = str(bin_xml_escape(str(value)))
                    ET.SubElement(told, "property", {"name": key, "value": shown})
                for attachments in self.attachments:
                    attachments.add(entry, case)

    def _properties(self, entry: Entry) -> list[tuple[str, object]]:
        found = report_lines.entry_properties(entry, self._index.folder, self._base)
        if entry.trace is not None:
            found += properties(Files.of(self._index.folder / entry.trace), self._base)
        return [*found, ("record_trace_rerun", entry.rerun)]


def _id_of(node: Any) -> str | None:
    return getattr(getattr(node, "gateway", None), "id", None)
