"""Puts errors, log lines and trailers together as plain data, and writes them as lines of JSON.

`errorjson` and `schema` say what they hold, for those who read them.
"""

from collections.abc import Mapping
from typing import Any, Final

from pytest_recorder.errors import (
    EnvironmentError,
    ErrorCode,
    InternalError,
    RecorderError,
    TargetError,
    UsageError,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import json_text

MOST_BYTES: Final = 4096
"""A line with its line ends. So much goes into a pipe whole, whoever else writes to it (Linux)."""

_FREE_TEXTS: Final = ("message", "cause", "test")
_SHORTER: Final = (2000, 500, 150, 40)
_KINDS: Final[Mapping[str, type[RecorderError]]] = {
    kind.kind.value: kind for kind in (UsageError, EnvironmentError, TargetError, InternalError)
}


def encodable(text: str) -> str:
    """Escape what UTF-8 has no form for: file names can hold such characters."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def error_fields(error: RecorderError) -> dict[str, Any]:
    """Give one error as plain data; `cause` is empty when there is no source."""
    return {
        "error_code": error.code.value,
        "error_kind": error.kind.value,
        "message": encodable(error.message),
        "context": {key: encodable(value) for key, value in error.context.items()},
        "cause": encodable(error.cause_text),
    }


def error_from(fields: Mapping[str, Any]) -> RecorderError:
    """Give the error that another process of ours has described by `error_fields`."""
    kind = _KINDS[fields["error_kind"]]
    error = kind(ErrorCode(fields["error_code"]), fields["message"], fields["context"])
    error.say_cause(fields["cause"])
    return error


def encode(data: dict[str, Any]) -> bytes:
    """Give the JSON of a line or a trailer, ASCII only and without line ends.

    Long texts are cut so that it fits into `MOST_BYTES` with a line end before and after it; their
    true length is said.
    """
    text = json_text.encode_ascii(data)
    for chars in _SHORTER:
        if len(text) <= MOST_BYTES - 2:
            break
        text = json_text.encode_ascii(_shortened(data, chars))
    if len(text) > MOST_BYTES - 2:
        text = json_text.encode_ascii({**_shortened(data, _SHORTER[-1]), "context": {}})
    return text


def _shortened(data: dict[str, Any], chars: int) -> dict[str, Any]:
    context: dict[str, str] = data["context"]
    texts = {key: _cut(data[key], chars) for key in _FREE_TEXTS if data[key] is not None}
    shorter = {key: _cut(value, chars) for key, value in context.items()}
    return data | texts | {"context": shorter}


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else f"{text[:chars]}... ({len(text)} characters)"
