"""Reads and writes JSON by the parts in C of the standard library's `json`.

PYTEST_DONT_REWRITE

`json.dumps` and `json.loads` are Python code: a test can replace them, and what they call.
"""

import json.decoder
import json.encoder
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable


class _Codec:
    def __init__(self) -> None:
        self.text: Final = json.encoder.encode_basestring_ascii
        self.number: Final = float.__repr__
        decoder: Any = json.decoder.JSONDecoder()
        self.scan: Final[Callable[[str, int], tuple[Any, int]]] = decoder.scan_once


_CODEC: Final = _Codec()
_BLANKS: Final = " \t\n\r"


def dumps(value: object, *, indent: int | None = None) -> str:
    """Give the JSON of plain data, in ASCII: str, int, float, bool, None, dict, list, tuple.

    Of subclasses what they are in C. Keys are texts. Raises TypeError for anything else,
    ValueError for a number that JSON cannot have.
    """
    out: list[str] = []
    _write(value, out, "" if indent is None else "\n", " " * (indent or 0))
    return "".join(out)


def loads(text: str | bytes) -> Any:
    """Read JSON in UTF-8. Raises ValueError for anything else, RecursionError where it is deep."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    start = len(text) - len(text.lstrip(_BLANKS))
    try:
        value, end = _CODEC.scan(text, start)
    except StopIteration as error:
        raise ValueError(f"no JSON at character {error.value}") from None
    if text[end:].strip(_BLANKS):
        raise ValueError(f"more than one JSON value, the second at character {end}")
    return value


def _write(value: object, out: list[str], line: str, step: str) -> None:
    if isinstance(value, str):
        out.append(_CODEC.text(value))
    elif value is None or value is True or value is False:
        out.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        out.append(int.__repr__(value))
    elif isinstance(value, float):
        if value - value != 0.0:
            raise ValueError(f"{value!r} is no number of JSON")
        out.append(_CODEC.number(value))
    elif isinstance(value, dict):
        pairs = [(_key(key), each) for key, each in cast("Any", value).items()]
        _write_many(pairs, out, "{}", line, step)
    elif isinstance(value, (list, tuple)):
        _write_many([("", each) for each in cast("list[Any]", value)], out, "[]", line, step)
    else:
        raise TypeError(f"no JSON for {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"no JSON for a key that is {type(key).__name__}")
    return _CODEC.text(key)


def _write_many(
    parts: list[tuple[str, Any]], out: list[str], ends: str, line: str, step: str
) -> None:
    inner = line and line + step
    colon, comma = (": ", ",") if line else (":", ",")
    out.append(ends[0])
    for at, (key, each) in enumerate(parts):
        out.append((comma if at else "") + inner + (key and key + colon))
        _write(each, out, inner, step)
    out.append((line if parts else "") + ends[1])
