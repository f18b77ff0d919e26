"""Decides by a name whether what stands under it is a secret, and how much of it is hidden.

PYTEST_DONT_REWRITE

A name is cut into words (`api_key`, `userPassword` and `X-Auth-Token` are two or three words each)
and a rule is a sequence of words, so that `company` and `author` are not hit by `pan` and `auth`.
Words that a rule names and that stand between or beside words of counting (`max_tokens`,
`password_length`) say how many there are or how long one is, not what it is. Words that are common
elsewhere (`first_pass`, `pin_count`) are secret only where they are the whole name.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby
from typing import Final

from pytest_recorder.original_builtins import __builtins__

OPEN, TEXTS, NUMBERS, EVERYTHING = range(4)
"""What a name hides: nothing; strings and bytes; ints too; whatever stands under it.

Strings and bytes are hidden in built-in containers too. A rule that the user has added hides
everything: nobody but the user knows what it is for.
"""

DEFAULT_RULES: Final = (
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pw",
    "pgpass",
    "pgpassword",
    "db pass",
    "user pass",
    "admin pass",
    "root pass",
    "smtp pass",
    "secret",
    "secrets",
    "token",
    "tokens",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "csrftoken",
    "xsrftoken",
    "apikey",
    "apikeys",
    "api key",
    "api keys",
    "access key",
    "access keys",
    "accesskey",
    "account key",
    "auth key",
    "deploy key",
    "encryption key",
    "hmac key",
    "master key",
    "private key",
    "private keys",
    "privatekey",
    "secret key",
    "secretkey",
    "shared key",
    "sharedaccesskey",
    "accountkey",
    "signing key",
    "ssh key",
    "storage key",
    "auth",
    "authorization",
    "credential",
    "credentials",
    "creds",
    "bearer",
    "jwt",
    "cookie",
    "cookies",
    "session id",
    "session key",
    "sessionid",
    "sessid",
    "phpsessid",
    "jsessionid",
    "csrf",
    "xsrf",
    "otp",
    "totp",
    "mfa code",
    "one time code",
    "backup code",
    "backup codes",
    "recovery code",
    "recovery codes",
    "verification code",
    "seed phrase",
    "dsn",
    "connection string",
    "connectionstring",
    "conn str",
    "connstr",
    "database url",
    "db url",
    "webhook url",
    "webhook urls",
    "presigned url",
    "signed url",
    "ssn",
    "iban",
    "cvv",
    "cvc",
    "credit card",
    "card number",
)
WHOLE_NAMES: Final = ("pass", "pin")
"""Secret as a whole name only: `first_pass` and `gpio_pin` are none."""
NUMBER_RULES: Final = ("otp", "totp", "pin")
"""Where an int is as much of a secret as a string."""
COUNTS_BEFORE: Final = ("max", "min", "num", "n", "total")
COUNTS_AFTER: Final = (
    "count",
    "index",
    "len",
    "length",
    "limit",
    "max",
    "min",
    "size",
    "total",
    "type",
)
"""What stands before or after the words of a rule in the name of a count, bound or kind."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
LONGEST_NAME = 64
"""No longer key of bytes, or first of a pair, is taken for a name."""
_MOST_KNOWN = 100_000
_MOST_WORDS = 4
_LONGEST = 200


def words_of(name: str) -> tuple[str, ...]:
    """Cut a name into lower-case words at underscores, other marks and changes of case."""
    return tuple(map(str.lower, _WORDS.findall(name)))


def is_name(value: object) -> bool:
    """Tell whether the first of two items can be the name of the second: one word of a kind."""
    if type(value) is str:
        return len(value) <= LONGEST_NAME and " " not in value
    return type(value) is bytes and len(value) <= LONGEST_NAME and b" " not in value


class _Levels(dict[str, int]):
    """What was asked before, answered in C: there are more questions than names by far."""

    __slots__ = ("_match",)

    def __init__(self, match: Callable[[tuple[str, ...]], int]) -> None:
        self._match = match

    def __missing__(self, name: str) -> int:
        found = self._match(words_of(name[:_LONGEST]))
        if len(self) < _MOST_KNOWN:
            self[name] = found
        return found


class NameRules:
    """The rules of one recording. What was asked once is answered from memory."""

    __slots__ = (
        "_added",
        "_exempt",
        "_rules",
        "_whole",
        "_words",
        "added",
        "exempted",
        "level",
    )

    def __init__(self, extra: Iterable[str] = (), exempt: Iterable[str] = ()) -> None:
        self.added, self.exempted = tuple(extra), tuple(exempt)
        self._exempt = frozenset(words_of(name) for name in self.exempted)
        self._added = frozenset(map(words_of, self.added)) - self._exempt - {()}
        rules = frozenset(map(words_of, DEFAULT_RULES)) | self._added
        self._rules = rules - self._exempt - {()}
        self._whole = frozenset(words_of(name) for name in WHOLE_NAMES) - self._exempt
        self._words = frozenset(chain.from_iterable(self._rules | self._whole))
        self.level: Callable[[str], int] = _Levels(self._match).__getitem__
        """Gives how much is hidden of what stands under a name."""

    @property
    def are_any(self) -> bool:
        """Whether any name is a secret."""
        return bool(self._rules)

    def first_words(self) -> frozenset[str]:
        """Give words of which each name with a rule in it has one."""
        chosen: set[str] = set()
        for rule in sorted(self._rules | self._whole, key=len):
            if not chosen & set(rule):
                chosen.add(max(rule, key=len))
        return frozenset(chosen)

    def _match(self, words: tuple[str, ...]) -> int:
        if self._words.isdisjoint(words) or words in self._exempt:
            # Most names: no rule has a word of theirs.
            return OPEN
        if words in self._whole:
            return NUMBERS if " ".join(words) in NUMBER_RULES else TEXTS
        levels = [OPEN] * len(words)
        for start in range(len(words)):
            for end in range(start + 1, min(start + _MOST_WORDS, len(words)) + 1):
                found = self._level_of(words[start:end])
                levels[start:end] = [max(found, level) for level in levels[start:end]]
        return max(
            (
                max(levels[start:end])
                for start, end in _runs(levels)
                if not (start and words[start - 1] in COUNTS_BEFORE)
                and not (end < len(words) and words[end] in COUNTS_AFTER)
            ),
            default=OPEN,
        )

    def _level_of(self, rule: tuple[str, ...]) -> int:
        if rule not in self._rules:
            return OPEN
        if rule in self._added:
            return EVERYTHING
        return NUMBERS if rule[0] in NUMBER_RULES else TEXTS


def _runs(levels: list[int]) -> Iterator[tuple[int, int]]:
    """Give where words of rules stand side by side: `secret_token` is one thing."""
    start = 0
    for is_named, group in groupby(levels, key=bool):
        end = start + len(list(group))
        if is_named:
            yield start, end
        start = end
