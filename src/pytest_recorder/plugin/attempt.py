"""Holds the state of one recorded attempt of one test, from before its setup to its end."""

from typing import TYPE_CHECKING, Any

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.system.originals import INTERPRETER
from pytest_recorder.system.paths import FilePath
from pytest_recorder.tracefile.folder import free_path

if TYPE_CHECKING:
    import pytest

    from pytest_recorder.errors import RecorderError
    from pytest_recorder.plugin.failing import Failing

SESSION_TEST = "session"
"""What stands for the test in the trace of a whole run."""


class Attempt:
    """One run of a test's setup, call and teardown; a re-run is another attempt."""

    def __init__(
        self,
        recorder: Recorder | None,
        settings: Settings,
        test: str,
        number: int,
        *,
        named: str,
    ) -> None:
        self._recorder = recorder
        self.settings = settings
        self.test = test
        self.number = number
        self._path: FilePath | None = None
        self.named = named
        self.is_secret = False
        """Whether a secret stands in that; known when the path is asked for."""
        """What its folder is named after: the test, and the worker where several run it."""
        self.phases: dict[str, str] = {}
        self.reported: dict[str, str] = {}
        """The same of the test that runs now: in the trace of a whole run there are many."""
        self.has_failed = False
        self.rerun_of: Failing | None = None
        """How the test failed in the run, where this is its re-run."""
        self.failing: Failing | None = None
        """What failed first; not of a trace of the whole run."""
        self.failed_report: pytest.TestReport | None = None
        """The first report of a failed phase."""
        self.fixtures: dict[str, dict[str, Any]] = {}
        """Those that another attempt or test has set up; not of a trace of the whole run."""
        self.section = ""
        """What that report ends with."""
        self.is_wanted = settings.keep == "all"
        self.is_interrupted = False
        self.is_decided = False
        """Whether its trace was kept or dropped, and entered."""
        self.unrecorded: str | None = None
        """Why no line of the test's own file was recorded, where that is so."""
        self.error: RecorderError | None = None
        """What kept the recording from beginning."""
        self.is_error_of_run = False
        """Whether that is what keeps every recording of the run from it."""
        self.faults: list[RecorderError] = []
        """What went wrong in hooks of ours meanwhile."""
        self.told: list[RecorderError] = []
        """What the reports of tests have said already: in a trace of the whole run only."""

    @property
    def path(self) -> FilePath:
        """Where its trace goes: fixed when first asked for, so that a report can name it early."""
        if self._path is None:
            if self._recorder is not None:
                self.is_secret = self._recorder.hides(self.named)
            self._path = free_path(
                self.settings.dir, self.named, self.number, is_secret=self.is_secret
            )
        return self._path

    @path.setter
    def path(self, path: FilePath) -> None:
        self._path = path

    def use(self, recorder: Recorder) -> None:
        """Record by this recorder, which was made after the attempt began."""
        self._recorder = recorder

    @property
    def is_recording(self) -> bool:
        """Whether events are taken now."""
        return self._recorder is not None and self._recorder.is_recording

    @property
    def events(self) -> int:
        """Events so far."""
        return self._recorder.events if self._recorder is not None else 0

    @property
    def outcome(self) -> str:
        """`failed` if any phase or subtest failed, else that of the call, else of the setup.

        `interrupted` where the run ended first.
        """
        if self.has_failed:
            return "failed"
        if self.is_interrupted:
            return "interrupted"
        return self.phases.get("call") or self.phases.get("setup") or "interrupted"

    def take_outcome(self, phase: str, outcome: str) -> None:
        """Take in a report; a failed one (a subtest's too) is never taken back."""
        if outcome == "failed":
            self.has_failed = True
        for phases in (self.phases, self.reported):
            if phases.get(phase) != "failed":
                phases[phase] = outcome

    def join(self, settings: Settings) -> None:
        """Take another test into the trace of the run; what one asks for holds for the trace."""
        self.reported.clear()
        self.is_wanted = self.is_wanted or settings.keep == "all"
        if settings.require_trace and not self.settings.require_trace:
            self.settings = self.settings.but(require_trace=True)

    def has_told(self, error: "RecorderError") -> bool:
        """Whether a report of a test has said this error."""
        return any(error is told for told in self.told)

    def keep(self) -> None:
        """Keep the trace whatever the outcome."""
        self.is_wanted = True

    def note(self, text: str) -> None:
        """Write a remark at the nearest frame of the project."""
        if self._recorder is not None:
            self._recorder.note(INTERPRETER.getframe(2), text)
