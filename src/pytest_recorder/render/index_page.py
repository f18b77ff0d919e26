"""Writes the index of a trace folder as one page of HTML, to look at.

The table is plain HTML, sorted so that failures come first, and needs neither script nor style: it
is readable where a server forbids both. A script adds search and sorting. The page loads nothing;
its Content-Security-Policy allows this one script and this one style, by their hashes. What the
index says is hostile: it becomes text, and the parts of a link are escaped one by one.
"""

import html
import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from pytest_recorder.analysis.value_text import safe_text, shorten
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.render.attempt_words import RERUN_WORDS
from pytest_recorder.render.bundle import bundle
from pytest_recorder.render.quantities import count, size_text
from pytest_recorder.system.atomic_write import write_text_whole
from pytest_recorder.system.locks import locked_folder
from pytest_recorder.tracefile.folder import FAILURE_NAME, PAGE_NAME
from pytest_recorder.tracefile.index import (
    DIED,
    INDEX_NAME,
    INDEX_PAGE_MARK,
    INDEX_PAGE_NAME,
    LEFT_OUT,
    Entry,
    Index,
    is_index_page,
    read_index,
)

_ORDER = {"failed": 0, DIED: 0, "interrupted": 1}
_MOST_TEXT = 600
_MOST_RUN = 12
_COLUMNS = (
    ("outcome", "text"),
    ("test", "text"),
    ("attempt", "number"),
    ("phase", "text"),
    ("failure", "text"),
    ("place", "text"),
    ("size", "number"),
    ("events", "number"),
    ("dropped", "number"),
    ("trace", "text"),
)
_REASONS = {
    "max_kept": "left out by --record-max-kept",
    "max_total": "left out by --record-max-total",
}


def write_index_page(folder: Path) -> Path:
    """Write `index.html` beside the index of a folder, whole or not at all.

    Raises what `read_index` raises, EnvironmentError (ERR_IO), and UsageError
    (ERR_TRACE_DIR_CONFLICT) where there is a page of that name which is not ours; it stays.
    """
    path = folder / INDEX_PAGE_NAME
    with locked_folder(folder):
        index = read_index(folder)
        if os.path.lexists(path) and not is_index_page(path):
            raise usage(
                ErrorCode.TRACE_DIR_CONFLICT,
                f"{str(path)!r} is not a page of ours and stays;"
                f" {INDEX_NAME} has what it would show",
            )
        write_text_whole(path, (index_page(index, folder),), "page")
    return path


def index_page(index: Index, folder: Path) -> str:
    """Give the page. What lies beside a trace is looked for in the folder."""
    runs = {entry.run_id or index.run_id for entry in index.tests}
    columns = [*_COLUMNS, ("run", "text")] if len(runs) > 1 else list(_COLUMNS)
    entries = sorted(index.tests, key=_rank)
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in columns)
    rows = "\n".join(_row(entry, index, folder, has_run=len(runs) > 1) for entry in entries)
    script, style = built = bundle("folder")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{built.policy}">
{INDEX_PAGE_MARK}
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Recorded traces</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Recorded traces</h1>
<p>{_summary(entries)}</p>
<div class="table">
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<p>A trace opens with <code>pytest-recorder show --at failure PATH</code>.</p>
</main>
<script>{script}</script>
</body>
</html>
"""


def _rank(entry: Entry) -> tuple[int, int]:
    return _ORDER.get(entry.outcome or "", 2), 0 if entry.trace is not None else 1


def _summary(entries: Iterable[Entry]) -> str:
    found = list(entries)
    if not found:
        return "No traces were kept."
    bad = [entry for entry in found if _is_bad(entry)]
    good = [entry for entry in found if not _is_bad(entry)]
    parts = [_counted(bad, "failure"), _counted(good, "other" if bad else "attempt")]
    return f"{'; '.join(filter(None, parts))}."


def _counted(entries: list[Entry], name: str) -> str:
    kept = sum(entry.trace is not None for entry in entries)
    left_out = sum(entry.status == LEFT_OUT for entry in entries)
    numbers = (
        (kept, "kept"),
        (left_out, "left out"),
        (len(entries) - kept - left_out, "without a trace"),
    )
    said = ", ".join(f"{number:,} {what}" for number, what in numbers if number)
    return f"{count(len(entries), name)}: {said}" if said else ""


def _is_bad(entry: Entry) -> bool:
    return entry.outcome in _ORDER


def _row(entry: Entry, index: Index, folder: Path, *, has_run: bool) -> str:
    failure = ": ".join(filter(None, (entry.exception, _message(entry))))
    failure = failure or RERUN_WORDS.get(entry.rerun, "")
    cells = [
        _cell("outcome", entry.outcome or "-"),
        _cell("test", entry.test),
        _number(entry.attempt),
        _cell("phase", entry.phase or ""),
        _cell("failure", failure),
        _cell("place", entry.place or ""),
        _number(entry.size_bytes, size_text(entry.size_bytes)),
        _number(entry.events),
        _number(entry.dropped),
        f'<td class="trace">{_links(entry, folder)}</td>',
    ]
    if has_run:
        cells.append(_cell("run", (entry.run_id or index.run_id)[:_MOST_RUN]))
    kind = "bad" if _is_bad(entry) else "good"
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def _message(entry: Entry) -> str:
    """Give the message without the exception's name, which stands before it."""
    message = entry.message or ""
    return message.removeprefix(f"{entry.exception}: ") if entry.exception else message


def _links(entry: Entry, folder: Path) -> str:
    """Give links to what there is, and say what is not there and why."""
    parts: list[str] = []
    if entry.trace is not None and _is_inside(entry.trace):
        trace = entry.trace
        names = [(PAGE_NAME, "view"), (FAILURE_NAME, "explanation")]
        base = trace.rpartition("/")[0]
        for name, text in names:
            relative = f"{base}/{name}" if base else name
            if (folder / relative).is_file():
                parts.append(_link(relative, text))
        parts.append(_link(trace, "trace"))
    if entry.status == LEFT_OUT:
        parts.append(_text(_REASONS.get(entry.reason or "", f"left out: {entry.reason}")))
    elif entry.status != "complete":
        why = f"{entry.status}: {entry.reason}" if entry.reason else entry.status
        parts.append(_text(why))
    return " ".join(parts)


def _is_inside(relative: str) -> bool:
    """Whether a path of the index stays below it: what it says came from anywhere."""
    parts = relative.split("/")
    return not relative.startswith("/") and "\\" not in relative and ".." not in parts


def _link(relative: str, text: str) -> str:
    # `./` first: nothing recorded is ever read as a scheme.
    target = "./" + quote(relative, safe="/", errors="replace")
    return f'<a href="{html.escape(target)}">{text}</a>'


def _cell(name: str, text: str) -> str:
    return f'<td class="{name}">{_text(text)}</td>'


def _number(number: int, shown: str | None = None) -> str:
    return f'<td class="number" data-value="{number}">{shown or f"{number:,}"}</td>'


def _text(text: str) -> str:
    return html.escape(shorten(safe_text(text), _MOST_TEXT))
