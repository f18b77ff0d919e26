"""Gives an exception with those that led to it and, of a group, those in it."""

from collections.abc import Iterator
from typing import Any, Final

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.slots import cause_of, context_of, members_of_group, mro_of

_MOST: Final = 200


def related_errors(error: BaseException) -> Iterator[BaseException]:
    """Give the exception itself, then the others, each once; no method of theirs is called."""
    waiting: list[Any] = [error]
    known: set[int] = set()
    while waiting and len(known) < _MOST:
        found = waiting.pop()
        if found is None or id(found) in known:
            continue
        known.add(id(found))
        yield found
        waiting += [context_of(found), cause_of(found)]
        if BaseExceptionGroup in mro_of(type(found)):
            waiting += reversed(members_of_group(found))
