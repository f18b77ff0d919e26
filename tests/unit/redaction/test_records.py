"""What a spool says of secrets, whatever stands in it."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.engine.redact import Redactor
from pytest_recorder.redaction.names import EVERYTHING, OPEN, TEXTS
from pytest_recorder.redaction.records import read_records


def test_rules_and_texts_are_read_as_they_were_told() -> None:
    told: list[bytes] = []
    redactor = Redactor(["salary"], ["cookie"])
    redactor.remember("hunter2000")
    redactor.keep_in(told.append)
    redactor.remember(b"\xff\xfe-9000-9000")
    redactor.tell()
    rules, learned = read_records(b"".join(told))
    assert rules.level("salary") == EVERYTHING
    assert rules.level("cookie") == OPEN
    assert rules.level("password") == TEXTS
    assert list(learned.texts) == [b"hunter2000", b"\xff\xfe-9000-9000"]


def test_a_second_spool_is_told_all() -> None:
    redactor = Redactor()
    redactor.keep_in(lambda _: None)
    redactor.remember("hunter2000")
    redactor.tell()
    told: list[bytes] = []
    redactor.keep_in(told.append)
    assert list(read_records(b"".join(told))[1].texts) == [b"hunter2000"]


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    read_records(data)


@given(st.integers(0, 60))
def test_a_cut_one_is_read_up_to_there(size: int) -> None:
    told: list[bytes] = []
    redactor = Redactor(["salary"])
    redactor.remember("hunter2000")
    redactor.keep_in(told.append)
    rules, learned = read_records(b"".join(told)[:size])
    assert set(learned.texts) <= {b"hunter2000"}
    assert rules.level("salary") in (OPEN, EVERYTHING)
