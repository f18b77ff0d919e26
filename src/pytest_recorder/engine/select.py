"""Chooses the engine and the hot path, and says why."""

import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from itertools import islice
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_recorder import compat
from pytest_recorder.diagnostics import inject
from pytest_recorder.diagnostics.guard import (
    Unreported,
    failure_handler,
    fault_handler,
    is_foreign,
    marked,
)
from pytest_recorder.engine.base import Capabilities, Engine, HotPath
from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.definitions import Sink
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.errors import ErrorCode, enverr, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import compiled
from pytest_recorder.system.originals import is_set

if TYPE_CHECKING:
    from pytest_recorder.engine.native.hot_path import NativeHotPath
    from pytest_recorder.engine.pure.hot_path import PureHotPath

NATIVE_MODULE = "pytest_recorder.engine.native._native"
DIRECT: Final = "(direct)"
"""Follows the name of the part in the failures of the build where the public API was taken."""
UNTRIED: Final = "untried"
"""The build of a part in C for a version whose frames it does not know."""
FREE_THREADED_VARIABLE: Final = "PYTEST_RECORDER_FREE_THREADED"

# - A callback in Python needs room on the stack that is not there at the recursion limit.
# - There is one place for a trace function, and each thread has its own.
# - Pure Python on 3.11 has only `f_locals`, which is filled anew at each access: after
#   `d = locals(); x = 1` the test `'x' in d` is True instead of False (measured). From 3.12 on
#   there are harmless ways, see `pure/names.py`.
CAPABILITIES: Final[Mapping[tuple[str, str], Capabilities]] = {
    ("monitoring", "native"): Capabilities(),
    ("monitoring", "python"): Capabilities(survives_recursion_limit=False),
    ("settrace", "native"): Capabilities(
        leaves_gettrace_alone=False, sees_running_threads=False
    ),
    ("settrace", "python"): Capabilities(
        reads_locals_undisturbed=False,
        leaves_gettrace_alone=False,
        sees_running_threads=False,
        survives_recursion_limit=False,
    ),
}
"""By engine and hot path."""


class Choice(NamedTuple):
    """The names of an engine and a hot path, each with a sentence for the reason.

    `slower` says why something that could be in C is not; of several parts the first.
    """

    engine: str
    reason: str
    hot_path: str
    hot_path_reason: str
    slower: str | None = None

    @property
    def reasons(self) -> str:
        """Say why this engine, and why a slower hot path where it is one."""
        return self.reason if self.slower is None else f"{self.reason}; {self.slower}"

    @property
    def capabilities(self) -> Capabilities:
        """What the two can do together."""
        return CAPABILITIES[self.engine, self.hot_path]


def select(request: str = "auto", hot_path: str = "auto") -> Choice:
    """Choose between `monitoring` and `settrace`, and between `native` and `python`.

    Raises UsageError (ERR_NOT_SUPPORTED) for what was asked for and is not to be had here.
    """
    engine, reason = _select_engine(request)
    if hot_path == "python":
        return _in_python(engine, reason, "pure Python was asked for")
    module, why_not = _native()
    if module is not None:
        return _in_c(engine, reason, module.BUILD)
    if hot_path == "native":
        raise usage(ErrorCode.NOT_SUPPORTED, f"no native hot path: {why_not}")
    return _in_python(engine, reason, str(why_not))


def _in_python(engine: str, reason: str, why: str) -> Choice:
    return Choice(engine, reason, "python", why, f"pure Python, slower: {why}")


def _in_c(engine: str, reason: str, build: str) -> Choice:
    """`build` is what the part in C reads: `internals`, or `public` by wish or need."""
    failures = compiled.build_failures()
    failures.pop(NATIVE_MODULE, None)
    cause = failures.pop(f"{NATIVE_MODULE} {DIRECT}", None)
    if build == UNTRIED:
        why = f"the frames of Python {compat.PYTHON_VERSION} are not known to it"
    elif build == "public" and cause is not None:
        why = f"what reads the frames of the interpreter was not built: {cause}"
    else:
        why = ""
    reads = "the frames of the interpreter" if build == "internals" else "the public API"
    slower = [f"on the public API, slower: {why}"] if why else []
    slower += [f"{name} was not built: {said}" for name, said in islice(failures.items(), 1)]
    return Choice(
        engine,
        reason,
        "native",
        f"the part in C is there, it reads {reads}" + (f": {why}" if why else ""),
        "; ".join(slower) or None,
    )


def _select_engine(request: str) -> tuple[str, str]:
    if request == "settrace":
        if compat.HAS_MONITORING:
            raise usage(
                ErrorCode.NOT_SUPPORTED,
                f"engine 'settrace' is for Python 3.11, this is {compat.PYTHON_VERSION},"
                " expected 'auto' or 'monitoring'",
            )
        return "settrace", "sys.settrace was asked for"
    if request == "monitoring":
        if not compat.HAS_MONITORING:
            raise usage(
                ErrorCode.NOT_SUPPORTED,
                f"engine 'monitoring' needs Python 3.12, this is {compat.PYTHON_VERSION}",
            )
        return "monitoring", "sys.monitoring was asked for"
    if compat.HAS_MONITORING:
        return "monitoring", f"Python {compat.PYTHON_VERSION} has sys.monitoring"
    why = f"Python {compat.PYTHON_VERSION} has no sys.monitoring (it came with 3.12)"
    return "settrace", why


def why_refused() -> str | None:
    """Say why nothing is recorded on this interpreter, None where it is.

    Decided by the build and not by whether the GIL runs now (`PYTHON_GIL=1`): nobody has run
    either.
    """
    if not compat.IS_FREE_THREADED or is_set(FREE_THREADED_VARIABLE):
        return None
    return (
        "recording was never tried on a free-threaded build of Python;"
        f" {FREE_THREADED_VARIABLE}=1 records all the same, in pure Python"
    )


def refuse_untried() -> None:
    """Raise EnvironmentError (ERR_NOT_SUPPORTED) where nothing is recorded on this interpreter."""
    reason = why_refused()
    if reason is not None:
        raise enverr(ErrorCode.NOT_SUPPORTED, reason)


def _native() -> tuple[ModuleType | None, str | None]:
    """Give the part in C, or the reason why it cannot be used."""
    module, why_not = compiled.load(NATIVE_MODULE)
    if module is not None and sys.hexversion >> 16 != module.BUILT_FOR:
        return None, "the part in C was built for another version of Python"
    return module, why_not


def make(
    choice: Choice,
    sink: Sink,
    *,
    level: str,
    bounds: Bounds,
    redactor: Redactor,
    is_in_scope: Callable[[CodeType, str | None], bool],
    on_fault: Callable[..., Any],
    faults: inject.Injector = inject.NONE,
) -> tuple[HotPath, Engine]:
    """Build hot path and engine of a choice; nothing is installed yet.

    `on_fault` is called with an exception and, by keyword, the `callback` that it left.
    Only what is chosen is imported: the rest would cost every run a tenth of a second. Only where
    `faults` asks for one in the hot path is it of a kind that can fail on purpose.
    """
    handle_failure = failure_handler(on_fault)
    parts: dict[str, Any] = {
        "level": level,
        "bounds": bounds,
        "redactor": redactor,
        "is_in_scope": is_in_scope,
    }
    if choice.hot_path == "native":
        parts |= {"handle_fault": fault_handler(on_fault), "handle_failure": handle_failure}
        hot_native = _native_hot_path(faults, sink, parts)
        if choice.engine == "settrace":
            return hot_native, _parts("settrace_native").NativeSettraceEngine(
                hot_native, capabilities=choice.capabilities, on_fault=on_fault
            )
        return hot_native, _parts("sysmon").MonitoringEngine(
            hot_native,
            _parts("native.hot_path").native_callbacks(hot_native),
            capabilities=choice.capabilities,
        )
    parts |= {"marked": partial(marked, handle_failure), "is_foreign": is_foreign}
    pure, unreported = _pure_hot_path(faults, sink, parts), Unreported()
    if choice.engine == "settrace":
        return pure, _parts("settrace").SettraceEngine(
            pure, capabilities=choice.capabilities, on_fault=on_fault
        )
    return pure, _parts("sysmon").MonitoringEngine(
        pure,
        _parts("sysmon").pure_callbacks(pure, on_fault, unreported),
        capabilities=choice.capabilities,
        unreported=unreported,
    )


@cache
def _parts(module: str) -> Any:
    """Import a module of this package when it is first needed: `sys.monitoring` is not everywhere.

    Kept, for a test may have emptied `sys.modules` before a marker asks for another setup.
    """
    return import_module(f"pytest_recorder.engine.{module}")


def prepare() -> None:
    """Import what records where nothing special is asked for, and what that takes from others."""
    choice = select()
    if choice.hot_path == "native":
        _parts("native.hot_path")
        _parts("sysmon" if choice.engine == "monitoring" else "settrace_native")
    else:
        _parts("pure.hot_path")
        # They import `ctypes`.
        _parts("pure.names").prepare_reader()
        _parts("pure.shapes").prepare_addresses()
        _parts("sysmon" if choice.engine == "monitoring" else "settrace")


def _native_hot_path(
    faults: inject.Injector, sink: Sink, parts: dict[str, Any]
) -> "NativeHotPath":
    if faults.concerns_events:
        made: NativeHotPath = _parts("injected").make_native(faults, sink, **parts)
        return made
    plain: NativeHotPath = _parts("native.hot_path").NativeHotPath(sink, **parts)
    return plain


def _pure_hot_path(faults: inject.Injector, sink: Sink, parts: dict[str, Any]) -> "PureHotPath":
    if faults.concerns_events:
        made: PureHotPath = _parts("injected").make_pure(faults, sink, **parts)
        return made
    plain: PureHotPath = _parts("pure.hot_path").PureHotPath(sink, **parts)
    return plain
