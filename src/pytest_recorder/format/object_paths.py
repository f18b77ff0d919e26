"""Names the steps from an object to others in it, and finds the shortest way to one."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pytest_recorder.format.parts import Container, Part, Reference
from pytest_recorder.format.vocabulary import Tag
from pytest_recorder.original_builtins import __builtins__

PathStep = tuple[str, Any]
"""`("attr", name)`, `("item", mark)` with the index or the key as `(type, value)`, or
`("key", mark)`, which leads to the key itself."""

_MOST_LOOKED_AT: Final = 1_000


def step_to(head: Container, at: int, part: tuple[Part | str, ...]) -> PathStep:
    """Give the step to the part at a place of a container."""
    if head.tag == Tag.OBJECT:
        return ("attr", part[0])
    if head.tag == Tag.MAPPING:
        return ("item", _mark(part[0]))
    return ("attr", head.fields[at]) if at < len(head.fields) else ("item", ("int", at))


def steps_from(
    head: Container, at: int, part: tuple[Part | str, ...], number: int
) -> tuple[PathStep, ...] | None:
    """Give the shortest path from a container to an object that a part of its record tells of.

    That is one step, or more where the part holds containers that are written in place.
    """
    found: tuple[PathStep, ...] | None = None
    for step, piece in _pieces(head, at, part):
        path: tuple[PathStep, ...] | None = None
        if _number_of(piece) == number:
            path = ()
        elif isinstance(piece, Container):
            inner = (
                steps_from(piece, place, group, number)
                for place, group in enumerate(piece.parts)
            )
            path = min((steps for steps in inner if steps is not None), key=len, default=None)
        if path is not None and (found is None or len(path) + 1 < len(found)):
            found = (step, *path)
    return found


def path_to(
    part: Part, number: int, held: Callable[[int], Part | None], depth: int
) -> tuple[PathStep, ...] | None:
    """Give the shortest path from what a variable holds to an object; None where it is not there.

    `held` gives what an object holds, None where that is not known.
    """
    level: list[tuple[tuple[PathStep, ...], Part]] = [((), part)]
    seen: set[int] = set()
    for _ in range(depth + 1):
        below: list[tuple[tuple[PathStep, ...], Part]] = []
        for path, here in level:
            if isinstance(here, dict):
                if here.get("id") == number:
                    return path
                continue
            if here.number == number:
                return path
            if here.number in seen or len(seen) > _MOST_LOOKED_AT:
                continue
            if isinstance(here, Reference):
                seen.add(here.number)
            below += (((*path, step), child) for step, child in _children(here, held))
        level = below
    return None


def _children(
    part: Reference | Container, held: Callable[[int], Part | None]
) -> Iterator[tuple[PathStep, Part]]:
    whole = held(part.number) if isinstance(part, Reference) else part
    if not isinstance(whole, Container):
        return
    for at, pieces in enumerate(whole.parts):
        yield from _pieces(whole, at, pieces)


def _pieces(
    head: Container, at: int, part: tuple[Part | str, ...]
) -> Iterator[tuple[PathStep, Part]]:
    """Give the objects that stand in a part, each with the step to it; a value before its key."""
    item = part[-1]
    if not isinstance(item, str) and _number_of(item) is not None:
        yield step_to(head, at, part), item
    key = part[0] if head.tag == Tag.MAPPING else ""
    if not isinstance(key, str) and _number_of(key) is not None:
        yield ("key", _mark(key)), key


def _number_of(piece: Part) -> int | None:
    return piece.get("id") if isinstance(piece, dict) else piece.number


def _mark(key: Part | str) -> Any:
    if isinstance(key, (Reference, Container)):
        return ("object", key.number)
    if isinstance(key, str):
        return ("str", key)
    if "value" in key:
        return (key["type"], key["value"])
    return ("object", key.get("id", 0))
