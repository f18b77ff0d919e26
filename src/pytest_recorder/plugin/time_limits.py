"""Tells by its exception that a test failed by a time limit, which measures the recorder too.

Nothing of the test's is run: types are known by their names, what led to an exception is read where
the interpreter keeps it.
"""

import re
from typing import Final, cast

import pytest

from pytest_recorder.engine.pure.shapes import type_name
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.related_errors import related_errors
from pytest_recorder.system.slots import args_of, mro_of

TIMEOUT_PLUGIN: Final = "pytest-timeout"
_LIMITS: Final = frozenset(
    (
        "hypothesis.errors.DeadlineExceeded",
        # `asyncio.timeout`, `wait_for`, anyio, futures: all of them raise the built-in one.
        "TimeoutError",
        "trio.TooSlowError",
        "func_timeout.exceptions.FunctionTimedOut",
    )
)
_OF_TIMEOUT_PLUGIN: Final = re.compile(r"Timeout \(?>\s*[\d.]+")


def time_limit_of(error: BaseException) -> str | None:
    """Name the time limit that an exception tells of: itself, in it, or as what led to it.

    Hypothesis wraps a deadline that was not exceeded again in a `Flaky`.
    """
    limits = map(_limit_itself, related_errors(error))
    return next((limit for limit in limits if limit is not None), None)


def _limit_itself(error: BaseException) -> str | None:
    kinds = mro_of(type(error))
    if pytest.fail.Exception in kinds:
        args = args_of(error)
        words = cast("tuple[object, ...]", args)[0] if type(args) is tuple and args else None
        is_of_plugin = type(words) is str and _OF_TIMEOUT_PLUGIN.match(words) is not None
        return TIMEOUT_PLUGIN if is_of_plugin else None
    for kind in kinds:
        full = type_name(kind)
        if full in _LIMITS:
            return full
    return None
