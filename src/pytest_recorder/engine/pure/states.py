"""Holds what is known of a frame and of a thread while they live.

PYTEST_DONT_REWRITE
"""

from pytest_recorder.engine.pure.definitions import CodeRecord
from pytest_recorder.engine.pure.objects import Known  # noqa: TC001 - as what is beside it
from pytest_recorder.format.primitives import uv
from pytest_recorder.format.vocabulary import Op
from pytest_recorder.original_builtins import __builtins__


class FrameState:
    """What is known of one live frame."""

    __slots__ = (
        "block",
        "exception",
        "exception_at",
        "exception_key",
        "exception_line",
        "exception_stops",
        "is_suspended",
        "levels_told",
        "line",
        "line_seen",
        "looked",
        "number",
        "parent",
        "raised_at",
        "raised_line",
        "record",
        "roots",
        "thread",
        "thread_told",
        "values",
    )

    def __init__(
        self, number: int, record: CodeRecord | None, thread: int, parent: int
    ) -> None:
        self.number = number
        self.record = record
        self.thread = thread
        self.thread_told = thread  # in the block that knows it
        self.parent = parent
        self.line = record.first_line if record is not None else 0
        self.line_seen = -1
        self.levels_told: int | None = None  # of its code, in the block that knows it
        self.block = 0
        self.values: dict[str, bytes] = {}
        self.roots: dict[str, tuple[Known, ...]] = {}  # the objects that these refer to
        self.looked = 0  # the number of the last look
        self.exception = b""
        self.exception_key = 0
        self.exception_stops = ""
        self.exception_line = 0
        self.exception_at = -1
        # For the settrace engine: where the last exception came, if the frame did not come there
        # again; whether it has yielded.
        self.raised_at = -1
        self.raised_line: int | None = None
        self.is_suspended = False

    @property
    def levels(self) -> int | None:
        """How many levels of its values it shows; None: all within the bound on depth."""
        return self.record.levels if self.record is not None else None

    def levels_untold(self, block: int) -> bytes:
        """Give the record of how many these are, where a block says something else."""
        levels = self.levels
        if levels is None or (self.block == block and levels == self.levels_told):
            return b""
        return bytes((Op.LEVELS,)) + uv(self.number) + uv(levels)

    def is_told(self, block: int) -> None:
        """Take in that a block tells of the frame now."""
        self.block = block
        self.thread_told = self.thread
        self.levels_told = self.levels


class ThreadState:
    """What is known of one thread in one trace."""

    __slots__ = ("epoch", "nowhere", "number", "unwound", "unwound_frame")

    def __init__(self, number: int, epoch: int) -> None:
        self.number = number
        self.epoch = epoch
        # Addresses of the exception that the last event carried out of a frame, and of that frame.
        self.unwound = 0
        self.unwound_frame = 0
        self.nowhere = FrameState(0, None, number, 0)
