"""Takes the functions of the operating system and the interpreter before a test can replace them.

PYTEST_DONT_REWRITE

Problem: the program under test owns the standard library. `mock` and `monkeypatch` replace
attributes of `os`, `time` and `builtins`; freezegun and pyfakefs replace every variable of every
loaded module that holds one of their functions or modules, those of ours too; gevent puts its own
in the place of threads, locks and queues. A function of the standard library that was taken early
does not help where it is Python code: it looks up what it calls when it runs.

What we do: the functions in C are taken as they were when the package was imported, which the
plugin's entry point does before any conftest (`BEFORE_TESTS`, of the package), and kept as
attributes of objects, where nobody looks. `OS` is from
`posix` (`nt` on Windows), which `os` copies; what `os` and `pathlib` make of it stands in `files`,
made anew. Where gevent has patched earlier, its saved originals are taken.

What can still go wrong: where this package is first imported inside a test (by its API), what the
test has replaced in C modules themselves, and built-in functions, is taken for the original.
time-machine swaps clocks beneath their names: what does not ask the clock of the wall is not
touched by it, see `clock`.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import BuiltinFunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from pytest_recorder.original_builtins import __builtins__

if TYPE_CHECKING:
    import _io
    import _thread
    import datetime as dt
    import gc
    import os as _os
    import select
    import time

    if sys.platform == "win32":
        import nt as _posix
    else:
        import posix as _posix

    _signal: Any
    _sys = sys
else:
    # By its name: in the order of layers the package itself stands above all.
    _KEPT = import_module("pytest_recorder").BEFORE_TESTS

    def _before_tests(name: str) -> SimpleNamespace:
        """Give a module as it was when this package was imported."""
        kept = _KEPT.get(name)
        return SimpleNamespace(**(vars(import_module(name)) if kept is None else kept))

    _io, _signal, _thread, dt, gc = map(
        _before_tests, ("_io", "_signal", "_thread", "datetime", "gc")
    )
    _os, select, _sys, time = map(_before_tests, ("os", "select", "sys", "time"))
    _posix = _before_tests("nt" if sys.platform == "win32" else "posix")
    if "sys.monitoring" in _KEPT:
        _sys.monitoring = _before_tests("sys.monitoring")


class _OperatingSystem:
    """Its calls, in C; each as `os` documents it."""

    def __init__(self) -> None:
        self.variables: Final[dict[Any, Any]] = vars(_os.environ)["_data"]
        """What is beneath `os.environ`; see `environment`."""
        self.fspath: Final = _posix.fspath
        self.path_like: Final[Any] = _os.PathLike
        self.strerror: Final = _posix.strerror
        # Processes.
        self.getpid: Final = _posix.getpid
        self.kill: Final = _posix.kill
        self.exit: Final = _posix._exit
        self.cpu_count: Final = _posix.cpu_count
        self.urandom: Final = _posix.urandom
        # Descriptors.
        self.open: Final = _posix.open
        self.close: Final = _posix.close
        self.read: Final = _posix.read
        self.write: Final = _posix.write
        self.dup: Final = _posix.dup
        self.fstat: Final = _posix.fstat
        self.fsync: Final = _posix.fsync
        self.lseek: Final = _posix.lseek
        self.ftruncate: Final = _posix.ftruncate
        # Names.
        self.stat: Final = _posix.stat
        self.lstat: Final = _posix.lstat
        self.readlink: Final = _posix.readlink
        self.listdir: Final = _posix.listdir
        self.scandir: Final = _posix.scandir
        self.mkdir: Final = _posix.mkdir
        self.rmdir: Final = _posix.rmdir
        self.unlink: Final = _posix.unlink
        self.replace: Final = _posix.replace
        self.getcwd: Final = _posix.getcwd
        # Not everywhere.
        self.posix_fallocate: Final[Callable[[int, int, int], None] | None] = _optional(
            "posix_fallocate"
        )
        self.sched_getaffinity: Final[Callable[[int], set[int]] | None] = _optional(
            "sched_getaffinity"
        )
        self.register_at_fork: Final[Callable[..., None] | None] = _optional("register_at_fork")
        self.sysconf: Final[Callable[[str], int] | None] = _optional("sysconf")
        self.full_path: Final[Callable[[str], str] | None] = _optional("_getfullpathname")
        """Windows only."""
        self.poll: Final[Any] = _unpatched("select", select, "poll")
        """None on Windows."""
        # A file object: its methods are those of `_io`, in C.
        self.open_file: Final = _io.open
        self.bytes_file: Final = _io.BytesIO


class _Interpreter:
    """What engines ask of it; each as `sys` documents it."""

    def __init__(self) -> None:
        self.getframe: Final = _sys._getframe
        self.current_frames: Final = _sys._current_frames
        self.exc_info: Final = _sys.exc_info
        self.gettrace: Final = _sys.gettrace
        self.settrace: Final = _sys.settrace
        self.get_referents: Final = gc.get_referents
        self.getsignal: Final[Callable[[int], Any]] = _signal.getsignal
        self.valid_signals: Final[Callable[[], set[int]]] = _signal.valid_signals
        self.interrupt_main: Final = _thread.interrupt_main
        if sys.version_info >= (3, 12):
            self.monitoring: Final = _Monitoring()


if sys.version_info >= (3, 12):

    class _Monitoring:
        """As `sys.monitoring` documents it."""

        def __init__(self) -> None:
            monitoring = _sys.monitoring
            self.events: Final = monitoring.events
            # By their bits: a test can take names away, and BRANCH of 3.14 is two of them.
            self.every_event: Final = [
                1 << bit for bit in range(monitoring.events.C_RAISE.bit_length())
            ]
            self.disable: Final = monitoring.DISABLE
            self.use_tool_id: Final = monitoring.use_tool_id
            self.free_tool_id: Final = monitoring.free_tool_id
            self.get_tool: Final = monitoring.get_tool
            self.register_callback: Final = monitoring.register_callback
            self.set_events: Final = monitoring.set_events
            self.get_events: Final = monitoring.get_events
            self.set_local_events: Final = monitoring.set_local_events
            self.get_local_events: Final = monitoring.get_local_events
            self.restart_events: Final = monitoring.restart_events


class _Clocks:
    """The clocks that nobody sets, and what the wall said when this was made."""

    def __init__(self) -> None:
        self.perf_counter_ns: Final = _unfrozen("perf_counter_ns")
        """Never goes back; may stand while the machine sleeps."""
        self.steady_ns: Final = _steady_clock()
        """Never goes back, and goes on while the machine sleeps where the system can say so."""
        self.process_time_ns: Final = _unfrozen("process_time_ns")
        """CPU time of the process."""
        self.sleep: Final[Callable[[float], None]] = _unpatched("time", time, "sleep")
        wall_ns = _wall_clock()
        # The wall between two looks at the other: a pause there would shift all that is told.
        before = self.steady_ns()
        self.wall_ns: Final = wall_ns()
        self.wall_at_ns: Final = (before + self.steady_ns()) // 2


class _Dates:
    """The types, by which values are told: freezegun puts others in their place."""

    def __init__(self) -> None:
        freezer: Any = sys.modules.get("freezegun.api")
        self.date: Final[Any] = getattr(freezer, "real_date", dt.date)
        self.datetime: Final[Any] = getattr(freezer, "real_datetime", dt.datetime)
        self.time: Final[Any] = dt.time
        self.timedelta: Final[Any] = dt.timedelta
        self.timezone: Final[Any] = dt.timezone


def _steady_clock() -> Callable[[], int]:
    number = getattr(time, "CLOCK_BOOTTIME", None)
    if number is None and sys.platform == "darwin":
        number = time.CLOCK_MONOTONIC
    if number is None:
        return _unfrozen("perf_counter_ns")
    clock_gettime_ns = time.clock_gettime_ns
    try:
        clock_gettime_ns(number)
    except OSError:
        return _unfrozen("perf_counter_ns")
    return lambda: clock_gettime_ns(number)


def _wall_clock() -> Callable[[], int]:
    """Give the true clock, also where a tool that fakes it is at work already."""
    machine: Any = sys.modules.get("time_machine")
    escape: Any = getattr(machine, "escape_hatch", None)
    if escape is not None and escape.is_travelling():
        found: Callable[[], int] = escape.time.time_ns
        return found
    return _unfrozen("time_ns")


def _unfrozen(name: str) -> Callable[[], int]:
    """Give a clock of `time`; where freezegun has replaced it, the one that freezegun keeps."""
    found: Any = getattr(time, name)
    if not isinstance(found, BuiltinFunctionType):
        freezer: Any = sys.modules.get("freezegun.api")
        found = getattr(freezer, f"real_{name}", found)
    return found  # type: ignore[no-any-return]


def _optional(name: str) -> Any:
    return getattr(_posix, name, None)


def _unpatched(place: str, module: Any, name: str) -> Any:
    """Give a function of a module; where gevent has replaced it, the one that gevent keeps."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_object_patched(place, name):
        return monkey.get_original(place, name)
    return getattr(module, name, None)


def _original(name: str) -> Any:
    return _unpatched("_thread", _thread, name)


def environment(variables: dict[Any, Any] | None = None) -> dict[str, str]:
    """Give the environment as it is now, or some of `OS.variables`, as texts.

    It is `os.environ` without its methods, which are Python's.
    """
    given = OS.variables if variables is None else variables
    return {_variable(name): _variable(value) for name, value in given.items()}


def variable(name: str) -> str | None:
    """Give a variable of the environment as it is now."""
    found = OS.variables.get(name.upper() if sys.platform == "win32" else name.encode())
    return None if found is None else _variable(found)


def is_set(name: str) -> bool:
    """Tell whether a variable is set to anything but the empty text or a word for no."""
    return (variable(name) or "").strip().lower() not in _UNSET


def _variable(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(_ENCODING, "surrogateescape")


_UNSET: Final = ("", "0", "f", "false", "n", "no", "off")
_ENCODING: Final = sys.getfilesystemencoding()
OS: Final = _OperatingSystem()
INTERPRETER: Final = _Interpreter()
CLOCKS: Final = _Clocks()
DATES: Final = _Dates()

# After `gevent.monkey.patch_all()` a greenlet has a thread identity and thread-local values of its
# own, and waiting for a lock runs other greenlets of the program. A recorder that took these would
# tell greenlets as threads, and run the program in the middle of its own work.
get_ident: Callable[[], int] = _original("get_ident")
allocate_lock: Callable[[], _thread.LockType] = _original("allocate_lock")
reentrant_lock: Callable[[], Any] = _original("RLock")
start_new_thread: Callable[..., int] = _original("start_new_thread")
local: Any = _original("_local")
