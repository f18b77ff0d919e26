"""Writes rules and learned texts into a spool, and reads them back; trusts nothing there.

PYTEST_DONT_REWRITE

A record is a byte that says what it is, its size in four bytes, and so many bytes.
"""

from collections.abc import Iterator
from struct import Struct

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.learned import LONGEST, LearnedTexts
from pytest_recorder.redaction.names import NameRules

_HEAD = Struct("<BI")
_ADDED, _EXEMPTED, _TEXT = 1, 2, 3
_LONGEST_RULE = 200


def rules_as_records(rules: NameRules) -> Iterator[bytes]:
    """Give the rules that the user has added and taken away."""
    for kind, names in ((_ADDED, rules.added), (_EXEMPTED, rules.exempted)):
        for name in names:
            yield _record(kind, name.encode("utf-8", "surrogatepass")[:_LONGEST_RULE])


def text_as_record(data: bytes) -> bytes:
    """Give a learned text."""
    return _record(_TEXT, data)


def read_records(data: bytes) -> tuple[NameRules, LearnedTexts]:
    """Read what a spool says, as far as it makes sense."""
    names: dict[int, list[str]] = {_ADDED: [], _EXEMPTED: []}
    texts: list[bytes] = []
    at = 0
    while at + _HEAD.size <= len(data):
        kind, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        part = data[at : at + size]
        if len(part) < size or size > LONGEST:
            break
        at += size
        if kind in names:
            names[kind].append(part.decode("utf-8", "replace"))
        elif kind == _TEXT:
            texts.append(part)
    learned = LearnedTexts()
    learned.learn_all(texts)
    return NameRules(names[_ADDED], names[_EXEMPTED]), learned


def _record(kind: int, data: bytes) -> bytes:
    return _HEAD.pack(kind, len(data)) + data
