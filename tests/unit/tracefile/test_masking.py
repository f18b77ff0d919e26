"""What is masked when a trace is packed: texts of values and literals, and nothing else."""

import hashlib
from typing import Any

import pytest

from pytest_recorder import testing
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import EVENTS_HEAD, BlockKind
from pytest_recorder.redaction.finder import Finder
from pytest_recorder.redaction.learned import LearnedTexts
from pytest_recorder.redaction.names import NameRules
from pytest_recorder.tracefile import scan
from pytest_recorder.tracefile.block_reader import BlockReader
from pytest_recorder.tracefile.masking import Masker
from pytest_recorder.tracefile.scan import NativeScan, PureScan, Scan
from pytest_recorder.tracefile.texts import text_places


def masker(*texts: str | bytes) -> Masker:
    learned = LearnedTexts()
    for text in texts:
        learned.learn(text)
    return Masker(Finder(NameRules(), learned))


def harmless() -> Any:
    first = "before hunter2000 after"
    second = b"hunter2000"
    third = {"hunter2000": ["x", ("grüße-9000", "hunter2000" * 40)]}
    fourth = "https://h/?access_token=secret-one"
    return first, second, third, fourth


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> tuple[DefinitionTables, bytes]:
    folder = tmp_path_factory.mktemp("trace")
    recorded = testing.record(harmless, folder=folder, no_redact=("token",), include=[__file__])
    tables, events = DefinitionTables(), b""
    with open(recorded.path, "rb") as file:
        reader = BlockReader(file)
        for place in reader.walk():
            if place.kind == BlockKind.DEFINITIONS:
                tables.feed(reader.read(place))
            elif place.kind == BlockKind.EVENTS:
                events += reader.read(place)[EVENTS_HEAD.size :]
    return tables, events


def scans(tables: DefinitionTables) -> list[Scan]:
    native = scan._NATIVE
    made: list[Scan] = [PureScan(tables)]
    return made if native is None else [*made, NativeScan(native, tables)]


def test_both_scans_lead_to_the_same_bytes(block: tuple[DefinitionTables, bytes]) -> None:
    tables, data = block
    found = []
    for one in scans(tables):
        hides = masker("hunter2000", "grüße-9000")
        one.watch(hides.starts)
        one.feed(data, 0)
        found.append(hides.events(data, one.take_hits()))
        assert one.take_hits() == []
    assert len({*found}) == 1
    (shown, *_) = found
    assert len(shown) == len(data)
    assert data.count(b"hunter2000") > 20
    assert b"hunter2" not in shown
    assert b"access_token=**********" in shown
    assert text_places(shown) == text_places(data)


def test_nothing_is_touched_where_nothing_is_secret(
    block: tuple[DefinitionTables, bytes],
) -> None:
    tables, data = block
    hides = Masker(Finder(NameRules((), ("access token", "token")), LearnedTexts()))
    for one in scans(tables):
        one.watch(hides.starts)
        one.feed(data, 0)
        assert hides.events(data, one.take_hits()) is data


def test_a_scan_that_watches_for_nothing_finds_nothing(
    block: tuple[DefinitionTables, bytes],
) -> None:
    tables, data = block
    for one in scans(tables):
        one.watch([])
        one.feed(data, 0)
        assert one.take_hits() == []


@pytest.mark.skipif(scan._NATIVE is None, reason="the scan in C is not built")
@pytest.mark.parametrize(
    "given", [[(b"ab", False)], [(b"a" * 17, False)], [("abc", 1)], [1], "x"]
)
def test_the_scan_in_c_takes_no_start_that_it_cannot_look_for(given: Any) -> None:
    assert scan._NATIVE is not None
    one = NativeScan(scan._NATIVE, DefinitionTables())
    with pytest.raises((ValueError, TypeError)):
        one.watch(given)
    one.feed(b"", 0)
    assert one.take_hits() == []


@pytest.mark.parametrize("word", ["pw", "password", "otp", "api", "hunter20", "bearer"])
@pytest.mark.parametrize("before", range(4))
def test_a_start_is_found_wherever_and_in_whatever_case_it_stands(
    word: str, before: int
) -> None:
    hides = masker("hunter2000")
    text = " " * before + word.upper() + "=1234567"
    starts = [
        start
        for start, needs in hides.starts
        if start in text.lower().encode() and (not needs or "=" in text)
    ]
    assert starts


def test_a_source_is_masked_once_and_again_when_more_is_known() -> None:
    learned = LearnedTexts()
    hides = Masker(Finder(NameRules(), learned))
    source = b"x = 'hunter2000'\ny = 'hunter2001'\npassword = 'hunter2002'\nz = 'hunter2002'\n"
    digest = hashlib.sha256(source).digest()
    new, text = hides.source(digest, source)
    assert text == source.replace(b"hunter2002", b"*" * 10)
    assert new == hashlib.sha256(text).digest()
    assert hides.source(digest, source)[1] is text
    learned.learn("hunter2000")
    new, text = hides.source(digest, source)
    assert text == source.replace(b"hunter2002", b"*" * 10).replace(b"hunter2000", b"*" * 10)
    assert new == hashlib.sha256(text).digest()
    assert hides.definitions(b"<" + digest + b">", {digest: source}) == b"<" + new + b">"
    assert hides.sources({digest: source}) == {new: text}


def test_a_source_without_secrets_keeps_its_digest() -> None:
    source = b"x = 1\n"
    digest = hashlib.sha256(source).digest()
    assert masker("hunter2000").source(digest, source) == (digest, source)


def test_messages_of_the_index_keep_their_length() -> None:
    assert masker("hunter2000").text("no hunter2000!") == "no **********!"


@pytest.mark.parametrize(
    "test, is_secret",
    [
        ("test_a.py::test_b[hunter2000]", True),
        ("test_a.py::test_b[x-hunter2000-y]", True),
        ("test_a.py::test_b[gr\\xfc\\xdfe-9000]", True),
        ("test_a.py::test_b[\\xff\\xfe-9000-x]", True),
        ("test_a.py::test_b[ghp_0123456789abcdefABCD]", True),
        ("test_a.py::test_b[hunter]", False),
        ("test_a.py::test_password[a\\x]", False),
    ],
)
def test_an_id_holds_a_secret_also_where_pytest_has_escaped_it(
    test: str, is_secret: bool
) -> None:
    hides = masker("hunter2000", "grüße-9000", b"\xff\xfe-9000-x")
    assert hides.is_in_id(test) is is_secret
