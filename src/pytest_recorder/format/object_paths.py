"""Names the steps from an object to others in it, and finds the shortest way to one."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from pytest_recorder.format.parts import Container, Part, Reference
from pytest_recorder.format.vocabulary import Tag
from pytest_recorder.original_builtins import __builtins__

PathStep = tuple[str, Any]
"""`("attr", name)`, or `("item", mark)` with the index or the key as `(type, value)`."""

_MOST_LOOKED_AT: Final = 1_000


def step_to(head: Container, at: int, part: tuple[Part | str, ...]) -> PathStep:
    """Give the step to the part at a place of a container."""
    if head.tag == Tag.OBJECT:
        return ("attr", part[0])
    if head.tag == Tag.MAPPING:
        return ("item", _mark(part[0]))
    return ("attr", head.fields[at]) if at < len(head.fields) else ("item", ("int", at))


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
        piece = pieces[-1]
        if isinstance(piece, (Reference, Container)) or (
            isinstance(piece, dict) and "id" in piece
        ):
            yield step_to(whole, at, pieces), piece


def _mark(key: Part | str) -> Any:
    if isinstance(key, (Reference, Container)):
        return ("object", key.number)
    if isinstance(key, str):
        return ("str", key)
    if "value" in key:
        return (key["type"], key["value"])
    return ("object", key.get("id", 0))
