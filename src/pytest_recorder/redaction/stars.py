"""Masks parts of a text or of bytes at equal length: as many characters, and as many bytes."""

from typing import Final

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.learned import Span

_STARS: Final = ("*", "\u00d7", "\u2217", "\U0001f7b6")
"""By the bytes that a character takes: lengths stay true, and what follows stays in its place."""


def starred(text: str, spans: list[Span]) -> str:
    """Put stars in the place of each span, line ends excepted. They are in order, and apart."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], "".join(map(_star, text[start:end])))
        at = end
    return "".join((*parts, text[at:]))


def starred_bytes(data: bytes, spans: list[Span]) -> bytes:
    """Do the same with bytes."""
    masked = bytearray(data)
    for start, end in spans:
        masked[start:end] = bytes(byte if byte in b"\r\n" else 42 for byte in data[start:end])
    return bytes(masked)


def _star(character: str) -> str:
    if character in "\r\n":
        return character
    return _STARS[len(character.encode("utf-8", "surrogatepass")) - 1]
