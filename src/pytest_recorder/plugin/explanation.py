"""Puts the explanation of a failure beside its trace, whatever goes wrong in doing so."""

from pathlib import Path

from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.errors import ErrorCode, RecorderError, bug
from pytest_recorder.tracefile.index import FAILURE_NAME, HARMLESS


def add_explanation(trace: Path, outcome: str | None) -> RecorderError | None:
    """Write `failure.md` beside the kept trace of a test that did not pass; gives what went wrong.

    The trace stays as it is: without its explanation it tells the same.
    """
    if outcome in HARMLESS:
        return None
    faults: list[RecorderError] = []

    def on_fault(label: str, error: Exception) -> None:
        if isinstance(error, RecorderError):
            faults.append(error)
            return
        what = f"{FAILURE_NAME} could not be made: {type(error).__name__}: {error}"
        faults.append(bug(ErrorCode.UNKNOWN, what, hook=label, path=str(trace)))

    def write() -> None:
        from pytest_recorder.viewer.beside import write_failure

        write_failure(trace)

    run_guarded("explain", write, on_fault)
    return faults[0] if faults else None
