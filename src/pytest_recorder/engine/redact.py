"""Decides which names hold secrets, and masks secrets in text.

PYTEST_DONT_REWRITE

A name is cut into words (`api_key`, `userPassword` and `X-Auth-Token` are two or three words each)
and a rule is a sequence of words, so that `company` and `author` are not hit by `pan` and `auth`.
Words that a rule names and that stand between or beside words of counting (`max_tokens`,
`password_length`) say how many there are or how long one is, not what it is. Words that are common
elsewhere (`first_pass`, `pin_count`) are secret only where they are the whole name.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

DEFAULT_RULES = (
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
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
    "apikey",
    "apikeys",
    "api key",
    "api keys",
    "access key",
    "private key",
    "secret key",
    "signing key",
    "encryption key",
    "ssh key",
    "auth",
    "authorization",
    "credential",
    "credentials",
    "bearer",
    "jwt",
    "cookie",
    "cookies",
    "session id",
    "session key",
    "sessionid",
    "csrf",
    "ssn",
    "iban",
    "cvv",
    "cvc",
    "credit card",
    "card number",
)
WHOLE_NAMES = ("pass", "pin")
"""Secret as a whole name only: `first_pass` and `gpio_pin` are none."""
COUNTS_BEFORE = ("max", "min", "num", "n", "total")
COUNTS_AFTER = (
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
# A word is tried once, at its start: from each of its letters, long ones took milliseconds.
_PAIR = re.compile(
    r"""(?<![\w-])(?P<name>[\w-]++)(?P<middle>["']?\s{0,3}[:=]\s{0,3})(?P<value>"[^"\n]*"|'[^'\n]*'|(?:[Bb]earer|[Bb]asic)\s+\S+|[^\s,;&)\]}]+)"""
)
# Up to the last `@` before a path: a password may have one that nobody has escaped.
_URL_PASSWORD = re.compile(r"""(://[^\s:/?#@"']{0,256}:)[^\s/?#"']{1,256}@""")
_MASK = "[redacted]"
_LONGEST_NAME = 64
_SHORTEST_SECRET = 4
_MOST_SECRETS = 64


def words_of(name: str) -> tuple[str, ...]:
    """Cut a name into lower-case words at underscores, other marks and changes of case."""
    return tuple(word.lower() for word in _WORDS.findall(name))


class Redactor:
    """Knows the rules of one recording and the secrets it has seen so far."""

    __slots__ = ("_exempt", "_names", "_rules", "_whole", "active", "masked", "secrets")

    def __init__(self, extra: Iterable[str] = (), exempt: Iterable[str] = ()) -> None:
        self._exempt = frozenset(words_of(name) for name in exempt)
        rules = {words_of(rule) for rule in (*DEFAULT_RULES, *extra)}
        self._rules = frozenset(rules - self._exempt - {()})
        self._whole = frozenset(words_of(name) for name in WHOLE_NAMES) - self._exempt
        self._names: dict[str, bool] = {}
        self.secrets: list[str] = []
        """Texts that were redacted in this trace, the longest first."""
        self.masked = 0
        """Texts in which something was masked, since the recording began."""
        self.active = bool(self._rules)

    def is_secret(self, name: str) -> bool:
        """Tell whether a variable, attribute or key of this name is recorded by type only."""
        known = self._names.get(name)
        if known is None:
            known = self._match(name)
            if len(self._names) < 100_000:
                self._names[name] = known
        return known

    def _match(self, name: str) -> bool:
        words = words_of(name[:200])
        if words in self._exempt:
            return False
        if words in self._whole:
            return True
        named = [False] * len(words)
        for start in range(len(words)):
            for end in range(start + 1, min(start + 4, len(words)) + 1):
                if words[start:end] in self._rules:
                    named[start:end] = [True] * (end - start)
        return any(
            not (start and words[start - 1] in COUNTS_BEFORE)
            and not (end < len(words) and words[end] in COUNTS_AFTER)
            for start, end in _runs(named)
        )

    def remember(self, value: object) -> None:
        """Keep a redacted text, so that `mask` finds it again where it is printed."""
        if type(value) is str and len(value) >= _SHORTEST_SECRET and value not in self.secrets:
            self.secrets.append(value)
            self.secrets.sort(key=len, reverse=True)
            del self.secrets[_MOST_SECRETS:]

    def forget(self) -> None:
        """Start the next recording without the secrets of this one."""
        self.secrets.clear()
        self.masked = 0

    def mask(self, text: str) -> str:
        """Replace secrets in printed text.

        Those seen before, `name=value` with such a name, and the password in a URL.
        """
        plain = text
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, _MASK)
        if self._rules and ("=" in text or ":" in text):
            if "://" in text and "@" in text:
                text = _URL_PASSWORD.sub(rf"\g<1>{_MASK}@", text)
            text = _PAIR.sub(self._mask_pair, text)
        if text is not plain and text != plain:
            self.masked += 1
        return text

    def _mask_pair(self, match: re.Match[str]) -> str:
        value = match["value"]
        if not self.is_secret(match["name"][-_LONGEST_NAME:]) or value in (
            "None",
            "True",
            "False",
        ):
            return match[0]
        if value.startswith(_MASK[:-1]):  # masked before; its last bracket ends the match
            return match[0]
        quote = value[0] if value[0] in "\"'" else ""
        return f"{match['name']}{match['middle']}{quote}{_MASK}{quote}"


def _runs(named: list[bool]) -> Iterator[tuple[int, int]]:
    """Give where words of rules stand side by side: `secret_token` is one thing."""
    start = 0
    for is_named, group in groupby(named):
        end = start + len(list(group))
        if is_named:
            yield start, end
        start = end
