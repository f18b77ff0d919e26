"""Looks, around each test of the engines, whether anything of a recording was left behind."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_recorder import compat
from tests.engines.support import ENGINES

TOOL_NAME = "pytest-record-trace"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that this Python has."""
    return str(request.param)


@pytest.fixture(autouse=True)
def leaves_nothing(tmp_path: Path) -> Iterator[None]:
    """No trace function, no tool id of ours, no thread and no spool more than before."""
    tracer, threads = sys.gettrace(), set(threading.enumerate())
    assert tools() == []
    yield
    left = tools()
    for tool in left:
        # What fails before it closes its recorder is one red test, and not all that follow.
        sys.monitoring.free_tool_id(tool)
    assert left == []
    assert sys.gettrace() is tracer
    assert threading.gettrace() is None
    assert set(threading.enumerate()) <= threads
    assert list(tmp_path.rglob("*.pyspool")) == []
    assert list(tmp_path.rglob("*.part")) == []


def tools() -> list[int]:
    """Give the tool ids that are ours."""
    if not compat.HAS_MONITORING:
        return []
    return [tool for tool in range(6) if sys.monitoring.get_tool(tool) == TOOL_NAME]
