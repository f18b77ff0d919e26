"""Words a change as what changed: `order.lines[2] = ...`, not the whole order again."""

from collections.abc import Iterator

from pytest_recorder.analysis.value_text import render_value
from pytest_recorder.format.events import Value

_MOST_PARTS = 3


def describe_change(name: str, old: Value | None, new: Value) -> list[str]:
    """Give assignments that lead from the old value to the new one.

    One that replaces the whole where the object is another one, or where more changed than is
    quickly read.
    """
    whole = f"{name} = {render_value(new)}"
    if old is None or old.get("id") is None or old.get("id") != new.get("id"):
        return [whole]
    parts: list[str] = []
    for part in _parts(name, old, new):
        parts.append(part)
        if len(parts) > _MOST_PARTS:
            return [whole]
    return parts or [whole]


def _parts(name: str, old: Value, new: Value) -> Iterator[str]:
    if old == new:
        return
    if old.get("id") is None or old.get("id") != new.get("id") or old["type"] != new["type"]:
        yield f"{name} = {render_value(new)}"
    elif "attributes" in new and "attributes" in old:
        yield from _named(name, old["attributes"], new["attributes"], "{}.{}")
    elif "entries" in new and "entries" in old:
        pairs = [{render_value(key): item for key, item in v["entries"]} for v in (old, new)]
        yield from _named(name, pairs[0], pairs[1], "{}[{}]")
    elif "items" in new and "items" in old and new["length"] >= old["length"]:
        before = old["items"]
        for at, item in enumerate(new["items"]):
            if at >= len(before):
                yield f"{name}[{at}] = {render_value(item)}"
            else:
                yield from _parts(f"{name}[{at}]", before[at], item)
        if len(new["items"]) < new["length"]:
            yield f"len({name}) = {new['length']}"
    else:
        yield f"{name} = {render_value(new)}"


def _named(name: str, old: dict[str, Value], new: dict[str, Value], form: str) -> Iterator[str]:
    for key, item in new.items():
        inner = form.format(name, key)
        if key in old:
            yield from _parts(inner, old[key], item)
        else:
            yield f"{inner} = {render_value(item)}"
    for key in old:
        if key not in new:
            yield f"del {form.format(name, key)}"
