"""Marks the piece of a source line that an event comes from, as tracebacks do."""

from pytest_recorder.format.events import Position


def carets(line: str, number: int, position: Position | None) -> str:
    """Give what stands under a line of source: spaces and carets; nothing where all of it is meant.

    `number` is that of the line; a piece of several lines is marked in each.
    """
    if position is None or not position.line <= number <= position.end_line:
        return ""
    bare = line.rstrip()
    indent = len(bare) - len(bare.lstrip())
    start = _characters(line, position.column) if number == position.line else indent
    is_last = number == position.end_line
    end = min(_characters(line, position.end_column) if is_last else len(bare), len(bare))
    if start >= end or (start <= indent and end == len(bare)):
        return ""
    return "".join("\t" if each == "\t" else " " for each in line[:start]) + "^" * (end - start)


def _characters(line: str, column: int) -> int:
    """Turn a column in bytes into one in characters."""
    return len(line.encode("utf-8", "replace")[:column].decode("utf-8", "replace"))
