"""JSON by the standard library: what is written, and what is refused when it is read."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.errors import TargetError
from pytest_recorder.system import json_text

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
SURROGATE = "a\udc80b"


@given(PLAIN)
def test_plain_data_is_written_so_that_every_reader_gives_it_back(value: Any) -> None:
    for made in (
        json_text.encode(value),
        json_text.encode_ascii(value),
        json_text.encode_indented(value),
    ):
        assert json_text.decode(made) == json.loads(made) == orjson.loads(made) == value


@given(st.dictionaries(st.text(), PLAIN))
def test_compact_and_indented_text_have_the_form_of_orjson(value: Any) -> None:
    # Floats may be written with another exponent.
    plain = json.loads(json.dumps(value), parse_float=lambda _: 0)
    assert json_text.encode(plain) == orjson.dumps(plain)
    indented = orjson.dumps(plain, option=orjson.OPT_INDENT_2) + b"\n"
    assert json_text.encode_indented(plain) == indented


def test_a_lone_surrogate_is_no_reason_to_fail() -> None:
    assert orjson.loads(json_text.encode({SURROGATE: [SURROGATE]})) == {"a?b": ["a?b"]}
    assert orjson.loads(json_text.encode_indented([SURROGATE])) == ["a?b"]
    assert json_text.decode_ascii(json_text.encode_ascii(SURROGATE)) == SURROGATE


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[1,]", b"\xff", b"[NaN]", b"[-Infinity]", b'"\\ud800"'),
        *(b'{"a": {"\\udc80": 1}}', b"1" * 30, b"-" + b"1" * 30, b"1" * 5000),
        *(b"[" * 100_000, b'{"a":' * 100_000),
    ],
    ids=lambda data: data[:12].decode("latin-1"),
)
def test_what_no_reader_of_ours_takes_is_refused(data: bytes) -> None:
    with pytest.raises(TargetError, match="ERR_TRACE_CORRUPT"):
        json_text.decode(data)


def test_writing_and_reading_need_nothing_that_a_test_can_patch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("dumps", "loads", "JSONEncoder", "JSONDecoder"):
        monkeypatch.setattr(json, name, refuse)
    monkeypatch.setattr(json.encoder, "encode_basestring", refuse)
    monkeypatch.setattr(json.encoder, "c_make_encoder", refuse)
    monkeypatch.setattr(json.decoder, "scanstring", refuse)
    assert json_text.decode(json_text.encode({"é": [1.5]})) == {"é": [1.5]}
    assert json_text.encode_indented([1]) == b"[\n  1\n]\n"
