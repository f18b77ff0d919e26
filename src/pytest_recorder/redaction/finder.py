"""Finds secrets in a text: those that were learned, and those that their shape tells.

PYTEST_DONT_REWRITE
"""

from typing import NamedTuple

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.learned import LearnedTexts, Span
from pytest_recorder.redaction.names import NameRules
from pytest_recorder.redaction.shapes import find_secrets, merged


class Finder(NamedTuple):
    """What tells a secret: rules of names, and what a process has learned so far."""

    rules: NameRules
    learned: LearnedTexts

    def spans(self, text: str, *, is_bytes: bool = False, is_cut: bool = False) -> list[Span]:
        """Give where secrets stand, in their order and apart.

        `is_bytes` says that the text is bytes read as Latin-1, `is_cut` that it went on.
        """
        spans = self.learned.spans(text, is_bytes=is_bytes, is_cut=is_cut)
        if self.rules.are_any:
            spans += find_secrets(text, self.rules)
        return merged(spans) if spans else spans

    def is_in_id(self, test: str) -> bool:
        """Tell whether the id of a test holds a secret, also as pytest escapes it there."""
        if self.spans(test):
            return True
        if "\\" not in test:
            return False
        try:
            plain = test.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError:
            return False
        return bool(self.spans(plain) or self.spans(plain, is_bytes=True))
