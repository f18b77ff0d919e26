"""Parses Python without a word: what the user's code is warned of is not ours to say."""

import ast
import re
import warnings

from pytest_recorder.analysis.source_text import source_lines
from pytest_recorder.tracefile.outline import empty_heads

MOST_TOKENS = 100_000
"""A longer source is not parsed: a token costs up to two kilobytes. 14,000 lines have so many."""
_MOST_CHARS = 4_000_000
_TOKEN = re.compile(r"\w+|[^\s\w]")


def count_tokens(source: str) -> int:
    """Give about as many tokens as a source has."""
    return _TOKEN.subn("", source)[1] if len(source) <= _MOST_CHARS else len(source)


def parse_quietly(source: str) -> ast.Module:
    """Parse the source of a module.

    Python warns of `"\\d"` and the like each time that it parses it, and under `-W error` it
    refuses it. Raises what `ast.parse` raises for what is no Python. What is too long has no
    statements. A block whose lines the trace does not hold is one `pass`.
    """
    if count_tokens(source) > MOST_TOKENS:
        return ast.Module([], [])
    with warnings.catch_warnings():
        # Python has said them to the user when it compiled the file.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except SyntaxError:
            filled = _with_blocks(source)
            if filled == source:
                raise
        return ast.parse(filled)


def _with_blocks(source: str) -> str:
    """Put a `pass` into the empty line after each head of a block that has none."""
    lines = source_lines(source)
    for line, space in empty_heads(source):
        if line > len(lines):
            lines.append("")
        if not lines[line - 1]:
            lines[line - 1] = f"{space}pass"
    return "\n".join(lines)


def parse_expression_quietly(source: str) -> ast.expr:
    """Parse one expression, in the same way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, mode="eval").body
