"""Writes and reads JSON by what was taken of the standard library when this was imported.

Not by what is faster: the process that runs tests imports no module from elsewhere.
"""

import json
import json.encoder
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from pytest_recorder.errors import ErrorCode, bug, target
from pytest_recorder.original_builtins import __builtins__

_MOST_INT = (1 << 64) - 1


def _refuse_constant(name: str) -> object:
    raise target(ErrorCode.TRACE_CORRUPT, f"{name} is no JSON")


def _encoder(*, ascii_only: bool, sort_keys: bool = False, space: str = "") -> Any:
    """Give what makes the parts of a JSON text: the C object itself, where there is one.

    The methods of `JSONEncoder` look up their parts when they are called.
    """
    item, key = f",{space}", f":{space}"
    # None where the interpreter has no C for it.
    make: Any = vars(json.encoder).get("c_make_encoder")
    if make is None:
        plain = json.JSONEncoder(
            ensure_ascii=ascii_only,
            check_circular=False,
            allow_nan=False,
            sort_keys=sort_keys,
            separators=(item, key),
        )

        def parts(value: object, _: int) -> tuple[str]:
            return (plain.encode(value),)

        return parts
    escape = (
        json.encoder.encode_basestring_ascii if ascii_only else json.encoder.encode_basestring
    )
    return make(None, _unknown, escape, None, key, item, sort_keys, False, False)


def _unknown(value: object) -> object:
    raise bug(ErrorCode.UNKNOWN, f"a {type(value).__name__} has no form in JSON")


_parts: Final = _encoder(ascii_only=False)
_ascii_parts: Final = _encoder(ascii_only=True, space=" ")
_sorted_parts: Final = _encoder(ascii_only=True, sort_keys=True)
_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Final[Callable[[str, int], tuple[Any, int]]] = _decoder.scan_once
"""The C object itself: `decode` of a decoder looks up its parts when it is called."""
_BLANKS: Final = " \t\n\r"


def _decode(text: str) -> Any:
    start = len(text) - len(text.lstrip(_BLANKS))
    try:
        found, end = _scan(text, start)
    except StopIteration as error:
        raise target(
            ErrorCode.TRACE_CORRUPT, f"it is no JSON: nothing at character {error.value}"
        ) from None
    if text[end:].strip(_BLANKS):
        raise target(ErrorCode.TRACE_CORRUPT, f"it is no JSON: more at character {end}")
    return found


def encode(value: object) -> bytes:
    """Give the JSON of plain data in UTF-8, without spaces.

    A lone surrogate, which UTF-8 has no form for, becomes a question mark.
    """
    return "".join(_parts(value, 0)).encode("utf-8", "replace")


def encode_ascii(value: object) -> bytes:
    """Give the JSON of plain data in ASCII, for a line; lone surrogates come back as they were."""
    return "".join(_ascii_parts(value, 0)).encode("ascii")


def sorted_ascii(value: object) -> bytes:
    """Give the JSON of plain data in ASCII, without spaces, keys in order."""
    return "".join(_sorted_parts(value, 0)).encode("ascii")


def encode_indented(value: object) -> bytes:
    """Give the JSON of plain data in UTF-8, two spaces a level, and a line end."""
    return ("".join(_indented(value, "\n")) + "\n").encode("utf-8", "replace")


def _indented(value: object, line: str) -> list[str]:
    inner = line + "  "
    if isinstance(value, Mapping) and value:
        pairs = cast("Mapping[str, object]", value).items()
        rows = [(*_parts(str(key), 0), ": ", *_indented(each, inner)) for key, each in pairs]
        start, end = "{", "}"
    elif isinstance(value, list | tuple) and value:
        rows = [tuple(_indented(each, inner)) for each in cast("list[object]", value)]
        start, end = "[", "]"
    else:
        return list(_parts(value, 0))
    out = [start]
    for number, row in enumerate(rows):
        out.append(inner if number == 0 else f",{inner}")
        out.extend(row)
    out += [line, end]
    return out


def decode(data: bytes) -> object:
    """Read JSON in UTF-8.

    Raises TargetError (ERR_TRACE_CORRUPT) for whatever is none, for what nests too deep, and for
    what no reader of ours takes: lone surrogates, integers beyond 64 bits.
    """
    try:
        found: object = _decode(data.decode("utf-8"))
        _check(found)
    except RecursionError as error:
        raise target(ErrorCode.TRACE_CORRUPT, "it is nested too deep") from error
    except ValueError as error:
        raise target(ErrorCode.TRACE_CORRUPT, f"it is no JSON: {error}") from error
    return found


def decode_ascii(data: bytes) -> Any:
    """Read what `encode_ascii` gave. Raises TargetError for anything else."""
    try:
        return _decode(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise target(ErrorCode.TRACE_CORRUPT, f"it is no JSON: {error}") from error


def _check(found: object) -> None:
    todo = [found]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            if not value.isascii():
                value.encode("utf-8")
        elif isinstance(value, dict):
            pairs = cast("dict[str, object]", value)
            todo.extend(pairs)
            todo.extend(pairs.values())
        elif isinstance(value, list):
            todo.extend(cast("list[object]", value))
        elif isinstance(value, int) and not -_MOST_INT <= value <= _MOST_INT:
            raise target(ErrorCode.TRACE_CORRUPT, "a number is too large")
