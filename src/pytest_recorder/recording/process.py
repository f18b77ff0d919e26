"""Records a process from now to its end: what auto-start and `pytest-recorder run` do.

Nothing is ever raised into the program. An error is one line on stderr; one that the policy calls
a failure is the exit status too, in the place of the program's own. That status can only be set
when the program has come to its end, so the last function of `atexit` does it.
"""

import atexit
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.diagnostics.translation import caused
from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    UsageError,
    bug,
    exit_status,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.api import adopt
from pytest_recorder.recording.file_recording import (
    FileRecording,
    Problem,
    absolute_or_raise,
    required_trace_errors,
    settings_from,
    trace_file,
)
from pytest_recorder.settings import OPTIONS
from pytest_recorder.settings.parse import check_switch
from pytest_recorder.settings.policy import Policy, Sourced
from pytest_recorder.settings.process_policy import (
    configure_policy_from_env,
    sourced_policy,
    tell,
)
from pytest_recorder.system import files
from pytest_recorder.system.ids import short_id
from pytest_recorder.system.originals import OS, environment
from pytest_recorder.system.paths import AnyPath, FilePath, name_of
from pytest_recorder.tracefile.folder import remove_if_empty

_START: Final = "start"

Given = dict[str, tuple[object, str]]


class ProcessRecording:
    """Ends with the process that made it, by `atexit`; forked children have no part in it.

    It is made before anything can go wrong, and is told then what did.
    """

    def __init__(
        self, *, has_own_status: bool = True, asked: Mapping[str, object] | None = None
    ) -> None:
        """`asked` are the fields of the policy that options give, bad ones too."""
        self.policy = Policy()
        # How to tell what is wrong with the policy itself: the variables count beside it.
        self._telling: Mapping[str, object] = asked or {}
        self.problems: list[Problem] = []
        self._file_recording: FileRecording | None = None
        self._has_own_status = has_own_status
        self._pid = OS.getpid()
        atexit.register(self._end)

    def begin(
        self,
        choose: Callable[[], Sourced],
        make: Callable[[Sourced], FileRecording],
        also: Iterable[AnyPath],
        *,
        text: str | None = None,
    ) -> FileRecording | None:
        """Start what `make` gives. An error is told and remembered, not raised."""

        def start() -> FileRecording:
            chosen = choose()
            self.policy = chosen.policy
            self._telling = chosen.policy.plain()
            file_recording = make(chosen)
            file_recording.begin(also, text)
            return file_recording

        self._file_recording = run_guarded(_START, start, self._on_fault)
        return self._file_recording

    def withdraw(self) -> None:
        """Leave nothing, and say nothing at the end: this process is not to be recorded."""
        atexit.unregister(self._end)
        if self._file_recording is not None:
            self._file_recording.discard()
            remove_if_empty(self._file_recording.path.parent)

    def _end(self) -> None:
        """End the recording; the last that the process does before its modules go."""
        if OS.getpid() != self._pid:
            return
        run_guarded("end", self._finish, self._on_fault)
        failures = [problem.error for problem in self.problems if problem.is_failure]
        if failures:
            leave(exit_status(failures[0]))
        if not self._has_own_status:
            leave(0)

    def _finish(self) -> None:
        file_recording = self._file_recording
        if file_recording is None:
            for error in required_trace_errors(None) if self.policy.require_trace else ():
                self._tell(error)
            return
        for problem in file_recording.end():
            self._tell(problem.error)

    def _on_fault(self, label: str, error: Exception) -> None:
        if not isinstance(error, RecorderError):
            found = bug(ErrorCode.UNKNOWN, "the recorder failed", during=label)
            error = caused(found, error)
        self._tell(error, is_command=label == _START)

    def _tell(self, error: RecorderError, *, is_command: bool = False) -> None:
        problem = Problem.of(error, self.policy)
        if is_command and isinstance(error, UsageError):
            # A wrong command is never ignored, whatever the policy says.
            problem = Problem(error, "fail")
        self.problems.append(problem)
        if problem.action != "ignore":
            say_problem(problem)
        # What the recording into the file has told is not told again.
        tell(problem.error, self._telling, action=problem.action, by="process")


def say_problem(problem: Problem) -> None:
    """Say on stderr, in one line, what went wrong."""
    kind = "" if problem.is_failure else "RecorderWarning: "
    line = str(problem.error).encode("unicode_escape").decode("ascii")
    stream = sys.__stderr__
    if stream is None:
        return
    try:
        stream.write(f"pytest-recorder: {kind}{line}\n")
        stream.flush()
    except (OSError, ValueError):
        # The program has closed its stderr: there is nobody to tell.
        return


def leave(status: int) -> None:
    """End the process now, with what it has printed."""
    for stream in (sys.stdout, sys.stderr):
        # Any object of the program's can stand there, or None.
        run_guarded("flush", partial(_flush, stream), _leave_alone)
    OS.exit(status)


def _flush(stream: Any) -> None:
    if stream is not None:
        stream.flush()


def _leave_alone(label: str, error: Exception) -> None:
    """A program whose own stream fails has no better end than this."""


# Auto-start.


def start_by_variable(folder: str) -> ProcessRecording:
    """Record this process into a file of its own in `folder`, and list it in the index there."""
    recording = ProcessRecording()
    name = _program_name()

    def make(chosen: Sourced) -> FileRecording:
        directory = absolute_or_raise(folder)
        path = directory / f"{name}-{OS.getpid()}-{short_id()}.pyrec"
        settings = settings_from(directory, given_by(environment()))
        return FileRecording(path, settings, chosen, listed_as=name)

    main = getattr(sys.modules.get("__main__"), "__file__", None)
    also = [files.real(main).parent] if isinstance(main, str) else []
    file_recording = recording.begin(policy_now, make, also)
    if file_recording is not None:
        adopt(file_recording)
    return recording


def policy_now(given: Given | None = None) -> Sourced:
    """Read the policy of a process that starts now; `given` are values with their options.

    Raises UsageError (ERR_INVALID_POLICY_VALUE; ERR_INVALID_OPTION for a bad kill switch).
    """
    check_switch(environment())
    configure_policy_from_env()
    found = given or {}
    values = {key: value for key, (value, _) in found.items()}
    return sourced_policy(values, {key: flag for key, (_, flag) in found.items()})


def given_by(environ: Mapping[str, str]) -> Given:
    """Give what variables say about what is recorded, by the name of the option."""
    found = {row.name: row.given_in(environ) for row in OPTIONS if row.for_programs}
    return {name: given for name, given in found.items() if given is not None}


def _program_name() -> str:
    """Name the program, for a file name: `python -m` and `-c` have no name yet."""
    first = name_of(sys.argv[0]) if sys.argv and sys.argv[0] else ""
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", first).strip("-.")[:80]
    return name if name not in ("", "m", "c") else "program"


# `pytest-recorder run`.


def start_by_request(request: Mapping[str, Any]) -> None:
    """Record the program that Python is about to run; a wrong command ends the process here."""
    asked = {key: value for key, (value, _) in request["policy"].items()}
    recording = ProcessRecording(has_own_status=request["propagate"], asked=asked)

    def make(chosen: Sourced) -> FileRecording:
        path = trace_file(absolute_or_raise(request["output"]))
        given = given_by(environment())
        for name, (value, flag) in request["options"].items():
            given[name] = (value, f"{flag} (command line)")
        settings = settings_from(path.parent, given)
        # What was asked for by name is in scope wherever it lies: it is the program.
        named = {"include": (*settings.include, *request["include"])}
        return FileRecording(path, settings.but(**named), chosen)

    also = [FilePath(folder) for folder in request["also"]]
    recording.begin(lambda: policy_now(request["policy"]), make, also, text=request["text"])
    for problem in recording.problems:
        if problem.is_failure:
            leave(exit_status(problem.error))
