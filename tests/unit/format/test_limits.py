"""What an encoder may write, every reader reads."""

from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.format.vocabulary import MAX_DEPTH
from pytest_recorder.testing import record
from tests.engines.support import HAS_NATIVE


class Number(int):
    """A scalar of a subclass: a value in a value, which costs the encoder no depth."""


def nested() -> Any:
    value: Any = Number(7)
    for _ in range(MAX_DEPTH):
        value = [value]
    return value


@pytest.mark.parametrize("hot_path", ["python", *(["native"] if HAS_NATIVE else [])])
def test_the_largest_depth_of_values_is_read_back(tmp_path: Path, hot_path: str) -> None:
    limits = {"depth": MAX_DEPTH}
    made = record(nested, folder=tmp_path, values=limits, hot_path=hot_path)
    with made.trace() as trace:
        events = list(trace.events())
        assert (trace.status, trace.message) == ("complete", None)
    value = events[-1].value
    for _ in range(MAX_DEPTH):
        assert value is not None
        (value,) = value["items"]
    assert value is not None
    assert value["value"] == 7
