"""Which names hold secrets, and what is masked where secrets are printed."""

from typing import Any

import pytest

from pytest_recorder.engine.redact import Redactor, words_of
from tests.engines.support import ENGINES, record


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that this Python has."""
    return str(request.param)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "userPassword",
        "user_password_hash",
        "PASSWORD",
        "api_key",
        "apiKey",
        "API_KEY",
        "APIKey",
        "X-Auth-Token",
        "access_token",
        "token",
        "AWS_SECRET_ACCESS_KEY",
        "_private__key",
        "Authorization",
        "session_id",
        "creditCardNumber",
        "ssh_key_path",
        "cookie",
        "accesstoken",
        "authtoken",
        "tokens",
        "user_tokens",
        "apikeys",
        "db_pass",
        "DB_PASS",
        "smtpPass",
        "pass",
        "pin",
        "PIN",
        "token_value",
        "count_secret",
        "password_hash_length_secret",
    ],
)
def test_a_name_with_the_word_of_a_secret_is_one(name: str) -> None:
    assert Redactor().is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "company",
        "author",
        "authors",
        "expand",
        "passed",
        "passes",
        "compass",
        "key",
        "keys",
        "monkey",
        "tokenizer",
        "tokenize",
        "secretary",
        "session",
        "user",
        "card",
        "number",
        "pin_code",
        "gpio_pin",
        "first_pass",
        "pass_rate",
        "token_count",
        "tokenCount",
        "max_tokens",
        "n_tokens",
        "num_cookies",
        "password_length",
        "min_password_len",
        "secret_token_index",
        "auth_type",
        "access_token_limit",
        "total_tokens",
        "",
        "_",
        "x",
    ],
)
def test_a_name_that_only_looks_like_one_is_none(name: str) -> None:
    assert not Redactor().is_secret(name)


def test_names_are_cut_into_words_at_marks_and_changes_of_case() -> None:
    assert words_of("X-Auth-Token") == ("x", "auth", "token")
    assert words_of("userPassword") == ("user", "password")
    assert words_of("HTTPServerKey2") == ("http", "server", "key", "2")
    assert words_of("__api_key__") == ("api", "key")


def test_rules_are_added_and_names_exempted() -> None:
    redactor = Redactor(extra=["hint", "mother maiden"], exempt=["public_token", "cookie"])
    assert redactor.is_secret("password_hint")
    assert redactor.is_secret("motherMaidenName")
    assert not redactor.is_secret("publicToken")
    assert redactor.is_secret("private_token")
    assert not redactor.is_secret("cookie")


def logs_in(user: str, password: str, **options: Any) -> dict[str, Any]:
    token = f"{user}-{password}"
    headers = {"X-Auth-Token": token, "Accept": "json"}
    account = Account(password)
    print(f"password={password} user={user}")
    print(f"token is {token}!")
    if options:
        raise ValueError(f"cannot log in with {password}")
    return {"headers": headers, "account": account}


class Account:
    def __init__(self, password: str) -> None:
        self.password = password
        self.author = "me"


def test_nothing_of_a_secret_is_in_the_trace(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = record(logs_in, "ann", "hunter22", engine=engine)
    assert b"hunter22" not in recorded.path.read_bytes()
    told = repr(recorded.events)
    assert "hunter22" not in told
    call = recorded.events[0]
    assert call.args is not None
    assert call.args["password"] == {"type": "str", "redacted": True}
    assert call.args["user"] == {"type": "str", "value": "ann"}
    assert "password=hunter22 user=ann" in capsys.readouterr().out
    result = recorded.last("return").value
    assert result is not None
    headers, account = (item for _, item in result["entries"])
    assert headers["entries"][0][1] == {"type": "str", "redacted": True}
    assert headers["entries"][1][1]["value"] == "json"
    assert account["attributes"]["password"] == {"type": "str", "redacted": True}
    assert account["attributes"]["author"]["value"] == "me"


def test_a_secret_is_masked_in_messages_too(engine: str) -> None:
    recorded = record(lambda: logs_in("ann", "hunter22", fails=True), engine=engine)
    raised = recorded.last("raise").exception
    assert raised is not None
    assert raised.message == "cannot log in with [redacted]"


def test_exempt_names_are_recorded(engine: str) -> None:
    recorded = record(logs_in, "ann", "hunter22", engine=engine, no_redact=("password",))
    assert recorded.events[0].args is not None
    assert recorded.events[0].args["password"]["value"] == "hunter22"


def test_none_and_truth_values_hide_nothing(engine: str) -> None:
    def function(password: Any = None, token: bool = True, secret: Any = "12") -> None:
        return None

    args = record(function, engine=engine).events[0].args
    assert args == {
        "password": {"type": "NoneType", "value": None},
        "token": {"type": "bool", "value": True},
        "secret": {"type": "str", "redacted": True},
    }


@pytest.mark.parametrize(
    "text, masked",
    [
        ("password=abc def", "password=[redacted] def"),
        ("{'api_key': 'abc', 'x': 1}", "{'api_key': '[redacted]', 'x': 1}"),
        ('{"token": "a b c"}', '{"token": "[redacted]"}'),
        ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
        ("passed: 3, author=me", "passed: 3, author=me"),
        ("password=None", "password=None"),
        ("no pairs here", "no pairs here"),
        (
            "x" * 200 + "_password=abc _pwd=def",
            "x" * 200 + "_password=[redacted] _pwd=[redacted]",
        ),
        ("max_tokens=100 token_count: 3", "max_tokens=100 token_count: 3"),
        ("postgres://user:pw@host/db", "postgres://user:[redacted]@host/db"),
        ("url='redis://:p@w@h:1/0', x", "url='redis://:[redacted]@h:1/0', x"),
        (
            "a://u:p@h b+c://v:q@i,d://h:80/x@y",
            "a://u:[redacted]@h b+c://v:[redacted]@i,d://h:80/x@y",
        ),
        ("https://host:80/a?to=me@x.org", "https://host:80/a?to=me@x.org"),
        ("https://user@host/: me@x.org", "https://user@host/: me@x.org"),
    ],
)
def test_pairs_with_the_name_of_a_secret_are_masked_in_text(text: str, masked: str) -> None:
    assert Redactor().mask(text) == masked


def test_secrets_that_were_seen_are_masked_wherever_they_are_printed() -> None:
    redactor = Redactor()
    redactor.remember("hunter22")
    redactor.remember("hunter22-longer")
    redactor.remember("abc")  # too short: it would mask half of every text
    redactor.remember("correcthorse")  # a plain word
    text = "hunter22-longer hunter22 abc correcthorse"
    assert redactor.mask(text) == "[redacted] [redacted] abc correcthorse"


def test_a_text_without_a_secret_is_searched_again_when_one_was_learned() -> None:
    redactor = Redactor()
    assert [redactor.mask("at hunter22") for _ in range(2)] == ["at hunter22"] * 2
    redactor.remember("hunter22")
    assert [redactor.mask("at hunter22") for _ in range(2)] == ["at [redacted]"] * 2
    assert redactor.masked == 2


def test_what_is_known_of_texts_without_a_secret_is_bounded() -> None:
    redactor = Redactor()
    for number in range(20_000):
        redactor.mask(f"line {number}")
    assert len(redactor._clean) < 5_000


def test_what_was_seen_in_one_recording_is_masked_in_the_next() -> None:
    redactor = Redactor()
    redactor.remember("hunter22")
    redactor.begin()
    assert redactor.mask("hunter22") == "[redacted]"
    again = Redactor(learned=redactor.learned)
    assert again.mask("hunter22") == "[redacted]"


def test_a_secret_that_was_seen_is_masked_once_in_a_pair() -> None:
    redactor = Redactor()
    redactor.remember("hunter22")
    assert redactor.mask("password=hunter22 user=ann") == "password=[redacted] user=ann"


def test_a_rule_of_the_user_is_no_count() -> None:
    redactor = Redactor(extra=["token count", "max tokens"], exempt=["pin"])
    assert redactor.is_secret("token_count")
    assert redactor.is_secret("max_tokens")
    assert not redactor.is_secret("pin")


def connects(url: str) -> None:
    print(f"to {url}")
    raise ConnectionError(f"cannot reach {url}")


def test_the_password_of_a_url_is_masked_in_output_and_messages(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgres://ann:hunter22@db.example.org:5432/shop"
    recorded = record(lambda: connects(url), engine=engine)
    assert url in capsys.readouterr().out
    shown = "postgres://ann:[redacted]@db.example.org:5432/shop"
    printed = [event.text["value"] for event in recorded.events if event.text is not None]
    assert printed[0] == f"to {shown}"
    raised = recorded.last("raise").exception
    assert raised is not None
    assert raised.message == f"cannot reach {shown}"
    # In a value it is masked when the trace is packed, and keeps its length.
    calls = [event for event in recorded.events if event.kind == "call"]
    starred = "postgres://ann:********@db.example.org:5432/shop"
    assert calls[-1].args == {"url": {"type": "str", "value": starred}}
