"""Writes a trace as JSON lines, the form by which other programs read and check us.

`docs/json-lines.md` describes it. Everything outside ASCII is escaped, a lone surrogate as it is
(`\\udXXX`), so that each line is valid UTF-8 whatever was recorded. Integers have any size.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, TextIO, cast

from pytest_recorder.analysis.objects import path_text
from pytest_recorder.format.events import Event, ExceptionInfo, Value
from pytest_recorder.format.object_changes import ObjectChange, PartChange
from pytest_recorder.format.object_states import HeldValues
from pytest_recorder.tracefile.reader import Trace

_PLAIN_INT_BITS = 2_000  # 603 digits; the lowest limit that a program can set is 640


def to_objects(trace: Trace, *, has_objects: bool = False) -> Iterator[dict[str, Any]]:
    """Give the manifest, every event, and the trailer as plain objects.

    With `has_objects` each event is followed by what it tells that is new of objects.
    """
    yield _record("manifest", trace.manifest.model_dump(mode="json"))
    count = 0
    if has_objects:
        for event, changes in trace.events_with_objects():
            count += 1
            yield event_object(event)
            for change in changes:
                yield change_object(change) | {"through": _names_of(event, change.number)}
    else:
        for event in trace.events():
            count += 1
            yield event_object(event)
    trailer = trace.trailer.model_dump(mode="json")
    said = {"status": trace.status, "reason": trace.reason, "message": trace.message}
    yield _record("trailer", {**trailer, **said, "events": count})


def _record(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Put the kind first; a file can bring a key of the same name."""
    return {"kind": kind, **{key: item for key, item in content.items() if key != "kind"}}


def write_jsonl(trace: Trace, stream: TextIO) -> int:
    """Write one object per line; gives the number of events."""
    count = -2
    for item in to_objects(trace):
        stream.write(dump(item))
        stream.write("\n")
        count += 1
    return count


def event_object(event: Event) -> dict[str, Any]:
    """Give one event in its JSON form."""
    out: dict[str, Any] = {"n": event.n, "kind": event.kind}
    if event.kind == "gap":
        return out | {"thread": event.thread, "dropped": event.dropped, "reason": event.reason}
    out["thread"] = event.thread
    if event.kind == "level":
        return out | {"time_us": event.time_us, "level": event.level}
    if event.time_us is not None:
        out["time_us"] = event.time_us
    if event.kind == "span":
        words = {"phase": event.phase, "edge": event.edge}
        return out | words | {"name": event.name, "outcome": event.outcome}
    for name in ("frame", "file", "line", "function"):
        out[name] = getattr(event, name)
    if event.kind == "call":
        out["args"] = dict(event.args or {})
        out["parent"] = event.parent
    elif event.kind in ("return", "yield"):
        out["value"] = event.value
    elif event.exception is not None:
        out["exception"] = exception_object(event.exception)
    elif event.kind == "output":
        out["stream"] = event.stream
        out |= _text("text", event.text)
    elif event.kind == "log":
        out["level"], out["logger"] = event.level, event.logger
        out |= _text("message", event.text)
    if event.position is not None:
        out["position"] = event.position._asdict()
    if event.changes:
        out["changes"] = dict(event.changes)
    if event.deleted:
        out["deleted"] = list(event.deleted)
    if event.levels is not None and not out.keys().isdisjoint(("args", "value", "changes")):
        out["levels"] = event.levels
    return out


def change_object(change: ObjectChange) -> dict[str, Any]:
    """Give what became of an object in its JSON form."""
    out: dict[str, Any] = {
        "kind": "object",
        "n": change.n,
        "object": change.number,
        "type": change.type,
        "how": change.how,
        "is_doubtful": change.is_doubtful,
    }
    if change.value is not None:
        return out | {"value": change.value}
    lengths = {"length_before": change.length_before, "length": change.length}
    return out | lengths | {"parts": [_part_object(part) for part in change.parts]}


def _part_object(part: PartChange) -> dict[str, Any]:
    out: dict[str, Any] = {"how": part.how}
    if part.at is not None:
        out[part.place] = part.at
    if part.old is not None:
        out["old"] = part.old
    if part.new is not None:
        out["new"] = part.new
    return out


def _names_of(event: Event, number: int) -> list[str]:
    """Give the variables that an event shows with an object in view of them, and the way to it."""
    names: dict[str, None] = {}
    for held in (event.args, event.changes):
        if isinstance(held, HeldValues):
            found = held.paths_to(number)
            names |= dict.fromkeys(path_text(name, path) for name, path in found)
    return list(names)


def exception_object(error: ExceptionInfo) -> dict[str, Any]:
    """Give an exception in its JSON form."""
    out: dict[str, Any] = {"type": error.type, "message": error.message, "id": error.id}
    if error.length > len(error.message):
        out |= {"truncated": True, "length": error.length}
    return out


def _text(key: str, text: Value | None) -> dict[str, Any]:
    value = text or {}
    out: dict[str, Any] = {key: value.get("value", "")}
    if value.get("truncated"):
        out |= {"truncated": True, "length": value.get("length")}
    return out


def dump(item: Any) -> str:
    """Write one object in ASCII."""
    try:
        return json.dumps(item, allow_nan=False, separators=(", ", ": "))
    except ValueError:
        # An int of more digits than Python turns into text by itself (a process-wide limit).
        return "".join(_write(item))


def _write(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        pairs = cast("dict[str, Any]", item)
        for at, (key, value) in enumerate(pairs.items()):
            yield ("{" if not at else ", ") + json.dumps(key) + ": "
            yield from _write(value)
        yield "}" if pairs else "{}"
    elif isinstance(item, (list, tuple)):
        values = cast("list[Any]", item)
        for at, value in enumerate(values):
            yield "[" if not at else ", "
            yield from _write(value)
        yield "]" if values else "[]"
    elif isinstance(item, int) and not isinstance(item, bool):
        yield int_text(item)
    else:
        yield json.dumps(item, allow_nan=False)


def int_text(number: int) -> str:
    """Give the decimal digits of an int of any size, within Python's limit on each conversion."""
    if number.bit_length() <= _PLAIN_INT_BITS:
        return str(number)
    if number < 0:
        return "-" + int_text(-number)
    half = int(number.bit_length() * math.log10(2)) // 2
    high, low = divmod(number, 10**half)
    return int_text(high) + int_text(low).rjust(half, "0")
