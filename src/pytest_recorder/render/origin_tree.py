"""Shows where values came from as lines of text, a tree by their indent."""

from pathlib import Path

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.objects import parts, path_text
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.source_text import shown_file
from pytest_recorder.analysis.value_text import render_value, shorten
from pytest_recorder.format.events import Value

_MOST_INDENT = 14
_VALUE_WIDTH = 70
_FIXED = frozenset(
    ("tuple", "frozenset", "function", "method", "builtin_function_or_method", "module", "type")
)


def render_origins(roots: list[Origin], root: Path, most: int) -> list[str]:
    """Give a tree as lines; where they are too many, what lies furthest from the roots goes."""
    costs = sorted(origin.cost for top in roots for origin in _all(top))
    limit = costs[-1] if costs else 0
    if len(costs) > most:
        limit = costs[most]
        while limit > 0 and sum(cost <= limit for cost in costs) > most:
            limit -= 1
    lines: list[str] = []
    hidden = len(costs) - sum(cost <= limit for cost in costs)
    stack = [(top, 0) for top in reversed(roots)]
    while stack:
        origin, depth = stack.pop()
        if origin.cost <= limit:
            lines.append("  " * min(depth, _MOST_INDENT) + _line(origin, root))
        stack += [(child, depth + 1) for child in reversed(origin.below)]
    if len(lines) > most:
        hidden += len(lines) - most
        lines = lines[:most]
    if hidden:
        lines.append(f"... {hidden} more, further back")
    return lines


def _all(top: Origin) -> list[Origin]:
    found: list[Origin] = []
    stack = [top]
    while stack:
        origin = stack.pop()
        found.append(origin)
        stack += origin.below
    return found


def _line(origin: Origin, root: Path) -> str:
    place = f"{shown_file(origin.file, root)}:{origin.line}" if origin.file else ""
    shown = [_said(origin)]
    if place:
        name = (origin.function or "").rpartition(".")[2]
        shown.append(f"[{place}{f' {shorten(name, 30)}' if name else ''}]")
    if origin.source and origin.how != "condition":
        shown.append(f"| {origin.source}")
    return "  ".join(shown)


def _said(origin: Origin) -> str:
    """Word one origin, without its place."""
    notes = [text for text in (origin.note, _shared(origin.new)) if text]
    what, note = origin.what, f" ({'; '.join(notes)})" if notes else ""
    value = "" if origin.new is None else render_value(origin.new, width=_VALUE_WIDTH)
    if origin.how == "changed" and origin.new is not None:
        changed = ", ".join(describe_change(what, origin.old, origin.new))
        text = shorten(changed, _VALUE_WIDTH + 40)
        return f"changed: {text}{note}{_number(origin)}"
    if origin.how in ("condition", "handled"):
        return f"{what}{note}"
    equals = f"{what} = {value}" if value else what
    if origin.how == "returned":
        equals = f"{what} -> {value}"
    for other, held in origin.also:
        equals += f", {other}" + (f" = {render_value(held, width=40)}" if held else "")
    if origin.how == "used":
        return f"{equals}{note}"
    word = {"default": "default value", "before": "not followed further"}.get(
        origin.how, origin.how
    )
    return f"{word}: {equals}{note}"


def _number(origin: Origin) -> str:
    if origin.object is None or f"#{origin.object}" in origin.what:
        return ""
    return f", object #{origin.object}"


def _shared(value: Value | None) -> str:
    """Say which items of a container are one and the same object that can be changed."""
    at: dict[int, list[str]] = {}
    for (kind, key), item in parts(value) if value is not None else ():
        if "id" in item and "value" not in item and item.get("type") not in _FIXED:
            at.setdefault(item["id"], []).append(path_text("", ((kind, key),)).strip(".[]"))
    for number, names in at.items():
        if len(names) > 1:
            return f"{', '.join(names[:6])} are one object, #{number}"
    return ""
