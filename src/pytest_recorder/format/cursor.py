"""Reads the primitives of records from bytes; `primitives.py` writes them.

Every fault of the input raises `Malformed`. Sizes are checked against what is there before anything
is allocated.
"""

from pytest_recorder.errors import ErrorCode, TargetError
from pytest_recorder.format.vocabulary import MAX_INT_BYTES
from pytest_recorder.original_builtins import __builtins__

_PIECE = 1 << 16


class Malformed(TargetError):  # noqa: N818 - a state of the input, it never leaves the reader
    """The bytes are no records; the reader makes a word about the trace of it."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.TRACE_CORRUPT, message)


class Cursor:
    """Reads primitives from bytes, in order."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self.end = len(data)

    def uv(self) -> int:
        """Read an unsigned LEB128 of at most 64 bits."""
        data, at = self.data, self.at
        if at < self.end and data[at] < 0x80:
            self.at = at + 1
            return data[at]
        number = shift = 0
        while at < self.end and shift < 70:
            byte = data[at]
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                if number >> 64:
                    raise Malformed("a number is larger than 64 bits")
                self.at = at
                return number
            shift += 7
        raise Malformed("a number has no end")

    def zz(self) -> int:
        """Read a zig-zag LEB128."""
        number = self.uv()
        return number >> 1 if not number & 1 else -(number >> 1) - 1

    def byte(self) -> int:
        """Read one byte."""
        if self.at >= self.end:
            raise Malformed("the record is cut")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, size: int) -> bytes:
        """Read so many bytes."""
        start, end = self.at, self.at + size
        if end > self.end:
            raise Malformed("the record is cut")
        self.at = end
        return self.data[start:end]

    def count(self) -> int:
        """Read a number of things that take at least one byte each."""
        number = self.uv()
        if number > self.end - self.at:
            raise Malformed("a count is larger than its record")
        return number

    def sized(self) -> bytes:
        """Read bytes with their length before them."""
        return self.take(self.uv())

    def text(self) -> str:
        """Read a string with its length before it."""
        return self.text_of(self.uv())

    def text_of(self, size: int) -> str:
        """Read a string of so many bytes."""
        try:
            return self.take(size).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Malformed("a text is not UTF-8") from error

    def cut_text(self, size: int, kept: int) -> tuple[str, int]:
        """Read a string of so many bytes piece by piece; give its start, and its length."""
        end = self.at + size
        if end > self.end:
            raise Malformed("the record is cut")
        start, length = "", 0
        while self.at < end:
            stop = min(self.at + _PIECE, end)
            # Not within a character.
            while self.at < stop < end and self.data[stop] & 0xC0 == 0x80:
                stop -= 1
            # A piece of nothing but these is no text, at whatever place it ends.
            stop = stop if stop > self.at else min(self.at + _PIECE, end)
            try:
                piece = self.data[self.at : stop].decode("utf-8", "surrogatepass")
            except UnicodeDecodeError as error:
                raise Malformed("a text is not UTF-8") from error
            start += piece[: max(kept - length, 0)]
            length += len(piece)
            self.at = stop
        return start, length

    def magnitude(self) -> bytes:
        """Read the digits of a large int, little-endian, with their length before them."""
        size = self.uv()
        if size > MAX_INT_BYTES:
            raise Malformed("an int is larger than any that is recorded")
        return self.take(size)

    def double(self) -> bytes:
        """Read the eight bytes of a float."""
        return self.take(8)
