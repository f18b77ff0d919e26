"""Finds functions, classes and what stands around them in Python source, without parsing it.

PYTEST_DONT_REWRITE

Strings, comments and brackets are found by a pattern, the rest is told by the space before each
statement. Where the text is no Python, or the pattern is mistaken (a string in the braces of an
f-string that ends at its own kind of quote), there are fewer functions, or none.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from pytest_recorder.original_builtins import __builtins__

_TOKEN = re.compile(
    rb"[^\"'\\()\[\]{}\n#]*+(?:"
    rb'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|\Z)'
    rb"|'''(?:[^'\\]++|\\.|'(?!''))*+(?:'''|\Z)"
    rb'|"(?:[^"\\\n]++|\\.)*+"?'
    rb"|'(?:[^'\\\n]++|\\.)*+'?"
    rb"|\\\n?"
    rb"|([(\[{])|([)\]}])|(\n)|(\#[^\n]*+))",
    re.DOTALL,
)
_OPENS, _CLOSES, _ENDS, _COMMENT = 1, 2, 3, 4
_NAME = rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*+"
_START = re.compile(
    rb"([ \t\f]*+)(?:(@)|(?:async[ \t]++)?(def|class)[ \t]++(" + _NAME + rb")"
    rb"|(try|elif|else|except|finally)\b|[^\s#])"
)
_TARGETS = re.compile(
    rb"\s*+((?:" + _NAME + rb"\s*+,\s*+)*+" + _NAME + rb")\s*+(?:[-+*/|&^%@<>]{0,3}=(?!=)|:)"
)
_IMPORT = re.compile(rb"\s*+from\s++[.\w\x80-\xff]*?(\w++)\s++import\b(.*)", re.DOTALL)
_WORD = re.compile(_NAME)
_TAB = 8
_MOST_BOUND_LINES = 20
"""A longer statement is a table: its first line, which is what is shown of it, would not parse."""


class Statement:
    """A logical line: its lines from `first` to `last`, and the block below it down to `end`.

    `first` is the line of the first decorator. `name` is that of a function or class, else empty.
    """

    __slots__ = ("chain", "end", "first", "indent", "is_class", "last", "name", "outer")

    def __init__(
        self, first: int, last: int, indent: int, outer: "Statement | None", name: bytes
    ) -> None:
        self.first = first
        self.last = self.end = last
        self.indent = indent
        self.outer = outer
        self.name = name
        self.is_class = False
        self.chain: list[Statement] | None = None
        """With all of `if`, `elif` and `else`, or of `try` and what belongs to it."""

    def around(self) -> "Iterator[Statement]":
        """Give the statements in whose blocks it stands, from the inside."""
        outer = self.outer
        while outer is not None:
            yield outer
            outer = outer.outer

    @property
    def is_function(self) -> bool:
        """Whether it begins a function."""
        return bool(self.name) and not self.is_class


def normal_line_ends(data: bytes) -> bytes:
    """Give source with the line ends that Python reads in it."""
    if b"\r" not in data:
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def logical_lines(data: bytes) -> Iterator[tuple[int, int]]:
    """Give where each logical line starts and ends, without what is a comment at its end.

    Line ends are normal. Blank lines and comments are lines too.
    """
    depth = start = 0
    comment = -1
    for found in _TOKEN.finditer(data):
        kind = found.lastindex
        if kind is None:
            continue
        if kind == _OPENS:
            depth += 1
        elif kind == _CLOSES:
            depth -= depth > 0
        elif depth:
            continue
        elif kind == _COMMENT:
            comment = found.start(kind)
        else:
            yield start, found.start(kind) if comment < 0 else comment
            start = found.end()
            comment = -1
    if start < len(data):
        yield start, len(data) if comment < 0 else comment


class Outline:
    """The functions and classes of one source, and what is bound outside of functions."""

    def __init__(self, source: bytes) -> None:
        data = normal_line_ends(source)
        self.lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        self.definitions: dict[int, Statement] = {}
        """Functions and classes by their first line."""
        self.bound: dict[bytes, list[Statement]] = {}
        """The statements right in the module or a class that bind a name."""
        self.imports: dict[Statement, bytes] = {}
        """Of those that import, the last part of the module's name."""
        self._loose: list[Statement] = []
        """All statements that stand in no function, in their order."""
        self._read(data)

    def _read(self, data: bytes) -> None:
        blocks: list[Statement] = []
        function: Statement | None = None
        line, counted, last = 1, 0, 0
        decorated = 0
        for start, end in logical_lines(data):
            found = _START.match(data, start, end)
            if found is None:
                continue
            line += data.count(b"\n", counted, start)
            first, last_before = line, last
            line += data.count(b"\n", start, end)
            counted, last = end, line
            space, at, keyword, name, clause = found.groups()
            indent = len(space.expandtabs(_TAB)) if space else 0
            before: Statement | None = None
            while blocks and blocks[-1].indent >= indent:
                before = blocks.pop()
                before.end = last_before
                if before is function:
                    function = None
            if at:
                decorated = decorated or first
                continue
            outer = blocks[-1] if blocks else None
            one = Statement(decorated or first, last, indent, outer, name or b"")
            decorated = 0
            blocks.append(one)
            if clause and clause != b"try" and before is not None and before.indent == indent:
                one.chain = before.chain = before.chain or [before]
                one.chain.append(one)
            if name:
                one.is_class = keyword == b"class"
                self.definitions[one.first] = one
            if function is None:
                self._loose.append(one)
                if name:
                    function = one if keyword == b"def" else None
                elif not clause and (outer is None or outer.name):
                    self._read_names(one, data, start, end)
        for one in blocks:
            one.end = last

    def _read_names(self, one: Statement, data: bytes, start: int, end: int) -> None:
        """Take in the names that a statement binds by `=`, `:` or `from ... import`."""
        if one.last - one.first >= _MOST_BOUND_LINES:
            return
        found = _TARGETS.match(data, start, end)
        if found is None:
            found = _IMPORT.match(data, start, end)
            if found is None:
                return
            self.imports[one] = found[1]
        for name in _WORD.findall(found[found.re.groups]):
            self.bound.setdefault(name, []).append(one)

    def around(self, line: int) -> Statement | None:
        """Give the function around a line, or the statement where it stands in none."""
        at = bisect_right(self._loose, line, key=lambda one: one.first) - 1
        if at < 0:
            return None
        inside = [
            one
            for one in self.definitions.values()
            if one.is_function and one.first <= line <= one.end
        ]
        found = inside[-1] if inside else self._loose[at]
        return found if line <= found.end else None


def empty_heads(text: str) -> list[tuple[int, str]]:
    """Give the heads of blocks that have none: the line after each, and the space before it.

    So it is where the block was left out.
    """
    data = normal_line_ends(text.encode("utf-8", "replace"))
    found: list[tuple[int, str]] = []
    line, counted = 1, 0
    heads: list[tuple[int, int, str, bool]] = []
    for start, end in logical_lines(data):
        start_of = _START.match(data, start, end)
        if start_of is None:
            continue
        line += data.count(b"\n", counted, end)
        counted = end
        space = start_of[1]
        is_open = data[start:end].rstrip().endswith(b":")
        heads.append((line, len(space.expandtabs(_TAB)), space.decode(), is_open))
    heads.append((line, 0, "", False))
    for (at, indent, space, is_open), (_, next_indent, _, _) in pairwise(heads):
        if is_open and next_indent <= indent:
            found.append((at + 1, space + " "))
    return found


def words_of(data: bytes) -> set[bytes]:
    """Give all that can be a name in a piece of source."""
    return set(_WORD.findall(data))
