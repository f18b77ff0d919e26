"""Writes entries of an index as a table of Markdown, as CI servers show it.

Everything recorded stands in it as text: each mark that could mean something in Markdown or HTML
is written as a character reference, which never begins any markup.
"""

import string
from collections.abc import Sequence

from pytest_recorder.analysis.value_text import safe_text, shorten
from pytest_recorder.render.attempt_words import attempt_label
from pytest_recorder.tracefile.index import LEFT_OUT, Entry

_HEAD = (
    "| test | outcome | failed in | failure | place | trace |",
    "|---|---|---|---|---|---|",
)
_MARKS = {ord(mark): f"&#{ord(mark)};" for mark in string.punctuation if mark not in "-/"}
_MOST_TEXT = 300


def entry_table(entries: Sequence[Entry], folder: str, *, most_bytes: int) -> list[str]:
    """Give the lines of a table, and one that says how many rows there was no room for.

    `folder` is what the paths of traces are relative to. `most_bytes` bounds all lines with their
    ends, in UTF-8; no lines are given where not even the head fits.
    """
    lines: list[str] = [*_HEAD]
    reserved = len(_left_over(len(entries)).encode()) + 2
    room = most_bytes - sum(_bytes_of(line) for line in lines) - reserved
    if room < 0:
        return []
    for number, entry in enumerate(entries):
        row = _row(entry, folder)
        room -= _bytes_of(row)
        if room < 0:
            return [*lines, "", _left_over(len(entries) - number)]
        lines.append(row)
    return lines


def cell_text(plain: str) -> str:
    """Give a text so that it is shown as it is, on one line."""
    shown = shorten(safe_text(plain), _MOST_TEXT)
    # What is no text of Unicode cannot be written.
    return shown.translate(_MARKS)


def cell_code(plain: str) -> str:
    """Give a text in the font of code. Not in backticks: what it holds would end them."""
    return f"<code>{cell_text(plain)}</code>" if plain else ""


def _left_over(number: int) -> str:
    return f"{number:,} more have no room here; index.html beside the traces lists all."


def _bytes_of(line: str) -> int:
    return len(line.encode("utf-8")) + 1


def _row(entry: Entry, folder: str) -> str:
    attempt = attempt_label(entry.attempt, entry.rerun)
    message = entry.message or ""
    if entry.exception and not message.startswith(entry.exception):
        message = f"{entry.exception}: {message}" if message else entry.exception
    cells = (
        cell_code(entry.test) + attempt,
        cell_text(entry.outcome or "-"),
        cell_text(entry.phase or ""),
        cell_code(message),
        cell_code(entry.place or ""),
        _trace(entry, folder),
    )
    return f"| {' | '.join(cells)} |"


def _trace(entry: Entry, folder: str) -> str:
    if entry.trace is not None:
        partial = f" ({cell_text(entry.status)})" if entry.status != "complete" else ""
        return cell_code(f"{folder}/{entry.trace}") + partial
    if entry.status == LEFT_OUT:
        option = (entry.reason or "").replace("_", "-")
        return f"left out by {cell_code(f'--record-{option}')}"
    return "none"
