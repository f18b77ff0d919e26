"""Writes the primitives of records: whole numbers, signed numbers, text, and where parts differ.

PYTEST_DONT_REWRITE

"uv" is an unsigned LEB128 integer, "zz" a signed one in zig-zag form, and text is UTF-8 with its
length in bytes before it. `cursor.py` reads them.
"""

from collections.abc import Sequence
from typing import Any, Final

from pytest_recorder.original_builtins import __builtins__


def uv(number: int) -> bytes:
    """Encode a whole number as unsigned LEB128."""
    if number < 0x80:
        return _ONE_BYTE[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def zz(number: int) -> bytes:
    """Encode a signed number as zig-zag LEB128."""
    return uv(number << 1 if number >= 0 else (-number << 1) - 1)


def text(string: str) -> bytes:
    """Encode a string with its length in bytes before it; lone surrogates survive."""
    data = string.encode("utf-8", "surrogatepass")
    return uv(len(data)) + data


_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(128))


def what_differs(before: Sequence[Any], after: Sequence[Any]) -> tuple[int, int]:
    """Give how many parts at the start, and how many at the end, are as they were."""
    least = min(len(before), len(after))
    first = 0
    while first < least and before[first] == after[first]:
        first += 1
    end = 0
    while end < least - first and before[-1 - end] == after[-1 - end]:
        end += 1
    return first, end
