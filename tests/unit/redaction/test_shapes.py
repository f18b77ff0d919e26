"""What of a text is a secret by what stands around it, or by how it looks."""

import pytest

from pytest_recorder.redaction.names import DEFAULT_RULES, WHOLE_NAMES, NameRules
from pytest_recorder.redaction.shapes import STARTS, find_secrets, merged, replaced

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIB\n-----END RSA PRIVATE KEY-----"


def masked(text: str, *, added: tuple[str, ...] = (), exempt: tuple[str, ...] = ()) -> str:
    return replaced(text, merged(find_secrets(text, NameRules(added, exempt))))


FOUND = [
    ("https://h/?access_token=q&b=1", "https://h/?access_token=[redacted]&b=1"),
    ("Server=h;Password=q;User=u", "Server=h;Password=[redacted];User=u"),
    ('{"password": "q", "a": 1}', '{"password": "[redacted]", "a": 1}'),
    ('{"password": "q\\"r", "a": 1}', '{"password": "[redacted]", "a": 1}'),
    ('{\\"password\\": \\"q\\", 1}', '{\\"password\\": \\"[redacted]\\", 1}'),
    ('{"user":{"password":"q"}}', '{"user":{"password":"[redacted]"}}'),
    ("{b'api_key': b'q'}", "{b'api_key': b'[redacted]'}"),
    ("[('Authorization', 'q')]", "[('Authorization', '[redacted]')]"),
    ("[(b'cookie', b'q=1; r=2')]", "[(b'cookie', b'[redacted]')]"),
    ("Cookie: a=q; b=r\r\nHost: h", "Cookie: [redacted]\r\nHost: h"),
    ("Set-Cookie: a=q; Path=/", "Set-Cookie: [redacted]"),
    ("Authorization: Digest u=q, r=s", "Authorization: [redacted]"),
    ("COOKIE: a=q", "COOKIE: [redacted]"),
    ("größe: 1\nproxy-authorization: q r", "größe: 1\nproxy-authorization: [redacted]"),
    ("-H 'Authorization: token q r'", "-H 'Authorization: [redacted]'"),
    ("<a><password>q</password></a>", "<a><password>[redacted]</password></a>"),
    (
        "smtp://u:q@h, mongodb+srv://u:r@h",
        "smtp://u:[redacted]@h, mongodb+srv://u:[redacted]@h",
    ),
    ("https://0123456789abcdef@sentry/1", "https://[redacted]@sentry/1"),
    (
        "https://hooks.slack.com/services/T/B/q",
        "https://hooks.slack.com/services/[redacted]",
    ),
    (KEY, "-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----"),
    (KEY[:45], "-----BEGIN RSA PRIVATE KEY-----[redacted]"),
    (f"got {JWT}!", "got [redacted]!"),
    ("ghp_0123456789abcdefABCD", "[redacted]"),
    ("id AKIAIOSFODNN7EXAMPLE.", "id [redacted]."),
    ("glpat-0123456789abcdefABCD", "[redacted]"),
    ("xoxb-1234567890-abcdef", "[redacted]"),
    ("sk_live_0123456789abcdef", "[redacted]"),
    ("sk-proj-0123456789abcdef0123", "[redacted]"),
    ("AIza" + "0" * 35, "[redacted]"),
    ("npm_" + "a1" * 18, "[redacted]"),
    ("pypi-AgEIcHlwaS5vcmcCJ0", "[redacted]"),
    ("Bearer q1w2e3r4t5", "Bearer [redacted]"),
    ("größe, BASIC q1w2e3r4t5", "größe, BASIC [redacted]"),
    ("pin=1234", "pin=[redacted]"),
    ("login --password hunter2000 -v", "login --password [redacted] -v"),
    ("unexpected token=q", "unexpected token=[redacted]"),
    ("if password == 'q':", "if password == '[redacted]':"),
    ('token !== "q"', 'token !== "[redacted]"'),
    ("a['password'] = 'q'", "a['password'] = '[redacted]'"),
    ("headers['token'] == 'q'", "headers['token'] == '[redacted]'"),
    ("password==hunter2000", "password==[redacted]"),
    ("password=:q!", "password=[redacted]"),
]


@pytest.mark.parametrize("text, shown", FOUND)
def test_a_secret_is_found_by_its_shape(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("token: foo", "unexpected token: '}'", "unexpected token: identifier", "tokens=128"),
        *("password: %s", "password=%(password)s", "password={password}", "password=$PASSWORD"),
        *('"password": null', "password=None", 'password=""', "password=******"),
        *("basic understanding of it", "bearer instruments", "the password is wrong"),
        *(
            "https://user@host/x",
            "https://host:80/me@x.org",
            "a sk-learn thing",
            "['password', q]",
        ),
        *("-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "AKIATOOSHORT"),
        *("--token is required", "--password NAME", "a -- password hunter2000", "--n 5a5a5a5a"),
        *("password=[redacted]", "Authorization: [redacted]", "postgres://u:[redacted]@h"),
        "max_tokens=100, token_count: 3",
        *("if password == confirm:", "token != expected", "TestPassword::test_login"),
        *("WHERE password = ?", "SET token=?, pw = :pw", "Token::new(1)", "[['token'], 'q']"),
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert masked(text) == text


def test_the_rules_of_the_user_hold_in_texts_too() -> None:
    assert masked("colour=red; a=1", added=("colour",)) == "colour=[redacted]; a=1"
    assert masked("Cookie: q", exempt=("cookie",)) == "Cookie: q"


def test_nothing_is_found_by_its_look_without_one_of_the_starts() -> None:
    # A packer looks for these first.
    nameless = NameRules(("nothing here",), (*DEFAULT_RULES, *WHOLE_NAMES))
    texts = [text.lower() for text, _ in FOUND if find_secrets(text, nameless)]
    assert len(texts) > 10
    assert [text for text in texts if not any(start.lower() in text for start in STARTS)] == []
    assert min(map(len, STARTS)) >= 3


@pytest.mark.parametrize("size", [10_000])
@pytest.mark.parametrize(
    "part",
    [
        "a=",
        "password=",
        "'",
        "\\",
        '"a":',
        "<a",
        "://",
        "eyJ",
        "-----BEGIN ",
        "Cookie: a\\n",
        "- ",
    ],
)
def test_hostile_texts_take_no_longer_than_others(part: str, size: int) -> None:
    # Ten thousand parts: what is not linear in them takes minutes.
    masked(part * size)
