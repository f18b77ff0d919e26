"""Decides for one recording what is hidden, and masks secrets in what is printed.

PYTEST_DONT_REWRITE
"""

from collections.abc import Callable, Iterable

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.finder import Finder
from pytest_recorder.redaction.learned import MASK, LearnedTexts
from pytest_recorder.redaction.names import NameRules, words_of
from pytest_recorder.redaction.records import rules_as_records, text_as_record
from pytest_recorder.redaction.shapes import replaced

__all__ = ["Redactor", "words_of"]

_MOST_CLEAN = 4096
"""Texts that are known to have no secret in them."""


class Redactor:
    """Knows the rules of one recording and the secrets that its process has seen so far."""

    __slots__ = (
        "_clean",
        "_clean_since",
        "_keep",
        "active",
        "finder",
        "learned",
        "level",
        "masked",
        "rules",
    )

    def __init__(
        self,
        extra: Iterable[str] = (),
        exempt: Iterable[str] = (),
        learned: LearnedTexts | None = None,
    ) -> None:
        """`learned` outlives the recording: a fixture of the session gives its secret once."""
        self.rules = NameRules(extra, exempt)
        self.learned = LearnedTexts() if learned is None else learned
        self.finder = Finder(self.rules, self.learned)
        self.level = self.rules.level
        """Gives how much is hidden of what stands under a name."""
        self._keep: Callable[[bytes], None] | None = None
        # By hash: a text of the program is not held. Of 64 bits, so none is taken for another.
        self._clean: set[int] = set()
        self._clean_since = self.learned.version
        self.masked = 0
        """Texts in which something was masked, since the recording began."""
        self.active = self.rules.are_any

    def is_secret(self, name: str) -> bool:
        """Tell whether anything is hidden of what stands under a name."""
        return self.level(name) > 0

    def begin(self) -> None:
        """Count anew, for the next recording."""
        self.masked = 0

    def keep_in(self, keep: Callable[[bytes], None]) -> None:
        """Tell a new spool the rules and what was learned so far, and from now on what is new."""
        self._keep = keep
        for record in rules_as_records(self.rules):
            keep(record)
        self.learned.renew()
        self.tell()

    def remember(self, value: object) -> bool:
        """Keep a text that was hidden, to find it elsewhere; True where `tell` is to be called."""
        self.learned.learn(value)
        return bool(self.learned.fresh)

    def tell(self) -> None:
        """Tell the spool what is new, for whoever packs it when this process is dead."""
        fresh, self.learned.fresh = self.learned.fresh, []
        if self._keep is not None:
            for data in fresh:
                self._keep(text_as_record(data))

    def shown_under(self, name: str, value: object) -> object:
        """Give what is shown of a value that a text takes by its name."""
        kind = type(value)  # by identity: to compare types can run code of the program
        if (kind is not str and kind is not bytes) or not self.level(name):
            return value
        self.learned.learn(value)
        self.masked += 1
        return MASK

    def mask(self, text: str) -> str:
        """Replace secrets in printed text: those seen before, and those that their shape tells.

        The message of an exception comes by once for each frame that it leaves: a text in which
        there was nothing is not searched again, until something is learned.
        """
        known = self._clean
        if self._clean_since != self.learned.version:
            self._clean_since = self.learned.version
            known.clear()
        key = str.__hash__(text)
        if key in known:
            return text
        spans = self.finder.spans(text)
        if not spans:
            if len(known) >= _MOST_CLEAN:
                known.clear()
            known.add(key)
            return text
        self.masked += 1
        return replaced(text, spans)
