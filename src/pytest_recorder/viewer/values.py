"""Words a recorded value in one line, as Python would write it; the text is safe for a terminal."""

from typing import Any

from pytest_recorder.tracefile.events import Value

_ELLIPSIS = "..."
_SCALARS = frozenset(("int", "float", "bool", "NoneType", "complex"))
_PAIRS = {
    "list": "[]",
    "set": "{}",
    "frozenset": "{}",
    "tuple": "()",
    "collections.deque": "[]",
}
_MOST_DIGITS = 40


def safe_text(text: str) -> str:
    """Escape what a terminal would obey (control characters, ESC) and what UTF-8 cannot hold."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shorten(text: str, width: int) -> str:
    """Cut a line that is too long, and show that it is cut."""
    return text if len(text) <= width else text[: max(width - len(_ELLIPSIS), 0)] + _ELLIPSIS


def render_value(value: Value, *, width: int = 80) -> str:
    """Give a value in one line of at most `width` characters."""
    return shorten(safe_text(_text(value)), width)


def _text(value: Value) -> str:
    kind = str(value.get("type"))
    if value.get("redacted"):
        return f"<redacted {kind}>"
    if "unavailable" in value:
        return f"<{kind}>"
    if "value" in value:
        return _scalar(kind, value)
    if "entries" in value:
        return _mapping(kind, value)
    if "items" in value:
        return _sequence(kind, value)
    return _object(kind, value)


def _scalar(kind: str, value: Value) -> str:
    shown: Any = value["value"]
    if kind == "str":
        return repr(shown) + _cut(value, "chars")
    if kind == "bytes":
        return repr(bytes.fromhex(shown)) + _cut(value, "bytes")
    if isinstance(shown, int) and not isinstance(shown, bool):
        text = _int_text(shown, value)
    else:
        text = str(shown)
    return text if kind in _SCALARS else f"{_short(kind)}({text!r})"


def _int_text(number: int, value: Value) -> str:
    if "bits" in value:
        return f"<int of {value['bits']} bits>"
    if number.bit_length() <= _MOST_DIGITS * 4:
        return str(number)
    return f"<int of {number.bit_length()} bits>"


def _cut(value: Value, unit: str) -> str:
    return f"...({value['length']} {unit})" if value.get("truncated") else ""


def _sequence(kind: str, value: Value) -> str:
    names = value.get("fields", ())
    parts = [_text(item) for item in value["items"]]
    if names:
        parts = [f"{name}={part}" for name, part in zip(names, parts, strict=False)] + parts[
            len(names) :
        ]
    parts += _rest(value, len(parts))
    inside = ", ".join(parts)
    if names:
        return f"{_short(kind)}({inside})"
    if kind == "tuple" and len(parts) == 1:
        inside += ","
    if kind in _PAIRS and kind != "frozenset" and (kind != "set" or parts):
        text = _PAIRS[kind][0] + inside + _PAIRS[kind][1]
        return f"deque({text})" if kind == "collections.deque" else text
    return (
        f"{_short(kind)}({{{inside}}})"
        if "set" in kind and inside
        else f"{_short(kind)}({inside})"
    )


def _mapping(kind: str, value: Value) -> str:
    parts = [f"{_text(key)}: {_text(item)}" for key, item in value["entries"]]
    parts += _rest(value, len(parts))
    text = "{" + ", ".join(parts) + "}"
    return text if kind == "dict" else f"{_short(kind)}({text})"


def _object(kind: str, value: Value) -> str:
    attributes = value.get("attributes", {})
    if kind in ("type", "module", "function", "method") and len(attributes) <= 4:
        name = attributes.get("name") or attributes.get("qualname")
        if name is not None:
            return f"<{'class' if kind == 'type' else kind} {name.get('value')}>"
    parts = [f"{name}={_text(item)}" for name, item in attributes.items()]
    parts += _rest(value, len(parts))
    return f"{_short(kind)}({', '.join(parts)})"


def _rest(value: Value, shown: int) -> list[str]:
    if not value.get("truncated"):
        return []
    if value.get("reason") in ("items", "attributes"):
        return [f"...+{value.get('length', shown) - shown}"]
    return [f"...{value.get('reason')}, {value.get('length', 0)} in all"]


def _short(kind: str) -> str:
    return kind.rpartition(".")[2]
