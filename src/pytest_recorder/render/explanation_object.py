"""Gives the explanation of a failure as plain data, for programs that read JSON."""

from typing import Any

from pytest_recorder.analysis.failure import find_failure
from pytest_recorder.analysis.history import MOST_EVENTS, History
from pytest_recorder.analysis.origins import origin_object
from pytest_recorder.analysis.slice.slicer import origins_of_failure
from pytest_recorder.analysis.sources import SourceFiles
from pytest_recorder.analysis.surroundings import handled_exceptions, log_tail, output_tail
from pytest_recorder.format.events import Event
from pytest_recorder.render.missing import missing_lines
from pytest_recorder.tracefile.reader import Trace

MOST_OUTPUT = 12
MOST_LOG = 8
MOST_HANDLED = 6


def explanation_object(
    trace: Trace, *, test: str | None = None, most_events: int = MOST_EVENTS
) -> dict[str, Any]:
    """Give the explanation as `explain` does; paths are as they were recorded."""
    history = History(trace, most_events=most_events)
    sources = SourceFiles(trace.source, trace.files())
    failure = find_failure(history, test)
    manifest, error = trace.manifest, failure.exception
    out: dict[str, Any] = {
        "test": failure.test or manifest.test,
        "attempt": manifest.attempt,
        "outcome": manifest.outcome,
        "phase": failure.phase,
        "failed_at": _said_by_pytest(trace) if error is None else None,
        "time_limit": manifest.failing.time_limit if manifest.failing is not None else None,
        "recording_cpu_us": trace.trailer.recording_cpu_us,
        "exception": None if error is None else {"type": error.type, "message": error.message},
        "event": failure.raised.n if failure.raised is not None else failure.end,
        "calls": [
            {
                "file": frame.file,
                "line": frame.line,
                "position": frame.position and frame.position._asdict(),
                "function": frame.function,
                "frame": frame.number,
                "args": frame.args,
            }
            for frame in failure.stack
        ],
    }
    has_failed = error is not None and bool(failure.stack)
    found = origins_of_failure(history, sources, failure) if has_failed else []
    out["origins"] = [origin_object(origin) for origin in found]
    out["output"] = output_tail(history, failure.end, MOST_OUTPUT)
    out["log"] = [
        _at(event) | {"level": event.level, "logger": event.logger, "message": log_text(event)}
        for event in log_tail(history, failure.end, MOST_LOG)
    ]
    out["handled"] = [
        _at(handled.raised)
        | {"type": handled.exception.type, "message": handled.exception.message}
        | {"went_on": None if handled.went_on is None else _at(handled.went_on)}
        for handled in handled_exceptions(history, failure, MOST_HANDLED)
    ]
    # Last, for it tells whether the searches above came to their end.
    out["missing"] = missing_lines(history, failure)
    return out


def _said_by_pytest(trace: Trace) -> dict[str, Any] | None:
    """Say where it failed, for a failure that the recording has not seen."""
    said = trace.manifest.failing
    if said is None:
        return None
    return {"file": said.file, "line": said.line, "exception": said.exception}


def log_text(event: Event) -> str:
    """Give the message of a log record."""
    return str((event.text or {}).get("value", "")).strip()


def _at(event: Event) -> dict[str, Any]:
    return {"n": event.n, "file": event.file, "line": event.line, "function": event.function}
