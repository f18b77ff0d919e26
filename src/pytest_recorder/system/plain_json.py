"""Reads and writes JSON by the parts in C of the standard library's `json`.

PYTEST_DONT_REWRITE

`json.dumps` and `json.loads` are Python code: a test can replace them, and what they call.
"""

import json.decoder
import json.encoder
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_recorder.errors import ErrorCode, TargetError, bug, target

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

    Of subclasses what they are in C. Raises InternalError (ERR_UNKNOWN) for what JSON has no form
    for, a key that is no text among it.
    """
    out: list[str] = []
    _write(value, out, "" if indent is None else "\n", " " * (indent or 0))
    return "".join(out)


def loads(text: str | bytes) -> Any:
    """Read JSON, bytes as UTF-8. Raises TargetError (ERR_TRACE_CORRUPT) for anything else."""
    try:
        found = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value, end = _CODEC.scan(found, len(found) - len(found.lstrip(_BLANKS)))
    except StopIteration as error:
        raise _no_json(f"nothing that can be read at character {error.value}") from None
    except (ValueError, RecursionError) as error:
        raise _no_json(str(error)) from error
    if found[end:].strip(_BLANKS):
        raise _no_json(f"more follows at character {end}")
    return value


def _no_json(why: str) -> TargetError:
    return target(ErrorCode.TRACE_CORRUPT, f"no JSON: {why}")


def _write(value: object, out: list[str], line: str, step: str) -> None:
    if isinstance(value, str):
        out.append(_CODEC.text(value))
    elif value is None or value is True or value is False:
        out.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        out.append(int.__repr__(value))
    elif isinstance(value, float) and value - value == 0.0:
        out.append(_CODEC.number(value))
    elif isinstance(value, dict):
        pairs = [(_key(key), each) for key, each in cast("Any", value).items()]
        _write_many(pairs, out, "{}", line, step)
    elif isinstance(value, (list, tuple)):
        _write_many([("", each) for each in cast("list[Any]", value)], out, "[]", line, step)
    else:
        raise bug(ErrorCode.UNKNOWN, f"JSON has no form for a {type(value).__name__}")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise bug(ErrorCode.UNKNOWN, f"JSON has no key that is a {type(key).__name__}")
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
