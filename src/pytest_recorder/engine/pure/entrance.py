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
from pytest_recorder.system.originals import get_ident, reentrant_lock

if TYPE_CHECKING:
    from pytest_recorder.engine.pure.definitions import CodeRecord

INTERRUPTED = "interrupted"
_LOCK_TIMEOUT_S = 1.0

Operation = Callable[[Any, Any, Any], Any]


def _give_up(lock: Any) -> None:
    """Release a lock if this thread has it, though what took it has raised."""
    if lock._is_owned():
        lock.release()


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
        # One that knows its owner, from within C.
        self._lock = reentrant_lock()
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
        is_inside = False
        try:
            is_inside = self._owner != me and lock.acquire(True, _LOCK_TIMEOUT_S)
        except BaseException:
            if self._owner != me:
                _give_up(lock)
            raise
        if not is_inside:
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
        there. The latter is counted, not recorded. A signal handler can also raise between taking
        the lock and owning it: the interpreter runs handlers when the call that took it returns.
        """
        meter = self._meter

        def enter(frame: Any, code: Any, argument: Any) -> Any:
            me = get_ident()
            if self._owner == me:
                if id(code) in self._codes:
                    self.lose("reentrant")
                return None
            lock = self._lock
            try:
                is_inside = lock.acquire(True, _LOCK_TIMEOUT_S)
            except BaseException:
                _give_up(lock)
                self.lose(INTERRUPTED)
                raise
            if not is_inside:
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
