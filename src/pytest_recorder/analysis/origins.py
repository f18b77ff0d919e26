"""Holds where values came from, as a tree, and gives it as plain data."""

from dataclasses import dataclass, field
from typing import Any

from pytest_recorder.format.events import Value


@dataclass(slots=True, eq=False)
class Origin:
    """One thing that made a value what it was.

    `how` is one of: `used` (by the failing line), `assigned`, `loop`, `with`, `except`, `matched`,
    `imported`, `defined`, `changed` (in place), `argument`, `default`, `fixture`, `parameter` (of
    the test, with its value from a mark), `returned`, `yielded`, `module` (a variable of one, whose
    value is not recorded), `class` (likewise), `called` (through a variable), `condition`,
    `handled` (an exception that was), `before` (it was so when the recording began, or further back
    than was looked).
    """

    what: str
    how: str
    cost: int
    n: int | None = None
    file: str | None = None
    line: int | None = None
    function: str | None = None
    source: str = ""
    old: Value | None = None
    new: Value | None = None
    note: str = ""
    object: int | None = None
    """Number of the object that was changed in place."""
    also: list[tuple[str, Value | None]] = field(default_factory=list[tuple[str, Value | None]])
    """More of the same: other arguments of the same call."""
    below: list["Origin"] = field(default_factory=list["Origin"])


def origin_object(top: Origin) -> dict[str, Any]:
    """Give an origin with all below it as plain data for JSON."""
    out = _plain(top)
    stack = [(top, out)]
    while stack:
        origin, plain = stack.pop()
        plain["below"] = [_plain(child) for child in origin.below]
        stack += zip(origin.below, plain["below"], strict=True)
    return out


def _plain(origin: Origin) -> dict[str, Any]:
    out: dict[str, Any] = {"what": origin.what, "how": origin.how}
    for name in ("n", "file", "line", "function", "old", "new", "object"):
        value = getattr(origin, name)
        if value is not None:
            out[name] = value
    for name in ("source", "note"):
        if getattr(origin, name):
            out[name] = getattr(origin, name)
    if origin.also:
        out["also"] = [{"what": what, "new": value} for what, value in origin.also]
    return out
