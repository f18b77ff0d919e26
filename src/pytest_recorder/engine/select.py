"""Chooses the engine, and says why."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pytest_recorder import compat
from pytest_recorder.engine.base import Capabilities, Engine
from pytest_recorder.engine.hot import HotPath
from pytest_recorder.engine.settrace import SettraceEngine
from pytest_recorder.errors import ErrorCode, usage


class Choice(NamedTuple):
    """The name of an engine and a sentence with the reason."""

    engine: str
    reason: str


def select(request: str = "auto") -> Choice:
    """Choose between `monitoring` and `settrace`.

    Raises UsageError (ERR_NOT_SUPPORTED) for an engine that this Python does not have.
    """
    if request == "settrace":
        return Choice("settrace", "sys.settrace was asked for")
    if request == "monitoring":
        if not compat.HAS_MONITORING:
            raise usage(
                ErrorCode.NOT_SUPPORTED,
                f"engine 'monitoring' needs Python 3.12, this is {compat.PYTHON_VERSION}",
            )
        return Choice("monitoring", "sys.monitoring was asked for")
    if compat.HAS_MONITORING:
        return Choice("monitoring", f"Python {compat.PYTHON_VERSION} has sys.monitoring")
    return Choice(
        "settrace", f"Python {compat.PYTHON_VERSION} has no sys.monitoring (it came with 3.12)"
    )


def capabilities_of(choice: Choice) -> Capabilities:
    """Give what an engine can do, without building it."""
    if choice.engine == "settrace":
        return SettraceEngine.capabilities
    from pytest_recorder.engine.sysmon import MonitoringEngine

    return MonitoringEngine.capabilities


def why_pure() -> str:
    """Say why the hot path is the pure-Python one."""
    return "this version has no other"


def make_engine(
    choice: Choice, hot: HotPath, *, has_lines: bool, on_fault: Callable[[BaseException], Any]
) -> Engine:
    """Build the engine of a choice; nothing is installed yet."""
    if choice.engine == "settrace":
        return SettraceEngine(hot, on_fault=on_fault)
    # `sys.monitoring` does not exist on 3.11.
    from pytest_recorder.engine.sysmon import MonitoringEngine

    return MonitoringEngine(hot, has_lines=has_lines, on_fault=on_fault)
