"""Records what happened in a test or a program: every call, line, value, exception and output.

The names below are the public API. They are imported when they are first used.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_recorder.diagnostics.metrics import (
        InMemoryMetrics,
        NoMetrics,
        RecorderMetrics,
        configure_metrics,
    )
    from pytest_recorder.diagnostics.otel import OpenTelemetryMetrics
    from pytest_recorder.diagnostics.prometheus import PrometheusFile
    from pytest_recorder.errors import (
        EnvironmentError,
        ErrorCode,
        ErrorKind,
        InternalError,
        RecorderError,
        RecorderWarning,
        TargetError,
        UsageError,
        bug,
        ensure_env,
        ensure_internal,
        ensure_target,
        ensure_usage,
        enverr,
        target,
        usage,
    )
    from pytest_recorder.recording.api import (
        TraceSession,
        flush,
        is_tracing,
        start,
        stop,
        trace,
    )
    from pytest_recorder.settings.process_policy import (
        configure_policy,
        configure_policy_from_env,
        policy_snapshot,
    )
    from pytest_recorder.tracefile.reader import Trace, open_trace

# As it is now, before any conftest where the plugin's entry point imports us: a test replaces what
# it likes in these modules, and `system.originals` takes what we need from here. Copies, for nobody
# looks into them; to take each function by its name costs an idle run a third of a millisecond.
BEFORE_TESTS: dict[str, dict[str, Any]] = {
    name: dict(vars(sys.modules[name]))
    for name in (
        *(os.name, "_io", "_signal", "_thread", "builtins", "datetime", "gc", "select"),
        *("sys", "time"),
    )
    if name in sys.modules
}
BEFORE_TESTS["os"] = {"environ": os.environ, "PathLike": os.PathLike}
if sys.version_info >= (3, 12):
    BEFORE_TESTS["sys.monitoring"] = dict(vars(sys.monitoring))

_ERRORS = "pytest_recorder.errors"
_METRICS = "pytest_recorder.diagnostics.metrics"
_POLICY = "pytest_recorder.settings.process_policy"
_SESSION = "pytest_recorder.recording.api"
_READER = "pytest_recorder.tracefile.reader"

_HOMES = {
    "EnvironmentError": _ERRORS,
    "ErrorCode": _ERRORS,
    "ErrorKind": _ERRORS,
    "InternalError": _ERRORS,
    "RecorderError": _ERRORS,
    "RecorderWarning": _ERRORS,
    "TargetError": _ERRORS,
    "UsageError": _ERRORS,
    "bug": _ERRORS,
    "ensure_env": _ERRORS,
    "ensure_internal": _ERRORS,
    "ensure_target": _ERRORS,
    "ensure_usage": _ERRORS,
    "enverr": _ERRORS,
    "target": _ERRORS,
    "usage": _ERRORS,
    "configure_policy": _POLICY,
    "configure_policy_from_env": _POLICY,
    "policy_snapshot": _POLICY,
    "InMemoryMetrics": _METRICS,
    "NoMetrics": _METRICS,
    "OpenTelemetryMetrics": "pytest_recorder.diagnostics.otel",
    "PrometheusFile": "pytest_recorder.diagnostics.prometheus",
    "RecorderMetrics": _METRICS,
    "configure_metrics": _METRICS,
    "TraceSession": _SESSION,
    "flush": _SESSION,
    "is_tracing": _SESSION,
    "start": _SESSION,
    "stop": _SESSION,
    "trace": _SESSION,
    "Trace": _READER,
    "open_trace": _READER,
}

__all__ = [
    "EnvironmentError",
    "ErrorCode",
    "ErrorKind",
    "InMemoryMetrics",
    "InternalError",
    "NoMetrics",
    "OpenTelemetryMetrics",
    "PrometheusFile",
    "RecorderError",
    "RecorderMetrics",
    "RecorderWarning",
    "TargetError",
    "Trace",
    "TraceSession",
    "UsageError",
    "bug",
    "configure_metrics",
    "configure_policy",
    "configure_policy_from_env",
    "ensure_env",
    "ensure_internal",
    "ensure_target",
    "ensure_usage",
    "enverr",
    "flush",
    "is_tracing",
    "open_trace",
    "policy_snapshot",
    "start",
    "stop",
    "target",
    "trace",
    "usage",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})


if os.environ.get("PYTEST_RECORDER_AUTOSTART"):
    from pytest_recorder.recording.autostart import begin as _begin

    _begin()
