"""Puts the explanation of a failure beside its trace, whatever goes wrong in doing so."""

from pathlib import Path

from pytest_recorder.diagnostics.guard import fault_of
from pytest_recorder.errors import ErrorCode, RecorderError, bug
from pytest_recorder.tracefile.folder import FAILURE_NAME
from pytest_recorder.tracefile.index import HARMLESS


def add_explanation(trace: Path, outcome: str | None) -> RecorderError | None:
    """Write `failure.md` beside the kept trace of a test that did not pass; gives what went wrong.

    The trace stays as it is: without its explanation it tells the same.
    """
    if outcome in HARMLESS:
        return None

    def write() -> None:
        from pytest_recorder.render.sidecar import write_failure

        write_failure(trace)

    what = f"{FAILURE_NAME} could not be made"
    return fault_of(write, lambda _: bug(ErrorCode.UNKNOWN, what, hook="explain", path=trace))
