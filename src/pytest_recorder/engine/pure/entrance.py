"""Lets one thread at a time into a hot path, and counts what was lost because another was there.

PYTEST_DONT_REWRITE
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_recorder.engine.pure.meter import Meter
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import allocate_lock, get_ident

if TYPE_CHECKING:
    from pytest_recorder.engine.pure.definitions import CodeRecord

INTERRUPTED = "interrupted"
_LOCK_TIMEOUT_S = 1.0

Operation = Callable[[Any, Any, Any], Any]


class Entrance:
    """Who is inside, whether events are taken, and what was lost."""

    def __init__(self, is_foreign: Callable[[BaseException], bool]) -> None:
        """`is_foreign` tells the program's own errors, which go through us, from faults of ours."""
        self.is_open = False
        self.lost: dict[str, int] = {}
        # The same of the whole trace: `lost` ends with the gap that tells it.
        self.losses: dict[str, int] = {}
        self._codes: dict[int, CodeRecord] = {}
        self._is_foreign = is_foreign
        self._meter = Meter()
        self._lock = allocate_lock()
        self._owner = 0

    def lose(self, reason: str, count: int = 1) -> None:
        """Count events that could not be recorded; the next one is preceded by a gap."""
        if not count:
            return
        self.lost[reason] = self.lost.get(reason, 0) + count
        self.losses[reason] = self.losses.get(reason, 0) + count

    @contextmanager
    def _turn(self) -> Generator[bool]:
        """Be inside for a block, as long as no other thread is."""
        me, lock = get_ident(), self._lock
        if self._owner == me or not lock.acquire(True, _LOCK_TIMEOUT_S):
            yield False
            return
        self._owner = me
        try:
            yield True
        finally:
            self._owner = 0
            lock.release()

    def locked(self, operation: Operation) -> Operation:
        """Wrap an operation for an engine to call; a closed hot path takes nothing more.

        A thread can come in while it is inside already: by our own code, when it runs for a write
        to a stream, and by code of the program that the garbage collector or a signal handler runs
        there. The latter is counted, not recorded. A signal handler can also raise in the one
        instruction between taking the lock and owning it; a lock that nobody owns after a second is
        replaced.
        """
        meter = self._meter

        def enter(frame: Any, code: Any, argument: Any) -> Any:
            me = get_ident()
            if self._owner == me:
                if id(code) in self._codes:
                    self.lose("reentrant")
                return None
            lock = self._lock
            if not lock.acquire(True, _LOCK_TIMEOUT_S):
                if self._owner == 0:
                    self._lock = allocate_lock()
                self.lose("contended")
                return None
            self._owner = me
            started_ns = 0
            try:
                meter.left -= 1
                if meter.left <= 0:
                    started_ns = meter.start()
                return operation(frame, code, argument) if self.is_open else None
            except BaseException as error:
                self._introduce_anew()
                if self._is_foreign(error):
                    self.lose(INTERRUPTED)
                raise
            finally:
                self._owner = 0
                lock.release()
                if started_ns:
                    meter.stop(started_ns)

        return enter

    def _introduce_anew(self) -> None:
        """An event was not written: what is known of a frame may be ahead of the trace."""
