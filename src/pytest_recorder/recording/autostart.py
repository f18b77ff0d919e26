"""Starts a recording when the package is imported, if `PYTEST_RECORDER_AUTOSTART` names a folder.

Imported for this alone, when the variable is set. Nothing that goes wrong here is an import error.
"""

import sys
from typing import TYPE_CHECKING, Final

from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings import is_switched_off
from pytest_recorder.system.originals import environment, variable

if TYPE_CHECKING:
    from pytest_recorder.recording.process import ProcessRecording

VARIABLE: Final = "PYTEST_RECORDER_AUTOSTART"
RUN_VARIABLE: Final = "PYTEST_RECORDER_RUN"
"""Set from `pytest-recorder run` to the start of the recording in the program's process."""

_RECORDINGS: "list[ProcessRecording]" = []


def begin() -> None:
    """Record this process from now on.

    Not where `pytest-recorder run` does it, not under the kill switch, and not in a pytest run:
    there the plugin records, test by test, and it is its entry point that imports the package.
    """
    folder = (variable(VARIABLE) or "").strip()
    if not folder or variable(RUN_VARIABLE) is not None or "_pytest.config" in sys.modules:
        return
    if is_switched_off(environment()):
        return
    run_guarded("autostart", lambda: _begin(folder), _say)


def withdraw() -> None:
    """Take it back: this process is the command `pytest-recorder`, not a program."""
    while _RECORDINGS:
        _RECORDINGS.pop().withdraw()


def _begin(folder: str) -> None:
    from pytest_recorder.recording.process import start_by_variable

    _RECORDINGS.append(start_by_variable(folder))


def _say(label: str, error: Exception) -> None:
    """Say that this package cannot even be imported as a whole: there is no policy to ask."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"pytest-recorder: {label}: {type(error).__name__}: {error}\n")
