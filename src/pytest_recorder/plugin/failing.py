"""Says in which phase a test failed, by which exception, and at which line of the project."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import RAISED, steps_of
from pytest_recorder.plugin.time_limits import time_limit_of
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import SEPARATOR, AnyPath, join, with_separator
from pytest_recorder.system.slots import name_of
from pytest_recorder.tracefile.naming import writable

_KEY = "record_trace_failing"
_MOST_MESSAGE = 500
_PHASES = ("setup", "call", "teardown", "collect")
CRASHED = "crashed"
"""The phase of a test that took a worker with it: pytest-xdist does not know which it was."""
_STEP = re.compile(r"(?P<path>.+):(?P<line>\d+): in ")
_SYNTAX = re.compile(r'E +File "(?P<path>.+)", line (?P<line>\d+)')
_CAUSE = re.compile(r"E   (?=\S)")
_SAID_BY_DOCTEST = ("Expected", "Differences")
_ELSEWHERE = (f"{SEPARATOR}site-packages{SEPARATOR}", f"{SEPARATOR}dist-packages{SEPARATOR}")


class Failing(NamedTuple):
    """A phase that failed. Travels with its report, as plain data."""

    phase: str
    exception: str | None
    """The name of its type; None where a mark or a plugin made the test fail."""
    message: str
    """The first line of what pytest says of it."""
    path: str
    """Of the file, absolute."""
    line: int
    is_in_project: bool
    time_limit: str | None = None
    """The time limit that it failed by, if it did."""

    def place(self, root: AnyPath) -> str:
        """Give the place as `path:line`; relative to the project if it lies there."""
        path = files.relative(self.path, root) if self.is_in_project else self.path
        return writable(f"{path.replace(SEPARATOR, '/')}:{self.line}")

    def entry_fields(self, root: AnyPath) -> dict[str, str | None]:
        """Give what an entry of the index says of it."""
        return {
            "phase": self.phase,
            "exception": self.exception,
            "message": self.message,
            "place": self.place(root),
        }

    def failed_at(self) -> tuple[str, int, str, str] | None:
        """Give what `FailedAt` has: for a failure that no recorded code has seen."""
        if self.exception is None:
            return None
        return writable(self.path), self.line, self.exception, self.message

    def manifest_fields(self) -> dict[str, str | int | None]:
        """Give what the manifest of a trace says of it; its message stands in the trace."""
        return {
            "phase": self.phase,
            "exception": self.exception,
            "file": writable(self.path),
            "line": self.line,
            "time_limit": self.time_limit,
        }


def failing_of(
    made: pytest.TestReport | pytest.CollectReport,
    call: "pytest.CallInfo[Any] | None",
    root: AnyPath,
) -> Failing:
    """Read from the report of a failed phase, and the call that it is of, what failed where.

    The line is the one that pytest names. Where that lies outside of the project, in a library,
    it is the last line of the project that led there.
    """
    excinfo = call.excinfo if call is not None else None
    if excinfo is None:
        return _found(made, root)
    return _found(made, root, name_of(type(excinfo.value)), steps_of(excinfo.tb))._replace(
        time_limit=time_limit_of(excinfo.value)
    )


def _found(
    made: pytest.TestReport | pytest.CollectReport,
    root: AnyPath,
    exception: str | None = None,
    steps: Iterable[tuple[str, int]] = (),
) -> Failing:
    path, line = _location(made, root)
    crash: Any = getattr(made.longrepr, "reprcrash", None)
    if crash is not None:
        path, line, text = join(OS.fspath(root), crash.path), int(crash.lineno), crash.message
    else:
        text = str(made.longrepr or "")
    example = _failed_example(made)
    if example is not None:
        path, line, text = join(OS.fspath(root), example[0]), *example[1:]
    if str(made.when) == "collect":  # a report of a collection is taken for one of a test
        cause, nearest = _cause_of(str(made.longrepr or ""), root)
        if crash is None:
            text = cause or text
        if crash is None or not is_in_project(path, root):
            path, line = nearest or _location(made, root)
    is_inside = is_in_project(path, root)
    if not is_inside:
        nearest = _nearest(steps, root)
        if nearest is not None:
            (path, line), is_inside = nearest, True
    return Failing(
        phase=made.when if made.when in _PHASES else CRASHED,
        exception=writable(exception) if exception is not None else None,
        message=writable(text.strip().partition("\n")[0][:_MOST_MESSAGE]),
        path=path,
        line=line,
        is_in_project=is_inside,
    )


def crashed_at(made: pytest.TestReport, path: str, line: int, root: AnyPath) -> Failing:
    """Say of a test that took a worker with it where it was then, by what its trace ends with."""
    found = failing_of(made, None, root)
    where = join(OS.fspath(root), path)
    return found._replace(path=where, line=line, is_in_project=is_in_project(where, root))


def is_in_project(path: str, root: AnyPath) -> bool:
    """Whether a file lies below the root, and not in an environment there."""
    return path.startswith(with_separator(OS.fspath(root))) and not any(
        part in path for part in _ELSEWHERE
    )


def attach(made: pytest.TestReport, failing: Failing) -> None:
    """Let it travel with the report, to the controller of pytest-xdist too."""
    setattr(made, _KEY, failing._asdict())


def failing_in(made: pytest.TestReport | pytest.CollectReport, root: AnyPath) -> Failing:
    """Read what travels with a report; where it was made elsewhere, what can be read of it."""
    data = getattr(made, _KEY, None)
    if data is not None:
        return Failing(**data)
    # In a run that is not recorded as it goes: what was noted of the exception.
    return _found(made, root, *(getattr(made, RAISED, None) or ()))


def _failed_example(
    made: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, int, str] | None:
    """Give place and cause of the first example of a doctest that failed; None where none did."""
    found: Any = getattr(made.longrepr, "reprlocation_lines", None)
    for location, lines in found or ():
        if type(location.lineno) is int:
            words = [line.strip() for line in lines if line.strip()]
            said = [at for at, word in enumerate(words) if word.startswith(_SAID_BY_DOCTEST)]
            text = " ".join(words[said[0] if said else -1 :])
            return location.path, location.lineno, text or location.message
    return None


def _location(made: pytest.TestReport | pytest.CollectReport, root: AnyPath) -> tuple[str, int]:
    path, line, _ = made.location or ("", None, "")
    return join(OS.fspath(root), path), (line or 0) + 1


def _cause_of(text: str, root: AnyPath) -> tuple[str | None, tuple[str, int] | None]:
    """Read from the text of a file that cannot be collected the cause, and the nearest line.

    pytest gives no more than the text: the steps, the innermost last, and the message in lines
    that begin with an E. Its paths are relative to the current folder.
    """
    cause = nearest = None
    for line in text.splitlines():
        step = _STEP.match(line)
        if step is not None:
            cause = None
        elif cause is None and (found := _CAUSE.match(line)) is not None:
            cause = line[found.end() :]
        place = step or _SYNTAX.match(line)
        if place is not None:
            path = files.absolute(place["path"])
            if is_in_project(path, root):
                nearest = path, int(place["line"])
    return cause, nearest


def _nearest(steps: Iterable[tuple[str, int]], root: AnyPath) -> tuple[str, int] | None:
    found = None
    for path, line in steps:
        if is_in_project(path, root):
            found = path, line
    return found
