"""Says what a trace does not hold of a failure, and why."""

from pytest_recorder.analysis.failure import Failure
from pytest_recorder.analysis.history import History
from pytest_recorder.render.markdown import code

_MOST_ERRORS = 3
_MOST_FRAMES = 3


def missing_lines(history: History, failure: Failure) -> list[str]:
    """Give the lines of the section, each an item of a list."""
    trace, manifest = history.trace, history.trace.manifest
    lines: list[str] = []
    if trace.status == "partial":
        why = trace.message or "the recording ended early"
        lines.append(f"The trace is partial: {code(f'{trace.reason}: {why}')}.")
    if trace.trailer.dropped:
        lines.append(
            f"{trace.trailer.dropped} events were dropped: where the trace has a gap, earlier"
            " changes may be missing above."
        )
    if history.fell_to is not None:
        lost = "changes of variables" if history.has_lines else "lines and changes of variables"
        lines.append(
            f"The level fell to {code(history.fell_to)} while the test ran: from the event"
            f" {code('level')} on, {lost} were not recorded."
        )
    elif not history.has_lines:
        lines.append(
            "Lines and changes of variables: the level was `calls`. With"
            " `--record-level=values` values are followed through assignments."
        )
    elif not history.has_changes:
        lines.append(
            "Changes of variables: the level was `lines`. Values above are those of arguments"
            " and results."
        )
    lines += _fewer_levels(failure)
    lines += [
        f"An error of the recorder: {code(str(error.get('message', error)))}."
        for error in trace.trailer.errors[:_MOST_ERRORS]
    ]
    if failure.exception is not None and failure.raised is None:
        lines.append("The line that raised the exception: it ran where nothing is recorded.")
    if history.is_exhausted:
        lines.append(
            "The trace is large: the search for earlier changes ended before it came to the"
            " beginning. `pytest-recorder explain` looks further back than this file where it was"
            " written by the run, and `pytest-recorder why` through all of it."
        )
    lines += [f"Of this engine: {code(limit)}." for limit in manifest.limits]
    lines.append(
        "Code outside the project (the standard library, installed packages), variables of"
        " modules, and what subprocesses did."
    )
    return [f"- {line}" for line in lines]


def _fewer_levels(failure: Failure) -> list[str]:
    """Name the calls, the innermost first, that show fewer levels of their values."""
    found = {
        frame.function: frame.levels for frame in failure.stack if frame.levels is not None
    }
    return [
        f"Values in {code(function)}: {levels} level{'s' if levels > 1 else ''}, for too many"
        " objects were in view. What lies deeper is marked `depth`."
        for function, levels in list(reversed(found.items()))[:_MOST_FRAMES]
    ]
