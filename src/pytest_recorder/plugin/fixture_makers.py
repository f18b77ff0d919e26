"""Remembers which test set up a fixture: one of a wider scope is made in another test's trace."""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pytest

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.attempt import Attempt
from pytest_recorder.tracefile.naming import writable

_MOST_NAMES = 100


class Maker(NamedTuple):
    """The attempt in which a fixture was set up; 0 where that was not recorded."""

    test: str
    attempt: int
    scope: str


class FixtureMakers:
    """By definition of the fixture, which is held weakly: a fixture dies as without us."""

    def __init__(self) -> None:
        self._makers: WeakKeyDictionary[Any, Maker] = WeakKeyDictionary()

    def note(
        self,
        fixturedef: "pytest.FixtureDef[Any]",
        request: pytest.FixtureRequest,
        attempt: Attempt | None,
    ) -> None:
        """Note that a fixture is being set up now."""
        item: Any = getattr(request, "_pyfuncitem", None)
        if item is not None:
            number = attempt.number if attempt is not None else 0
            self._makers[fixturedef] = Maker(item.nodeid, number, fixturedef.scope)

    def made_unseen(
        self, item: pytest.Item, attempt: Attempt, is_in_scope: Callable[[str], bool]
    ) -> dict[str, dict[str, Any]]:
        """Give the fixtures of a test whose making its trace does not show, by name.

        They were set up for another test or attempt, or by code that is not recorded.
        """
        info: Any = getattr(item, "_fixtureinfo", None)
        if info is None:
            return {}
        # Of what a mark gives pytest makes fixtures too.
        given = getattr(getattr(item, "callspec", None), "params", {})
        found: dict[str, dict[str, Any]] = {}
        for name, definitions in list(info.name2fixturedefs.items())[:_MOST_NAMES]:
            maker = self._makers.get(definitions[-1]) if definitions else None
            if maker is None:
                continue
            is_of_this = maker[:2] == (item.nodeid, attempt.number)
            if not is_of_this or (
                name not in given and _is_foreign(definitions[-1], is_in_scope)
            ):
                found[name] = {
                    "scope": maker.scope,
                    "test": writable(maker.test),
                    "attempt": maker.attempt,
                }
        return found


def _is_foreign(
    fixturedef: "pytest.FixtureDef[Any]", is_in_scope: Callable[[str], bool]
) -> bool:
    function: Any = fixturedef.func
    if type(function) is MethodType:
        function = function.__func__
    return type(function) is FunctionType and not is_in_scope(function.__code__.co_filename)
