"""What is told of exceptions that begin in code out of scope, pass it or stay in it.

From 3.15 on its raises and unwindings are not shown to us: what is told must be the same.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pytest_recorder import compat
from pytest_recorder.engine.tool_id import TOOL_NAME
from tests.engines.support import record

if TYPE_CHECKING:
    from types import CodeType

LIBRARY: dict[str, Any] = {}
exec(  # a file name in angle brackets is out of scope
    """
def passes_on(function):
    return function()

def gives(function):
    try:
        function()
    except ValueError as error:
        return error

def raises(error):
    raise error

def gives_then_calls(function, other):
    return other(gives(function))

def keeps_to_itself():
    try:
        {}["key"]
    except KeyError:
        return 1
""",
    LIBRARY,
)
PASSES_ON, GIVES, RAISES = LIBRARY["passes_on"], LIBRARY["gives"], LIBRARY["raises"]
KEEPS_TO_ITSELF = LIBRARY["keeps_to_itself"]


def fails() -> None:
    raise ValueError("first")


def raises_again(error: ValueError) -> None:
    raise error


def raised_again_where_it_was_given() -> None:
    raise GIVES(fails)


def raised_again_in_another_function() -> None:
    LIBRARY["gives_then_calls"](fails, raises_again)


def another_one_is_raised() -> None:
    raise KeyError(GIVES(fails))


def passes() -> None:
    PASSES_ON(fails)


def begins_there() -> None:
    RAISES(ValueError("second"))


def comes_back_by_the_library() -> None:
    RAISES(GIVES(fails))


class Refuses(Exception):
    def __init__(self) -> None:
        fails()


def its_class_fails() -> None:
    raise Refuses


def is_caught_and_raised_there() -> None:
    try:
        PASSES_ON(fails)
    except ValueError as error:
        RAISES(error)


# Each with the functions in which an exception is told to begin, in order.
RAISING: dict[Callable[[], None], list[str]] = {
    raised_again_where_it_was_given: ["fails", "raised_again_where_it_was_given"],
    raised_again_in_another_function: ["fails", "raises_again"],
    another_one_is_raised: ["fails", "another_one_is_raised"],
    passes: ["fails"],
    begins_there: ["begins_there"],
    comes_back_by_the_library: ["fails"],
    its_class_fails: ["fails"],
    is_caught_and_raised_there: ["fails"],
}


@pytest.mark.parametrize("level", ["calls", "values"])
@pytest.mark.parametrize("program", RAISING, ids=lambda program: program.__name__)
def test_an_exception_is_told_once_where_it_is_raised(
    program: Callable[[], None], level: str, engine: str
) -> None:
    recorded = record(program, engine=engine, level=level)
    assert isinstance(recorded.error, (ValueError, KeyError))
    told = [event.function for event in recorded.events if event.kind == "raise"]
    assert told == RAISING[program]
    assert recorded.last("unwind").function == program.__name__


@pytest.mark.skipif(
    not compat.HAS_MONITORING, reason="sys.settrace shows a frame or it does not"
)
def test_code_out_of_scope_shows_its_exceptions_to_nobody_where_python_lets_it(
    engine: str,
) -> None:
    monitoring = sys.monitoring
    events = monitoring.events
    exceptions = events.RAISE | events.PY_UNWIND

    def looks() -> tuple[int, list[int]]:
        assert KEEPS_TO_ITSELF() == 1
        tool = next(n for n in range(6) if monitoring.get_tool(n) == TOOL_NAME)
        codes: list[CodeType] = [looks.__code__, KEEPS_TO_ITSELF.__code__]
        local = [monitoring.get_local_events(tool, code) & exceptions for code in codes]
        return monitoring.get_events(tool) & exceptions, local

    shown = record(looks, engine=engine).result
    if compat.HAS_LOCAL_EXCEPTION_EVENTS:
        assert shown == (0, [exceptions, 0])
    else:
        assert shown == (exceptions, [0, 0])
