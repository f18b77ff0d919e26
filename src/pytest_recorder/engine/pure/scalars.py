"""Encodes numbers, and copies instances of subclasses of scalars without a look at the subclass.

PYTEST_DONT_REWRITE
"""

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from pytest_recorder.engine.pure.lookups import exact
from pytest_recorder.format.primitives import uv, zz
from pytest_recorder.format.vocabulary import MAX_INT_BYTES, Tag
from pytest_recorder.original_builtins import __builtins__

_pack_float = Struct("<d").pack
_pack_complex = Struct("<dd").pack
_INT, _FLOAT, _COMPLEX = bytes((Tag.INT,)), bytes((Tag.FLOAT,)), bytes((Tag.COMPLEX,))
_SMALL = 1024
_SMALL_INTS: Final = tuple(_INT + zz(number) for number in range(-_SMALL, _SMALL))
_HALF_MIN, _HALF_MAX = -(1 << 63), (1 << 63) - 1


def _copy_bytes(value: bytes) -> bytes:
    return bytes.__getitem__(value, slice(None))


COPIES: Final[dict[Any, Callable[[Any], Any]]] = {
    int: int.__pos__,
    float: float.__pos__,
    complex: complex.__pos__,
    str: exact,
    bytes: _copy_bytes,
}
"""Each gives an exact copy of the built-in type."""


def encode_int(value: int) -> bytes:
    """Encode an exact int; one of more than 64 KiB by its sign and size."""
    if -_SMALL <= value < _SMALL:
        return _SMALL_INTS[value + _SMALL]
    if _HALF_MIN <= value <= _HALF_MAX:
        return _INT + zz(value)
    sign, magnitude = bytes((value < 0,)), abs(value)
    size = (magnitude.bit_length() + 7) // 8
    if size > MAX_INT_BYTES:
        return bytes((Tag.HUGE_INT,)) + sign + uv(magnitude.bit_length())
    return bytes((Tag.BIG_INT,)) + sign + uv(size) + magnitude.to_bytes(size, "little")


def encode_float(value: float) -> bytes:
    """Encode a float by its bits."""
    return _FLOAT + _pack_float(value)


def encode_complex(value: complex) -> bytes:
    """Encode a complex number by the bits of its parts."""
    return _COMPLEX + _pack_complex(value.real, value.imag)
