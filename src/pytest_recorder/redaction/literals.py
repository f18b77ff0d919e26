"""Masks secrets in the literals and comments of a source, at equal length.

The literals are found by a pattern, not by the tokenizer, which takes a hundred times as long.
Where it is mistaken (quotes inside the braces of an f-string) it is so up to the end of the line,
and what is masked there is still a secret.
"""

import re
from collections.abc import Callable, Iterator

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.learned import Span
from pytest_recorder.redaction.names import NameRules
from pytest_recorder.redaction.stars import starred, starred_bytes

_LITERAL = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<prefix>\b[rRbBfFuUtT]{1,2})?(?P<quote>\"\"\"|'''|\"|')(?P<rest>)"
)
_ENDS = {
    '"': re.compile(r'(?:[^"\\\n]|\\.)*+', re.DOTALL),
    "'": re.compile(r"(?:[^'\\\n]|\\.)*+", re.DOTALL),
    '"""': re.compile(r'(?:(?!""")(?:[^\\]|\\.))*+', re.DOTALL),
    "'''": re.compile(r"(?:(?!''')(?:[^\\]|\\.))*+", re.DOTALL),
}
# `password = "..."`, with or without a type, `password="..."` in a call, and `"password": "..."`.
_GIVEN = re.compile(
    r"""(?<![\w-])(?P<name>[\w-]++)["']?\s{0,3}"""
    r"""(?::(?:\s{0,3}[\w.\[\], |]{1,60}=)?|=)\s{0,3}\(?\s{0,80}"""
    r"""[bruBRU]{0,2}(?P<quote>\"\"\"|\'\'\'|["'])"""
)
_FIELD = re.compile(r"\{[^{}\n]*\}")
_SHORTEST = 6


def mask_literals(source: bytes, find: Callable[[str], list[Span]]) -> bytes:
    """Give a source with what `find` gives for a literal masked; the same object if it is nothing.

    `find` gives spans in their order.
    """
    try:
        text, encoding = source.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = source.decode("latin-1"), "latin-1"
    spans: list[Span] = []
    at = 0
    while (found := _LITERAL.search(text, at)) is not None:
        start = at = found.end()
        if found["comment"] is not None:
            start = found.start()
        else:
            end = _ENDS[found["quote"]].match(text, at)
            at = end.end() if end is not None else at
        body = text[start:at]
        if len(body) >= _SHORTEST:
            has_fields = "f" in (found["prefix"] or "").lower()
            spans.extend(_in_source(body, find(body), start, has_fields))
        if found["comment"] is None:
            at += len(found["quote"])
    if not spans:
        return source
    if encoding == "latin-1":
        return starred_bytes(source, spans)
    return starred(text, spans).encode()


def named_literals(source: bytes, rules: NameRules) -> Iterator[str]:
    """Give the literals that a source gives to the names of secrets, as they are written.

    The code that would give them need not have run yet: a trace that is packed before knows them.
    """
    text = source.decode("utf-8", "replace")
    for found in _GIVEN.finditer(text):
        if rules.level(found["name"]):
            body = _ENDS[found["quote"]].match(text, found.end())
            if body is not None and "\\" not in body[0]:
                yield body[0]


def _in_source(body: str, spans: list[Span], start: int, has_fields: bool) -> list[Span]:
    """Give spans by their place in the source, without what an f-string computes."""
    found: list[Span] = []
    for first, last in spans:
        at = first
        for field in _FIELD.finditer(body, first, last) if has_fields else ():
            if at < field.start():
                found.append((start + at, start + field.start()))
            at = field.end()
        if at < last:
            found.append((start + at, start + last))
    return found
