"""What is masked in a source: secrets in literals and comments, at equal length."""

import pytest

from pytest_recorder.redaction.finder import Finder
from pytest_recorder.redaction.learned import LearnedTexts
from pytest_recorder.redaction.literals import mask_literals
from pytest_recorder.redaction.names import NameRules


def masked(source: str) -> str:
    learned = LearnedTexts()
    for text in ("hunter2000", "line-1!\nline-2!", "a+b+c+d+e", "grüße-9000"):
        learned.learn(text)
    return mask_literals(source.encode(), Finder(NameRules(), learned).spans).decode()


@pytest.mark.parametrize(
    "source, shown",
    [
        ("x = 'hunter2000'\n", "x = '**********'\n"),
        ('x = b"a hunter2000"', 'x = b"a **********"'),
        ("x = '''\nhunter2000\n''' + 'b'", "x = '''\n**********\n''' + 'b'"),
        ('x = """line-1!\nline-2!"""', 'x = """*******\n*******"""'),
        ("# hunter2000\ny = 1", "# **********\ny = 1"),
        ("x = 'it\\'s hunter2000'", "x = 'it\\'s **********'"),
        ("f('a') + f'hunter2000{x}'", "f('a') + f'**********{x}'"),
        ("x = 'grüße-9000'", "x = '**\u00d7\u00d7******'"),
        ("u = 'db://u:pw@h'", "u = 'db://u:**@h'"),
        ("s = 'a=1;Password=q;'", "s = 'a=1;Password=*;'"),
        ("s = f'password={password} pwd={x!r}'", "s = f'password={password} pwd={x!r}'"),
        ("h = f'Authorization: Basic {x}'", "h = f'Authorization: ******{x}'"),
    ],
)
def test_literals_and_comments_are_masked(source: str, shown: str) -> None:
    assert masked(source) == shown


@pytest.mark.parametrize(
    "source",
    [
        *("a+b+c+d+e", "login(password='short')", "password = get('x')", "TOKEN = 'IDENT'"),
        *("'unfinished", '"""unfinished', "x = 'it is' # it's", "", "'\\"),
    ],
)
def test_code_and_what_is_no_secret_stays(source: str) -> None:
    assert masked(source) == source


def test_a_source_in_another_encoding_is_masked_byte_by_byte() -> None:
    learned = LearnedTexts()
    learned.learn("hunter2000")
    source = "x = 'é hunter2000'".encode("latin-1")
    shown = mask_literals(source, Finder(NameRules(), learned).spans)
    assert shown == "x = 'é **********'".encode("latin-1")


def test_a_source_without_secrets_is_the_same_object() -> None:
    source = b"x = 'nothing'\n"
    assert mask_literals(source, Finder(NameRules(), LearnedTexts()).spans) is source
