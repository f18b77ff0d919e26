"""Keeps room in the address space for what has to be written when a program has used up its memory.

PYTEST_DONT_REWRITE

Under a limit such as `RLIMIT_AS` every allocation of ours fails at the end of a test that has taken
all there is. Pages that nobody has written to cost no memory; they are given back just before a
trace is packed.
"""

import mmap

from pytest_recorder.original_builtins import __builtins__

_BYTES = 16 << 20
_map_memory = mmap.mmap


class Ballast:
    """Room that can be given back once, and taken again."""

    def __init__(self) -> None:
        self._room: mmap.mmap | None = None
        self.take()

    def take(self) -> None:
        """Take the room, if there is any."""
        if self._room is not None:
            return
        try:
            self._room = _map_memory(-1, _BYTES)
        except (OSError, MemoryError, ValueError):
            # Somebody else has use for it.
            self._room = None

    def give(self) -> None:
        """Give the room back to whoever asks next."""
        if self._room is not None:
            self._room.close()
            self._room = None
