"""Renders recorded values as one line of text that is safe to print.

What a trace holds is hostile until proven otherwise: no control character, no terminal escape, no
lone surrogate and no mark that changes the direction of text leaves this module.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from pytest_recorder.format.events import Value

_MOST_DIGITS = 40
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BRACKETS = {
    "list": ("[", "]"),
    "tuple": ("(", ")"),
    "set": ("{", "}"),
    "frozenset": ("frozenset({", "})"),
    "collections.deque": ("deque([", "])"),
}
INFERRED = "identity inferred"
"""Says that it may be another object, which got the address of the one before."""
_CUTS = frozenset(("items", "attributes"))


class RenderValue(Protocol):
    """Gives a value as a line of at most `width` characters."""

    def __call__(self, value: Value, *, width: int = 80) -> str: ...


def safe_text(text: str) -> str:
    """Escape every character that does not print as itself."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else _NAMED.get(char) or _escape(ord(char)) for char in text
    )


def shorten(text: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis where something is missing."""
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


def render_value(value: Value, *, width: int = 80) -> str:
    """Give a value as a line of at most `width` characters, much like its Python expression."""
    return shorten(_Renderer(width).value(value), width)


def render_numbered(value: Value, *, width: int = 80) -> str:
    """Do as `render_value`; containers and instances have their numbers: `Order #5(lines=#7 [])`.

    The number stands in front of what the object holds, so that it is there where that is cut.
    """
    return shorten(_Renderer(width, has_numbers=True).value(value), width)


def short_type(name: object) -> str:
    """Give the last part of a qualified type name."""
    return safe_text(str(name)).rpartition(".")[2] or "?"


def int_text(number: int) -> str:
    """Give an int in decimal; a long one by its first digits and its number of bits."""
    # Decimal digits of a hostile int cost quadratic time, and Python refuses more than some.
    if number.bit_length() <= _MOST_DIGITS * 3:
        return str(number)
    shown = hex(abs(number) >> max(abs(number).bit_length() - 32, 0))
    return f"{'-' if number < 0 else ''}{shown}...({number.bit_length()} bits)"


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Renderer:
    """Renders one value and stops opening things when the width is used up."""

    def __init__(self, width: int, *, has_numbers: bool = False) -> None:
        self._left = width
        self._has_numbers = has_numbers

    def value(self, value: Value) -> str:
        text = self._text(value)
        if self._has_numbers:
            text = _numbered(text, value)
        self._left -= len(text)
        return text

    def _text(self, value: Value) -> str:
        kind = str(value.get("type", "?"))
        if value.get("redacted"):
            return f"<redacted {safe_text(kind)}>"
        if value.get("object") is True:
            return f"{short_type(kind)} #{value['id']}"
        if "unavailable" in value:
            return f"<{safe_text(kind)}: unavailable, {safe_text(str(value['unavailable']))}>"
        if "items" in value:
            return self._sequence(kind, value)
        if "entries" in value:
            return self._mapping(kind, value)
        if "attributes" in value:
            return self._object(kind, value)
        return self._scalar(kind, value)

    def _scalar(self, kind: str, value: Value) -> str:
        shown = value.get("value")
        if isinstance(shown, str):
            text = self._string(kind, shown, value)
        elif isinstance(shown, int) and not isinstance(shown, bool):
            bits = value.get("bits")
            sign = "-" if shown < 0 else ""
            text = int_text(shown) if bits is None else f"{sign}<int of {bits} bits>"
        else:
            text = repr(shown)
        # An id beside a scalar: an instance of a subclass, or a scalar of the standard library.
        if "id" in value and kind != "bytearray":
            return f"{short_type(kind)}({text})"
        return text

    def _string(self, kind: str, shown: str, value: Value) -> str:
        if kind in ("float", "complex"):
            return safe_text(shown)
        kept = shown[: max(self._left, 0) + 4]
        cut = len(kept) < len(shown)
        if kind in ("bytes", "bytearray"):
            try:
                data = bytes.fromhex(kept[: len(kept) // 2 * 2])
            except ValueError:
                return safe_text(kept)
            text = repr(data) if kind == "bytes" else f"bytearray({data!r})"
            full, unit = value.get("length", len(shown) // 2), "bytes"
        else:
            quote = '"' if "'" in kept and '"' not in kept else "'"
            body = kept.replace("\\", "\\\\")
            body = body if quote == '"' else body.replace("'", "\\'")
            text = f"{quote}{safe_text(body)}{quote}"
            full, unit = value.get("length", len(shown)), "chars"
        return f"{text}...({full} {unit})" if cut or value.get("truncated") else text

    def _sequence(self, kind: str, value: Value) -> str:
        items: list[Value] = value["items"]
        fields: list[str] = value.get("fields", [])
        left, right = _BRACKETS.get(kind, (f"{short_type(kind)}([", "])"))
        if fields:
            left, right = f"{short_type(kind)}(", ")"
        elif kind == "tuple" and value.get("length") == 1 and len(items) == 1:
            right = ",)"
        elif kind == "set" and not value.get("length"):
            return "set()"
        elif kind == "frozenset" and not value.get("length"):
            return "frozenset()"
        names = [f"{safe_text(name)}=" for name in fields] + [""] * len(items)
        parts = (
            partial(self._named, name, item) for name, item in zip(names, items, strict=False)
        )
        return self._join(left, right, parts, len(items), value)

    def _named(self, prefix: str, item: Value) -> str:
        return prefix + self.value(item)

    def _pair(self, key: Value, item: Value) -> str:
        return f"{self.value(key)}: {self.value(item)}"

    def _mapping(self, kind: str, value: Value) -> str:
        entries: list[list[Value]] = value["entries"]
        name = short_type(kind)
        left, right = ("{", "}") if kind == "dict" else (f"{name}({{", "})")
        parts = (partial(self._pair, key, item) for key, item in entries)
        return self._join(left, right, parts, len(entries), value)

    def _object(self, kind: str, value: Value) -> str:
        attributes: dict[str, Value] = value["attributes"]
        usual = _usual_text(kind, attributes)
        if usual is not None:
            return usual
        parts = (
            partial(self._named, f"{safe_text(name)}=", item)
            for name, item in attributes.items()
        )
        return self._join(f"{short_type(kind)}(", ")", parts, len(attributes), value)

    def _join(
        self,
        left: str,
        right: str,
        parts: Iterable[Callable[[], str]],
        count: int,
        value: Value,
    ) -> str:
        """Join parts as long as there is room; say how many more there are."""
        shown: list[str] = []
        for part in parts:
            if self._left <= 0:
                break
            shown.append(part())
            self._left -= 2
        full = value.get("length", count)
        missing = full - len(shown) if isinstance(full, int) else 0
        reason = str(value.get("reason", ""))
        if missing > 0 and (not value.get("truncated") or reason in _CUTS):
            shown.append(f"...+{missing}")
        elif value.get("truncated"):
            size = f", {full} in all" if isinstance(full, int) else ""
            shown.append(f"...{safe_text(reason)}{size}")
        return f"{left}{', '.join(shown)}{right}"


def _numbered(text: str, value: Value) -> str:
    """Put its number into the text of a container or instance; of others nobody asks for it."""
    is_instance = any(parts in value for parts in ("items", "entries", "attributes"))
    if "id" not in value or text.startswith("<") or value.get("object") is True:
        return text
    if not is_instance and value.get("type") != "bytearray":
        return text
    if text[0] in "([{":
        return f"#{value['id']} {text}"
    name, bracket, rest = text.partition("(")
    return f"{name} #{value['id']}{bracket}{rest}"


def _usual_text(kind: str, attributes: dict[str, Value]) -> str | None:
    """Give the usual text of functions, classes, modules and enum members."""

    def word(name: str) -> str | None:
        found = attributes.get(name, {}).get("value")
        return safe_text(found) if isinstance(found, str) else None

    if kind in ("function", "method", "builtin_function_or_method"):
        name = word("qualname")
        return f"<{kind.partition('_')[0]} {name}>" if name is not None else None
    if kind == "module" and len(attributes) == 1:
        return f"<module {word('name')}>"
    if kind == "type" and len(attributes) == 1:
        return f"<class {word('name')}>"
    if list(attributes) == ["name", "value"] and word("name") is not None:
        # Enum members are recorded so; a plain object with these two attributes reads as well.
        return f"<{short_type(kind)}.{word('name')}: {render_value(attributes['value'], width=60)}>"
    return None
