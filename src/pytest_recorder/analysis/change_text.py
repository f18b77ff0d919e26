"""Words a change as what changed: `order.lines[2] = ...`, not the whole order again."""

from collections.abc import Iterator
from typing import Any

from pytest_recorder.analysis.objects import differ, is_at_depth
from pytest_recorder.analysis.value_text import RenderValue, render_value
from pytest_recorder.format.events import Value
from pytest_recorder.format.object_changes import ObjectChange, PartChange

_MOST_PARTS = 3
_PART_WIDTH = 40


def describe_change(
    name: str, old: Value | None, new: Value, *, render: RenderValue = render_value
) -> list[str]:
    """Give assignments that lead from the old value to the new one.

    One that replaces the whole where the object is another one, or where more changed than is
    quickly read.
    """
    whole = f"{name} = {render(new)}"
    if old is None or old.get("id") is None or old.get("id") != new.get("id"):
        return [whole]
    parts: list[str] = []
    for part in _parts(name, old, new, render):
        parts.append(part)
        if len(parts) > _MOST_PARTS:
            return [whole]
    return parts or [whole]


def describe_parts(change: ObjectChange) -> str:
    """Say what changed in an object itself: `appended [2] = 3, removed .name`."""
    shown = [_part(part) for part in change.parts[:_MOST_PARTS]]
    if len(change.parts) > _MOST_PARTS:
        shown.append(f"{len(change.parts) - _MOST_PARTS} more")
    more = sum(part.how != "replaced" for part in change.parts)
    more -= 2 * sum(part.how == "removed" for part in change.parts)
    if change.length is not None and change.length != (change.length_before or 0) + more:
        before = "" if change.length_before is None else f" from {change.length_before}"
        shown.append(f"length{before} to {change.length}")
    return ", ".join(shown) or "changed"


def _part(part: PartChange) -> str:
    if part.place == "item":
        shown = render_value(part.new or part.old or {}, width=_PART_WIDTH)
        return f"{part.how} {shown}"
    if part.place == "attribute":
        where = f" .{part.at}"
    elif part.place == "key":
        key: Any = part.at
        where = f" [{render_value(key, width=_PART_WIDTH)}]"
    else:
        where = f" [{part.at}]" if part.place == "index" else ""
    old = "" if part.old is None else f", was {render_value(part.old, width=_PART_WIDTH)}"
    new = "" if part.new is None else f" = {render_value(part.new, width=_PART_WIDTH)}"
    return f"{part.how}{where}{new}{old}"


def _parts(name: str, old: Value, new: Value, render: RenderValue) -> Iterator[str]:
    if not differ(old, new):
        return
    is_same = old.get("id") is not None and old["id"] == new.get("id")
    # Of what one of them shows at the bound on depth only the length can be compared.
    is_alike = is_at_depth(old) == is_at_depth(new)
    if not is_same or old["type"] != new["type"] or not is_alike:
        yield f"{name} = {render(new)}"
    elif "attributes" in new and "attributes" in old:
        yield from _named(name, old["attributes"], new["attributes"], "{}.{}", render)
    elif "entries" in new and "entries" in old:
        pairs = [{render_value(key): item for key, item in v["entries"]} for v in (old, new)]
        yield from _named(name, pairs[0], pairs[1], "{}[{}]", render)
    elif "items" in new and "items" in old and new["length"] >= old["length"]:
        before = old["items"]
        for at, item in enumerate(new["items"]):
            if at >= len(before):
                yield f"{name}[{at}] = {render(item)}"
            else:
                yield from _parts(f"{name}[{at}]", before[at], item, render)
        if len(new["items"]) < new["length"]:
            yield f"len({name}) = {new['length']}"
    else:
        yield f"{name} = {render(new)}"


def _named(
    name: str, old: dict[str, Value], new: dict[str, Value], form: str, render: RenderValue
) -> Iterator[str]:
    for key, item in new.items():
        inner = form.format(name, key)
        if key in old:
            yield from _parts(inner, old[key], item, render)
        else:
            yield f"{inner} = {render(item)}"
    for key in old:
        if key not in new:
            yield f"del {form.format(name, key)}"
