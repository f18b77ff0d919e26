"""Finds secrets in a text by what stands around them, or by how they look.

PYTEST_DONT_REWRITE

`name=value` and its like with the name of a secret, headers, the password of a URL, private keys,
and tokens whose issuers have given them a start of their own.
"""

import re
from collections.abc import Iterator
from typing import Final

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.redaction.learned import MASK, Span, is_plain
from pytest_recorder.redaction.names import LONGEST_NAME, NameRules, words_of

# A word is tried once, at its start: from each of its letters, long ones took milliseconds.
_NAME = re.compile(
    r"""(?<![\w-])(?P<name>[\w-]++)"""
    r"""(?P<middle>(?:\\{0,3}["']\]?)?\s{0,3}(?:[!=]==?|=>?|:(?!:)>?)\s{0,3}"""
    r"""|\\{0,3}["']\s{0,3},\s{0,3})"""
)
# Only after the name of a secret: what it is not goes on to the end of the text for each name.
_VALUE = re.compile(
    r"""[bru]{0,2}(?:(?P<escape>\\{1,3})(?P<mark>["'])(?P<escaped>[^"'\\\n]*)"""
    r"""|"(?P<double>(?:[^"\\\n]|\\.)*+)|'(?P<single>(?:[^'\\\n]|\\.)*+))"""
    r"""|(?P<bare>(?:[Bb]earer|[Bb]asic|[Tt]oken)\s+[^\s"']+"""
    r"""|(?:[^\s,;&)\]}"'<>\\]|\\(?![nrt"'\\]))+)"""
)
_HEADER = re.compile(
    r"""(?im)(?:^|(?<=["'])|(?<=\\n))(?P<name>set-cookie2?|cookie|(?:proxy-)?authorization)"""
    r"""\s{0,3}:\s{0,3}(?P<value>(?:(?!\\[rn])[^\r\n"'])+)"""
)
_OPTION = re.compile(
    r"""(?<![\w-])--(?P<name>[\w-]{1,64}+)\s{1,3}(?P<value>[^\s"'-][^\s"']*)"""
)
_ELEMENT = re.compile(r"<(?P<name>[\w:.-]{1,64})(?:\s[^<>]{0,200})?>(?P<value>[^<>]+)</")
# Up to the last `@` before a path: a password may have one that nobody has escaped.
_URL_PASSWORD = re.compile(
    r"""://[^\s:/?#@"']{0,256}:(?P<value>[^\s/?#"']{1,256})@"""
    r"""|://(?P<user>[\w.~%!$*+-]{16,256})@"""
)
_SCHEME = re.compile(r"\b(?:[Bb]earer|BEARER|[Bb]asic|BASIC)\s{1,3}(?P<value>[\w.~+/=-]{8,}+)")
_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?P<value>.*?)(?:-----END|\Z)",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"eyJ[\w-]{8,}\.eyJ[\w-]{4,}(?:\.[\w-]*)?"  # JSON web token
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{22,}"
    r"|gl(?:pat|ptt|dt|rt|cbt)-[\w-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|(?:sk|rk)_(?:live|test)_\w{10,}|whsec_[\w+/=]{16,}"
    r"|sk-[\w-]{20,}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{16,}|hf_[A-Za-z0-9]{30,}"
    r"|do[opr]_v1_[a-f0-9]{32,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{32,}"
    r")"
)
_HOOK = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/"
    r"|discord(?:app)?\.com/api/webhooks/)(?P<value>[\w/-]+)"
)
_TOKEN_STARTS: Final = (
    *(
        "eyJ",
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "glptt-",
        "gldt-",
    ),
    *("glrt-", "glcbt-", "AKIA", "ASIA", "xox", "xapp-", "sk_", "rk_", "whsec_", "sk-", "AIza"),
    *("ya29.", "GOCSPX-", "SG.", "npm_", "pypi-", "hf_", "doo_v1_", "dop_v1_", "dor_v1_"),
    *("shpat_", "shpca_", "shppa_", "shpss_", "AGE-SECRET-KEY-"),
)
_HAS_TOKEN = re.compile("|".join(map(re.escape, _TOKEN_STARTS)))
STARTS: Final = (*_TOKEN_STARTS, "-----BEGIN", "://", "bearer", "basic")
"""One of these stands in each text that has a secret by its look; in any case of the letters."""

_NOTHING = frozenset(
    ("None", "True", "False", "null", "true", "false", "undefined", "nil", "NULL", "")
)
_PLACEHOLDER = re.compile(r"\{[\w.!:\[\]]*|%\(?\w*\)?\w?|\$\{?\w*|\*+|\?|:[A-Za-z_]\w*")
_COMPARED = frozenset(("==", "===", "!=", "!=="))
_COUNT = re.compile(r"\d{1,6}")
_OF_PARSERS = frozenset((("token",), ("tokens",)))


def find_secrets(text: str, rules: NameRules) -> list[Span]:
    """Give where secrets stand in a text, by their shape: neither in order nor apart."""
    if not rules.are_any:
        return []
    # What was masked when it was printed is left as it is.
    return [
        span
        for span in (*_by_name(text, rules), *_by_look(text))
        if not text.startswith(MASK[:-1], span[0])
    ]


def _by_name(text: str, rules: NameRules) -> Iterator[Span]:
    if "=" in text or ":" in text or "'," in text or '",' in text:
        yield from _pairs(text, rules)
        # Most texts have no header: to look at each of their characters for one takes longer.
        if ":" in text and _has_any(text, "ookie", "uthorization"):
            yield from _named(_HEADER, text, rules)
    if "--" in text:
        for found in _OPTION.finditer(text):
            # Of prose about the option the next word is a plain one.
            if rules.level(found["name"]) and not is_plain(found["value"]):
                yield found.span("value")
    if "</" in text:
        yield from _named(_ELEMENT, text, rules)


def _by_look(text: str) -> Iterator[Span]:
    if "://" in text:
        if "@" in text:
            for found in _URL_PASSWORD.finditer(text):
                yield found.span(found.lastgroup or 0)
        for found in _HOOK.finditer(text):
            yield found.span("value")
    if "-----BEGIN" in text:
        for found in _KEY.finditer(text):
            yield found.span("value")
    if _HAS_TOKEN.search(text):
        for found in _TOKEN.finditer(text):
            yield found.span()
    if _has_any(text, "earer", "asic"):
        for found in _SCHEME.finditer(text):
            if not is_plain(found["value"]):
                yield found.span("value")


def _has_any(text: str, *parts: str) -> bool:
    """Tell whether one of these stands in a text, in any case; of one not in ASCII, perhaps."""
    if not text.isascii():
        return True
    folded = text.lower()
    return any(part in folded for part in parts)


def _named(pattern: re.Pattern[str], text: str, rules: NameRules) -> Iterator[Span]:
    for found in pattern.finditer(text):
        if rules.level(found["name"][-LONGEST_NAME:]) and not found["value"].isspace():
            yield found.span("value")


def _pairs(text: str, rules: NameRules) -> Iterator[Span]:
    at = 0
    while (named := _NAME.search(text, at)) is not None:
        at = named.end()
        name, middle = named["name"][-LONGEST_NAME:], named["middle"].strip()
        # What looks like a value can be the next name: `{"headers": {"cookie": ...`.
        found = _VALUE.match(text, at) if rules.level(name) else None
        if found is None:
            continue
        at = found.end()
        kind = found.lastgroup or "bare"
        value = found[kind]
        if value in _NOTHING:
            continue
        if kind == "bare" and ("," in middle or _is_left_open(text, found)):
            continue
        # `if password == confirm`, but `password == hunter22` is one.
        if kind == "bare" and middle.lstrip("\\\"'] ") in _COMPARED and is_plain(value):
            continue
        if words_of(name) in _OF_PARSERS and _is_of_parser(middle, value, kind):
            continue
        yield found.span(kind)


def _is_left_open(text: str, found: "re.Match[str]") -> bool:
    """Tell what a template leaves to be filled in."""
    value = found["bare"]
    return bool(
        _PLACEHOLDER.fullmatch(value) and (value[0] != "{" or text[found.end() :][:1] == "}")
    )


def _is_of_parser(middle: str, value: str, kind: str) -> bool:
    """Tell what a parser says of its tokens: how many there are, or which word or sign one is."""
    if kind == "bare" and _COUNT.fullmatch(value):
        return True
    return middle == ":" and (is_plain(value) or not any(map(str.isalnum, value)))


def merged(spans: list[Span]) -> list[Span]:
    """Give spans in their order, those that overlap or touch as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def replaced(text: str, spans: list[Span]) -> str:
    """Put the mask for people in the place of each span; the spans are merged ones."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += (text[at:start], MASK)
        at = end
    return "".join((*parts, text[at:]))
