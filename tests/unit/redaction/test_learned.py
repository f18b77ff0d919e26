"""Which texts are learned, and where they are found again."""

from typing import Any

import pytest

from pytest_recorder.redaction.learned import LONGEST, MOST, LearnedTexts, is_plain
from pytest_recorder.redaction.names import NameRules


class Text(str):
    """A string whose methods must not be called."""

    __slots__ = ()

    def __getitem__(self, _: Any) -> str:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError

    def encode(self, *_: Any) -> bytes:
        raise AssertionError


@pytest.mark.parametrize(
    "text",
    [
        *("hunter22", "hunter2000", "s3cr3t-value", "12345678", "AbCdEfGhIjKl", "pa$$word"),
        *(
            "ghp_0123456789",
            "a+b+c+d+e",
            "MIIEvQIBADANBgkq9w0",
            "deadbeef0123",
            "x" * 4 + "é!12",
        ),
        "user:pw@host",
    ],
)
def test_a_text_that_is_hardly_anything_else_is_learned(text: str) -> None:
    learned = LearnedTexts()
    learned.learn(text)
    assert list(learned.texts) == [text.encode()]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "short1!",
            "correcthorse",
            "correct horse battery",
            "user_id_1",
            "getHTTPResponse",
        ),
        *(
            "tests/data/keys.json",
            "/tmp/x-81/abc123",
            "C:\\keys\\a9.pem",
            "./a1/b22",
            "2024-05-01",
        ),
        *(
            "2024-05-01T10:00:00Z",
            "https://example.com/login",
            "package.module.name",
            "überlängen",
        ),
    ],
)
def test_a_plain_word_an_identifier_or_a_path_is_not(text: str) -> None:
    learned = LearnedTexts()
    learned.learn(text)
    assert not learned.texts


def test_only_texts_and_bytes_are_learned_and_no_method_of_theirs_is_called() -> None:
    learned = LearnedTexts()
    for value in (12345678, ["hunter22"], None, 1.5, object()):
        learned.learn(value)
    assert not learned.texts
    learned.learn(Text("hunter22"))
    learned.learn(b"hunter23")
    learned.learn(bytearray(b"hunter24"))
    assert list(learned.texts) == [b"hunter22", b"hunter23", b"hunter24"]


@pytest.mark.parametrize(
    "text, part",
    [
        ("Bearer abc123def456", "abc123def456"),
        ("sid=abc123def456; theme=dark", "abc123def456"),
        ("Server=db;Password=hunter2000;", "hunter2000"),
        ("postgresql://ann:hunter2000@db/shop", "hunter2000"),
        (
            "-----BEGIN KEY-----\nMIIEvQIBADANBgkq81\n-----END KEY-----",
            "MIIEvQIBADANBgkq81",
        ),
    ],
)
def test_what_is_used_by_itself_of_a_text_is_learned_too(text: str, part: str) -> None:
    learned = LearnedTexts()
    learned.learn(text)
    assert {text.encode(), part.encode()} == set(learned.texts)


def test_the_number_and_the_size_of_texts_are_bounded_and_what_is_in_use_stays() -> None:
    learned = LearnedTexts()
    learned.learn("first-one-1!")
    for number in range(MOST - 1):
        learned.learn(f"secret-{number}!")
    learned.learn("first-one-1!")
    learned.learn("one-more-1!")
    assert len(learned.texts) == MOST
    assert b"first-one-1!" in learned.texts
    assert b"secret-0!" not in learned.texts
    learned.learn("9!" * LONGEST)
    assert max(map(len, learned.texts)) == LONGEST


def test_the_environment_is_learned_by_the_names_of_its_variables() -> None:
    learned = LearnedTexts()
    environ = {
        "API_TOKEN": "hunter2000",
        "PATH": "/usr/bin9:/bin",
        "SSH_AUTH_SOCK": "/tmp/ssh-9x/agent.12",
        "PASSWORD": "short",
        "OTHER": "hunter2001",
    }
    learned.learn_environment(environ, NameRules())
    assert list(learned.texts) == [b"hunter2000"]
    assert learned.fresh == []
    learned.learn("hunter2002")
    assert learned.fresh == [b"hunter2002"]
    learned.renew()
    assert learned.fresh == [b"hunter2002"]


def test_a_text_is_found_wherever_it_stands_and_where_it_was_cut() -> None:
    learned = LearnedTexts()
    learned.learn("hunter2000-longer")
    learned.learn("grüße-9000")
    assert learned.spans("x hunter2000-longer hunter2000-longer") == [(2, 19), (20, 37)]
    assert learned.spans("x hunter2000-lo") == []
    assert learned.spans("x hunter2000-lo", is_cut=True) == [(2, 15)]
    assert learned.spans("x hunter2", is_cut=True) == []  # fewer than eight characters
    assert learned.spans("grüße-9000") == [(0, 10)]
    data = "grüße-9000".encode()
    assert learned.spans(data.decode("latin-1"), is_bytes=True) == [(0, 12)]


def test_a_text_is_told_from_those_before_by_its_version() -> None:
    learned = LearnedTexts()
    learned.learn("hunter2000")
    version = learned.version
    learned.learn("hunter2000")
    assert learned.version == version
    learned.learn("hunter2001")
    assert learned.since(version) == [b"hunter2001"]
    assert learned.since(learned.version) == []


@pytest.mark.parametrize("size", [10, 10_000])
def test_long_texts_of_one_kind_are_looked_at_in_no_time(size: int) -> None:
    # A pattern that tries again from each character would not come to an end.
    texts = {"a": True, "a1": False, "/": True, "aB": False, "_": True, " ": True}
    assert {text: is_plain(text * size) for text in texts} == texts
