"""Writes the blocks of a trace file in their order: deflated, with checksums.

A small trace is deflated thoroughly, in the thread that writes it. What comes after the first
mebibyte is deflated quickly and by two threads, while the caller makes the next block ready
(`bench/packing.py` measures it; all traces of boltons at `values`, 121 MB, zlib 1.2.13, one core):

| level | MB/s | size |
|------:|-----:|-----:|
|     1 |  213 | +20% |
|     2 |  212 | +15% |
|     3 |  188 | +12% |
|     4 |  113 |  +7% |
|     6 |   76 |    0 |
|     9 |   32 |  -2% |

The threads are those of `_thread`: a `threading.Thread` would take a number from the names of the
program's threads, and run the functions that others gave to `threading.settrace`. zlib lets go of
the lock of the interpreter while it works.
"""

from _queue import SimpleQueue
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self
from zlib import compress, crc32
from zlib import error as zlib_error

from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.format.layout import BLOCK, CHECKSUM, FLAG_DEFLATED
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import OS, allocate_lock, start_new_thread

if TYPE_CHECKING:
    import _thread

_THOROUGH = 6
_QUICK = 2
_MUCH_BYTES = 1024 * 1024
_THREADS = 2
_MOST_WAITING = 8
_PATIENCE_S = 0.5
"""So often somebody who waits looks whether there is anybody left to wait for."""


def level_after(plain_bytes: int) -> int:
    """Give the level of zlib for what comes after so many bytes of a trace."""
    return _QUICK if plain_bytes >= _MUCH_BYTES else _THOROUGH


class BlockWriter:
    """Takes blocks in their order. A context manager: its threads end with it, on any way out.

    `events` holds `[offset, first event, events]` of the blocks that were put with `events`; it is
    whole after `flush`. With `is_frugal` nothing is deflated, which takes memory of its own.
    """

    def __init__(self, file: BinaryIO, *, is_frugal: bool = False) -> None:
        self._file = file
        self._is_frugal = is_frugal
        self._plain_bytes = 0
        self._waiting: deque[_Job] = deque()
        self._threads: _Threads | None = None
        self.events: list[list[int]] = []

    def put(
        self,
        kind: int,
        *parts: bytes,
        deflate: bool = True,
        events: tuple[int, int] | None = None,
    ) -> None:
        """Add a block whose payload is the parts one after another. Raises OSError, ERR_IO."""
        size = sum(map(len, parts))
        is_much = self._plain_bytes >= _MUCH_BYTES
        level = None if not deflate or self._is_frugal else level_after(self._plain_bytes)
        job = _Job(kind, parts, size, level, events)
        self._plain_bytes += size
        if not is_much or level is None or not self._hand_over(job):
            self.flush()
            job.run()
            self._write(job)

    def put_deflated(self, kind: int, stored: bytes, size: int) -> None:
        """Add a block that `deflate` has made ready, of so many bytes before. Raises as `put`."""
        self.flush()
        job = _Job(kind, (), size, _THOROUGH, None)
        job.stored = stored
        self._write(job)

    def flush(self) -> None:
        """Write all that waits. Raises OSError, EnvironmentError (ERR_IO)."""
        while self._waiting:
            self._write_next()

    @property
    def size_bytes(self) -> int:
        """Size of the file so far."""
        return self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._threads is not None:
            self._threads.end()

    def _hand_over(self, job: "_Job") -> bool:
        if self._threads is None:
            self._threads = _Threads(_THREADS if _cores() > 1 else 0)
        if not self._threads.take(job):
            return False
        self._waiting.append(job)
        if len(self._waiting) > _MOST_WAITING:
            self._write_next()
        return True

    def _write_next(self) -> None:
        job = self._waiting.popleft()
        if self._threads is not None:
            self._threads.wait_for(job)
        self._write(job)

    def _write(self, job: "_Job") -> None:
        stored = job.stored
        if job.error is not None:
            raise job.error
        if len(stored) > 0xFFFFFFFF or job.size > 0xFFFFFFFF:
            raise enverr(ErrorCode.IO, "a block is larger than the format allows")
        if job.events is not None:
            self.events.append([self._file.tell(), *job.events])
        flags = FLAG_DEFLATED if job.level is not None else 0
        head = BLOCK.pack(job.kind, flags, 0, len(stored), job.size)
        self._file.write(head)
        self._file.write(CHECKSUM.pack(crc32(stored, crc32(head))))
        self._file.write(stored)


def deflate(plain: bytes) -> bytes:
    """Deflate thoroughly what is written into more than one trace."""
    return compress(plain, _THOROUGH)


class _Job:
    """A block on its way."""

    __slots__ = (
        "_done",
        "_parts",
        "error",
        "events",
        "is_done",
        "kind",
        "level",
        "size",
        "stored",
    )

    def __init__(
        self,
        kind: int,
        parts: tuple[bytes, ...],
        size: int,
        level: int | None,
        events: tuple[int, int] | None,
    ) -> None:
        self.kind = kind
        self.size = size
        self.level = level
        self.events = events
        self.stored = b""
        self.error: Exception | None = None
        self.is_done = False
        self._parts = parts
        self._done = allocate_lock()
        self._done.acquire()

    def run(self) -> None:
        """Deflate. A fault is kept for the thread that writes."""
        try:
            plain = b"".join(self._parts)
            self.stored = plain if self.level is None else compress(plain, self.level)
            self.is_done = True
        except (MemoryError, zlib_error) as error:
            self.error = error
            self.is_done = True
        finally:
            # Also where something else ends this thread: then it is not done, and who waits sees.
            if self.is_done:
                self._parts = ()
            if self._done.locked():
                self._done.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the thread that runs it, not longer; tell whether it came to an end."""
        return self._done.acquire(timeout=timeout_s)


class _Threads:
    """Threads that run jobs. Where none can be started, `take` says so."""

    def __init__(self, count: int) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._ends: list[_thread.LockType] = []
        for _ in range(count):
            end = allocate_lock()
            end.acquire()
            try:
                start_new_thread(self._work, (end,))
            except RuntimeError:
                # A limit of the system, or the interpreter is ending.
                break
            self._ends.append(end)

    def take(self, job: _Job) -> bool:
        """Run the job in one of the threads; False where there are none."""
        if self._ends:
            self._jobs.put(job)
        return bool(self._ends)

    def wait_for(self, job: _Job) -> None:
        """Wait until a job is done; what no thread does is done here.

        A thread dies where the program raises something into it, and where the interpreter ends.
        """
        while not job.wait(_PATIENCE_S):
            if not any(end.locked() for end in self._ends):
                break
        if not job.is_done:
            job.run()

    def end(self) -> None:
        """Wait until the threads have run what they were given."""
        for _ in self._ends:
            self._jobs.put(None)
        for end in self._ends:
            end.acquire()

    def _work(self, end: "_thread.LockType") -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job.run()
        finally:
            end.release()


def _cores() -> int:
    """Give the number of cores that this process may use."""
    if OS.sched_getaffinity is not None:
        return len(OS.sched_getaffinity(0))
    return OS.cpu_count() or 1
