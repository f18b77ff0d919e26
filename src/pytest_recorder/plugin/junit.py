"""Names the files of a trace in the JUnit file, where Jenkins and GitLab look for attachments.

Both read lines `[[ATTACHMENT|path]]` in the `system-out` of a test case: the plugin *JUnit
Attachments* of Jenkins with an absolute path, each on a line of its own; GitLab the first one, with
a path relative to the project. pytest writes `system-out` only on request (`junit_logging`) and
has no interface for it, so the element of the finished test case gets it.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pytest_recorder.diagnostics.guard import Guard
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import xdist
from pytest_recorder.plugin.links import Files
from pytest_recorder.system import files
from pytest_recorder.system.paths import SEPARATOR, FilePath, is_absolute
from pytest_recorder.tracefile.index import Entry

_OUT = "system-out"
_ERR = "system-err"


def path_style(environ: Mapping[str, str]) -> Callable[[FilePath], str | None] | None:
    """Give how the CI server of this environment names a file; None for one that reads none."""
    if environ.get("GITLAB_CI"):
        project = environ.get("CI_PROJECT_DIR", "")
        return lambda path: _relative(path, project)
    if environ.get("JENKINS_URL"):
        return str
    return None


class Attachments:
    """Adds the lines as each attempt of a test is finished."""

    def __init__(
        self,
        config: pytest.Config,
        folder: FilePath,
        name_of: Callable[[FilePath], str | None],
        guard: Guard,
    ) -> None:
        self._config = config
        self._folder = folder
        self._name_of = name_of
        self._guard = guard

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> Generator[None, None, None]:
        """Hold the test case before pytest finishes it, and add to it afterwards."""
        is_last = report.when == "teardown"
        found = self._guard("junit", lambda: self._find(report)) if is_last else None
        yield
        if found is not None:
            entry, case = found
            self._guard("junit", lambda: self.add(entry, case))

    def _find(self, report: pytest.TestReport) -> tuple[Entry, Any] | None:
        """Give the entry of an attempt and its test case; None where no JUnit file is written.

        Private to pytest, so looked up only where needed, and behind a guard.
        """
        from _pytest.junitxml import xml_key

        xml = self._config.stash.get(xml_key, None)
        if xml is None:
            return None
        entry = xdist.entry_of(report)
        return (entry, xml.node_reporter(report)) if entry is not None else None

    def add(self, entry: Entry, case: Any) -> None:
        """Add the lines for an attempt to its test case."""
        lines = [f"[[ATTACHMENT|{name}]]" for name in self._names(entry)]
        if not lines:
            return
        element: ET.Element = case.to_xml()
        found = element.find(_OUT)
        if found is None:
            found = ET.Element(_OUT)
            tags = [child.tag for child in element]
            element.insert(tags.index(_ERR) if _ERR in tags else len(tags), found)
            if "nodes" in vars(case):
                # Not finished yet: what `to_xml` gave was made for us alone.
                case.nodes.append(found)
        found.text = "\n".join([*lines, found.text or ""])

    def _names(self, entry: Entry) -> list[str]:
        if entry.trace is None:
            return []
        found = Files.of(self._folder / entry.trace)
        trace = found.trace if files.is_file(found.trace) else None
        paths = (found.page, found.explanation, trace)
        names = [self._name_of(path) for path in paths if path is not None]
        return [name for name in names if name and "]]" not in name and name.isprintable()]


def _relative(path: FilePath, project: str) -> str | None:
    if not project:
        return None
    relative = files.relative(path, project)
    # From the root on it is on another drive of Windows.
    is_outside = relative.startswith("..") or is_absolute(relative)
    return None if is_outside else relative.replace(SEPARATOR, "/")
