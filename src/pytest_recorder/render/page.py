"""Writes a trace as one HTML file that shows it without a server, a network or the sources.

What was recorded is hostile. It stands in the page in three places only: escaped text, JSON in
ASCII without `<`, `>` and `&`, and base64; none of them can end its element. The policy of the page
allows our own script and style sheet, by their hashes, and nothing from anywhere else. Where even
these are forbidden the text remains.
"""

import base64
import html
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.errors import from_os_error
from pytest_recorder.render.bundle import bundle
from pytest_recorder.render.explanation import explain
from pytest_recorder.render.page_data import MOST_STORED_BYTES, AttemptLink, PageData, prepare
from pytest_recorder.system.atomic_write import write_text_whole
from pytest_recorder.tracefile.reader import Trace

# The page shows the rest: its text is not worth as long a search as the command's.
_MOST_EVENTS = 60_000
_ATTEMPTS = '<script type="application/json" id="attempts">'
_END = "</script>\n"


def write_page(
    trace: Trace,
    path: Path,
    *,
    text: str | None = None,
    attempts: list[AttemptLink] | None = None,
    most_stored_bytes: int = MOST_STORED_BYTES,
) -> int:
    """Write the page of a trace, whole or not at all; gives its size in bytes.

    `text` is what readers without scripts get, the explanation of the trace where none is given.
    Raises EnvironmentError (ERR_IO) when the page cannot be written, or when the package was
    installed without its script.
    """
    data = prepare(trace, attempts=attempts, most_stored_bytes=most_stored_bytes)
    shown = explain(trace, most_events=_MOST_EVENTS) if text is None else text
    _write(path, render_page(data, shown))
    return path.stat().st_size


def replace_attempts(path: Path, attempts: Sequence[AttemptLink]) -> None:
    """Tell a page of ours of attempts that came later. Raises EnvironmentError (ERR_IO).

    A file that is no page of ours stays as it is.
    """
    try:
        text = path.read_text("ascii")
    except UnicodeDecodeError:
        return
    except OSError as error:
        raise from_os_error(error, "cannot read the page", path=path) from error
    before, mark, rest = text.partition(_ATTEMPTS)
    told, end, after = rest.partition(_END)
    listed = _attempts(attempts)
    if mark and end and listed != f"{mark}{told}{end}":
        _write(path, (before, listed, after))


def _write(path: Path, parts: Iterable[str]) -> None:
    write_text_whole(path, parts, "page", encoding="ascii", errors="strict")


def render_page(data: PageData, text: str) -> Iterator[str]:
    """Give the parts of the page, in ASCII."""
    script, style = built = bundle("viewer")
    title = _text(_title(data))
    yield "<!doctype html>\n"
    yield '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{built.policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
    yield f'<main id="text">\n<h1>{title}</h1>\n<pre tabindex="0">{_text(text)}</pre>\n</main>\n'
    yield '<div id="app"></div>\n'
    yield f'<script type="application/json" id="head">{_json(data.head)}{_END}'
    yield _attempts(data.attempts)
    for block in data.blocks:
        deflated = " data-deflated" if block.is_deflated else ""
        yield f'<script type="application/octet-stream" data-block="{block.kind}"{deflated}>'
        yield base64.b64encode(block.stored).decode("ascii")
        yield _END
    yield f"<script>{script}{_END}</body>\n</html>\n"


def _attempts(attempts: Sequence[AttemptLink]) -> str:
    return _ATTEMPTS + _json([asdict(attempt) for attempt in attempts]) + _END


def _title(data: PageData) -> str:
    manifest = data.head["manifest"]
    return f"{manifest['outcome'] or 'recorded'}: {manifest['test'] or 'a program'}"


def _text(text: str) -> str:
    """Escape a text so that it is text in any browser: no markup, no control character, ASCII."""
    lines = (safe_text(line) for line in text.split("\n"))
    return html.escape("\n".join(lines)).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _json(content: Any) -> str:
    text = json.dumps(content, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
