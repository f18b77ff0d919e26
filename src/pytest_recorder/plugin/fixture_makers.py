"""Remembers which test set up a fixture: one of a wider scope is made in another test's trace."""

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

    def made_elsewhere(self, item: pytest.Item, attempt: Attempt) -> dict[str, dict[str, Any]]:
        """Give the fixtures of a test that were not set up in this attempt of it, by name."""
        info: Any = getattr(item, "_fixtureinfo", None)
        if info is None:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for name, definitions in list(info.name2fixturedefs.items())[:_MOST_NAMES]:
            maker = self._makers.get(definitions[-1]) if definitions else None
            if maker is not None and maker[:2] != (item.nodeid, attempt.number):
                found[name] = {
                    "scope": maker.scope,
                    "test": writable(maker.test),
                    "attempt": maker.attempt,
                }
        return found
