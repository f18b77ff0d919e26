"""Keeps the texts that were seen under the names of secrets, to find them elsewhere.

PYTEST_DONT_REWRITE

Only what is hardly anything else is kept: eight characters or more, and no plain word, identifier
or path. `hunter22` and `s3cr3t-value` are; `correcthorse`, `user_id`, `tests/data/keys.json` and
`2024-05-01` are not: masked wherever they stand, they would hide half of a trace.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, cast

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.names import NameRules

Span = tuple[int, int]

SHORTEST = 8
LONGEST = 16_384
"""Of a longer text so much of the start is kept."""
MOST = 1000
"""The one that was not seen for longest goes first."""

_PARTS = re.compile(r"[_\-./\\:\s]+")
_PLAIN_PART = re.compile(r"[^\W\d_]+\d?|\d?")
_PATH = re.compile(r"(?:[A-Za-z]:)?[\\/~.](?=.*[\\/])[\w\s./\\~:-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z-]*)?")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]")
_NO_ASCII = re.compile(r"[^\x00-\x7f]")
_SHORTEST_HUMP = 3
_MARKER = "-----"
MASK: Final = "[redacted]"
"""What stands in the place of a secret in what is printed."""
_SEPARATORS = re.compile(r"[\s;,&]+")
_JOINED = re.compile(r"[\s;,&=@]")
_URL_PASSWORD = re.compile(r"://[^\s:/@]*:([^\s/@]+)@")


def is_plain(text: str) -> bool:
    """Tell whether a text is made of plain words: of prose, an identifier, a path, a date."""
    if MASK in text or not text.strip("*"):
        return True  # masked before
    if _PATH.fullmatch(text) or _DATE.fullmatch(text):
        return True
    return all(
        _PLAIN_PART.fullmatch(part) and not _is_scrambled(part) for part in _PARTS.split(text)
    )


def _is_scrambled(part: str) -> bool:
    """Tell letters whose case changes at random from the humps of `camelCase`."""
    humps = len(_HUMP.findall(_NO_ASCII.sub("a", part)))
    return humps > 2 and not part.isupper() and len(part) / humps < _SHORTEST_HUMP


def _parts_of(text: str) -> Iterator[str]:
    """Give what of a text is used by itself: a line of a key, a cookie, the token of a header."""
    if "\n" in text:
        for line in text.splitlines():
            yield line.strip()
    elif _JOINED.search(text):
        for part in _SEPARATORS.split(text):
            value = part.partition("=")[2]
            yield value if value.strip("=") else part
        for found in _URL_PASSWORD.finditer(text):
            yield found[1]


class LearnedTexts:
    """The texts of one process, as UTF-8; those that are bytes as they are."""

    __slots__ = ("_environment", "_forms", "_plain", "fresh", "texts", "version")

    def __init__(self) -> None:
        self.texts: dict[bytes, int] = {}
        """The texts, each with the version that came with it."""
        self.version = 0
        """Changes with each text that is new."""
        self.fresh: list[bytes] = []
        """Those that the spool has not been told of."""
        self._environment: frozenset[bytes] = frozenset()
        self._plain: set[str] = set()  # what was looked at and is none
        self._forms: tuple[int, tuple[str, ...], tuple[str, ...]] = (0, (), ())

    def since(self, version: int) -> list[bytes]:
        """Give the texts that are newer than a version."""
        if version >= self.version:
            return []
        return [text for text, since in self.texts.items() if since > version]

    def learn(self, value: object) -> None:
        """Keep a string or bytes that stood under the name of a secret, if it tells enough."""
        # By the slots of the built-in types: no method of a subclass is called.
        kind, start = type(value), slice(LONGEST)
        if kind is str and (len(cast(str, value)) < SHORTEST or value in self._plain):
            return
        if issubclass(kind, str):
            text = str.__getitem__(cast(str, value), start)
            self._learn(text, text.encode("utf-8", "surrogatepass"))
        elif issubclass(kind, bytes):
            data = bytes.__getitem__(cast(bytes, value), start)
            self._learn(data.decode("latin-1"), data)
        elif issubclass(kind, bytearray):
            data = bytes(bytearray.__getitem__(cast(bytearray, value), start))
            self._learn(data.decode("latin-1"), data)

    def learn_environment(self, environ: Mapping[str, str], rules: NameRules) -> None:
        """Keep the values of variables with the names of secrets; no spool is told of them."""
        before = frozenset(self.texts)
        for name, value in environ.items():
            if rules.level(name):
                self.learn(value)
        self._environment = frozenset(self.texts) - before
        self.renew()

    def renew(self) -> None:
        """Tell all to a new spool."""
        self.fresh = [text for text in self.texts if text not in self._environment]

    def learn_all(self, texts: Iterable[bytes]) -> None:
        """Keep what a spool says that its process has learned."""
        for text in texts:
            self._add(text)

    def spans(self, text: str, *, is_bytes: bool = False, is_cut: bool = False) -> list[Span]:
        """Give where learned texts stand, in bytes read as Latin-1 too.

        Of a text that was cut, what it ends with can be the start of one.
        """
        found: list[Span] = []
        for secret in self._all(is_bytes):
            at = text.find(secret)
            while at >= 0:
                found.append((at, at + len(secret)))
                at = text.find(secret, at + len(secret))
            if is_cut:
                at = text.find(secret[:SHORTEST], max(len(text) - len(secret) + 1, 0))
                while at >= 0:
                    if secret.startswith(text[at:]):
                        found.append((at, len(text)))
                        break
                    at = text.find(secret[:SHORTEST], at + 1)
        return found

    def _all(self, is_bytes: bool) -> tuple[str, ...]:
        version, texts, data = self._forms
        if version != self.version:
            version = self.version
            known = tuple(self.texts)
            texts = tuple(_as_text(text) for text in known)
            data = tuple(text.decode("latin-1") for text in known)
            self._forms = version, texts, data
        return data if is_bytes else texts

    def _learn(self, text: str, data: bytes) -> None:
        version = self.texts.get(data)
        if version is not None:
            # What is in use stays.
            del self.texts[data]
            self.texts[data] = version
            return
        if len(text) < SHORTEST or is_plain(text):
            if len(self._plain) >= MOST:
                self._plain.clear()
            self._plain.add(text)
            return
        self._add(data)
        for part in _parts_of(text):
            if len(part) >= SHORTEST and _MARKER not in part and not is_plain(part):
                self._add(part.encode("utf-8", "surrogatepass"))

    def _add(self, data: bytes) -> None:
        if data in self.texts:
            return
        if len(self.texts) >= MOST:
            del self.texts[next(iter(self.texts))]
        self.version += 1
        self.texts[data] = self.version
        self.fresh.append(data)


def _as_text(data: bytes) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
