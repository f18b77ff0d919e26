"""Writes recorded text into Markdown so that it stays text.

A code span or a fence ends at the first run of backticks as long as its own, so its own are always
longer than any run inside. Nothing recorded stands outside of one of the two.
"""

import re
from collections.abc import Iterable

from pytest_recorder.analysis.value_text import safe_text, shorten

_RUN = re.compile("`+")


def code(text: str, *, width: int = 200) -> str:
    """Give a text as a code span of one line."""
    shown = shorten(safe_text(text), width)
    if not shown.strip():
        return "(empty)"
    ticks = "`" * (_longest_run(shown) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def fenced(lines: Iterable[str], *, width: int = 160) -> list[str]:
    """Give lines as a block of code; each stays one line."""
    shown = [shorten(safe_text(line), width).rstrip() for line in lines]
    ticks = "`" * max(3, max(map(_longest_run, shown), default=0) + 1)
    return [f"{ticks}text", *shown, ticks]


def _longest_run(text: str) -> int:
    return max(map(len, _RUN.findall(text)), default=0)
