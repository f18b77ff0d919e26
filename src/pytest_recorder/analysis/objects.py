"""Looks into recorded values: the objects in them, the parts at a path, and what differs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pytest_recorder.analysis.value_text import int_text
from pytest_recorder.format.events import Event, Value

PathStep = tuple[str, Any]
"""One step of a path: `("attr", name)`, `("item", mark)` with the mark of a key or a number, or
`("key", mark)` to the key itself."""

_MOST_STEPS = 20


class Difference(NamedTuple):
    """An object that stayed the same one while a part of it changed."""

    id: int
    part: PathStep | None
    """The attribute or key that changed; None where it was more than one."""
    old: Value | None
    new: Value | None


def objects_in(event: Event) -> Iterator[Value]:
    """Give every object that the values of an event hold, with its content then."""
    stack: list[Value] = [*(event.args or {}).values(), *event.changes.values()]
    if event.value is not None:
        stack.append(event.value)
    while stack:
        value = stack.pop()
        if not is_open(value):
            continue
        yield value
        stack.extend(child for _, child in parts(value))


def is_open(value: Value) -> bool:
    """Whether a value is an object whose content was recorded."""
    return (
        "id" in value
        and ("items" in value or "entries" in value or "attributes" in value)
        and value.get("reason") not in ("depth", "cycle")
    )


def is_at_depth(value: Value) -> bool:
    """Whether nothing of an object is shown for it lies at the bound on depth."""
    return value.get("reason") == "depth"


def differ(old: Value | None, new: Value | None) -> bool:
    """Tell whether two values differ, as far as both are shown.

    One can show fewer levels: then only the length is known of what lies deeper.
    """
    if old is None or new is None:
        return old is not new
    if old == new:
        return False
    if "id" not in old or old["id"] != new.get("id") or old["type"] != new["type"]:
        return True
    if is_at_depth(old) or is_at_depth(new):
        return bool(_length(old) != _length(new))
    before, after = list(_pieces(old)), list(_pieces(new))
    if len(before) != len(after) or _head(old) != _head(new):
        return True
    return any(
        step != other or differ(piece, its)
        for (step, piece), (other, its) in zip(before, after, strict=True)
    )


def _pieces(value: Value) -> Iterator[tuple[str | None, Value]]:
    """Give the values in a value, those of attributes in the order of their names."""
    for key, item in value.get("entries", ()):
        yield None, key
        yield None, item
    for item in value.get("items", ()):
        yield None, item
    yield from sorted(value.get("attributes", {}).items(), key=lambda pair: pair[0])


def _head(value: Value) -> Value:
    inner = ("entries", "items", "attributes")
    return {name: said for name, said in value.items() if name not in inner}


def _length(value: Value) -> Any:
    return value.get("length", len(value.get("attributes", ())))


def parts(value: Value) -> Iterator[tuple[PathStep, Value]]:
    """Give the parts of a container or object, each with its step."""
    for name, item in value.get("attributes", {}).items():
        yield ("attr", name), item
    for key, item in value.get("entries", ()):
        yield ("item", mark(key)), item
    fields = value.get("fields")
    for at, item in enumerate(value.get("items", ())):
        if fields is not None and at < len(fields):
            yield ("attr", fields[at]), item
        else:
            yield ("item", ("int", at)), item


def mark(value: Value | None) -> Any:
    """Give something that is equal for the same object, or for equal scalars."""
    if value is None:
        return None
    if "value" in value:
        return (value.get("type"), repr(value["value"]) if _is_odd(value) else value["value"])
    if "id" in value:
        if value.get("type") == "tuple" and "items" in value:
            return ("tuple", *map(mark, value["items"]))
        return ("object", value["id"])
    return (value.get("type"), str(value.get("unavailable", value.get("redacted"))))


def _is_odd(value: Value) -> bool:
    return isinstance(value["value"], (list, dict))


def content(value: Value, part: PathStep | None = None) -> Any:
    """Give something that is equal as long as an object, or one part of it, is unchanged."""
    if part is not None:
        return mark(part_of(value, part))
    found = tuple((step, mark(child)) for step, child in parts(value))
    return (value.get("length"), found)


def part_of(value: Value, step: PathStep) -> Value | None:
    """Give the part of a value that a step leads to; None where it was not recorded."""
    kind, key = step
    if kind == "attr":
        return next((item for name, item in parts(value) if name == step), None)
    if "items" in value:
        items: list[Value] = value["items"]
        at = key[1] if key[0] == "int" else None
        if not isinstance(at, int) or (at < 0 and len(items) != value.get("length")):
            return None
        return items[at] if -len(items) <= at < len(items) else None
    entries: list[list[Value]] = value.get("entries", [])
    return next((item for name, item in entries if mark(name) == key), None)


def literal_mark(key: object) -> Any:
    """Give what `mark` gives for the recorded value of a constant of the source."""
    if isinstance(key, tuple):
        items: tuple[object, ...] = key  # pyright: ignore[reportUnknownVariableType]
        return ("tuple", *map(literal_mark, items))
    if isinstance(key, bytes):
        return ("bytes", key.hex())
    return (type(key).__name__, key)


def follow(value: Value, steps: tuple[PathStep, ...]) -> tuple[Value, int]:
    """Walk a path as far as it was recorded; gives the value there and the number of steps."""
    walked = 0
    for step in steps[:_MOST_STEPS]:
        found = part_of(value, step)
        if found is None:
            break
        value = found
        walked += 1
    return value, walked


def difference(old: Value, new: Value) -> Difference | None:
    """Find the innermost object that stayed the same one while its content changed."""
    found: Difference | None = None
    for _ in range(_MOST_STEPS):
        if not (is_open(old) and is_open(new)) or old["id"] != new["id"]:
            return found
        before, after = dict(parts(old)), dict(parts(new))
        steps = {**before, **after}
        changed = [step for step in steps if differ(before.get(step), after.get(step))]
        if not changed and old.get("length") == new.get("length"):
            return found
        if len(changed) != 1:
            return Difference(old["id"], None, old, new)
        step = changed[0]
        found = Difference(old["id"], step, before.get(step), after.get(step))
        if step not in before or step not in after:
            # An item was put in or taken away: the whole container is what changed.
            return Difference(old["id"], None if step[0] == "item" else step, old, new)
        old, new = before[step], after[step]
    return found


def paths_to(value: Value, number: int, *, most_depth: int = 4) -> tuple[PathStep, ...] | None:
    """Give the shortest path from a value to an object in it; None where it is not there."""
    level: list[tuple[tuple[PathStep, ...], Value]] = [((), value)]
    for _ in range(most_depth):
        below: list[tuple[tuple[PathStep, ...], Value]] = []
        for path, here in level:
            if here.get("id") == number:
                return path
            below += [((*path, step), child) for step, child in parts(here)]
        level = below[:1_000]
    return None


def path_text(root: str, steps: tuple[PathStep, ...]) -> str:
    """Write a path much as Python would; a key that is an object stands by its number."""
    text = root
    for kind, key in steps:
        if kind == "attr":
            text += f".{key}"
        else:
            text += f"{'.keys()' if kind == 'key' else ''}[{_key_text(key)}]"
    return text


def _key_text(key: tuple[Any, ...]) -> str:
    if key[0] == "tuple":
        return ", ".join(_key_text(item) for item in key[1:])
    if key[0] == "int":
        return int_text(key[1])
    if key[0] == "object":
        return f"#{key[1]}"
    return repr(key[1]) if key[0] in ("str", "bool", "float") else str(key[1])
