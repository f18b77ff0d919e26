"""JSON by the parts in C."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.errors import InternalError, TargetError
from pytest_recorder.system import plain_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_what_json_writes(value: object) -> None:
    assert plain_json.dumps(value) == json.dumps(value, separators=(",", ":"))
    assert plain_json.dumps(value, indent=2) == json.dumps(value, indent=2)


@given(VALUES)
def test_what_was_written_is_read_again(value: object) -> None:
    assert plain_json.loads(plain_json.dumps(value, indent=2)) == value


@pytest.mark.parametrize(
    "text", ["", " ", "{", "[1", "nul", "1 2", b"\xff", b'{"a": 1}x', "[" * 100_000]
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(TargetError, match="no JSON"):
        plain_json.loads(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(InternalError, match="float"):
        plain_json.dumps([value])


@pytest.mark.parametrize("value", [{1}, {1: 2}, object(), b""])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(InternalError, match="JSON has no"):
        plain_json.dumps(value)


def test_a_text_that_is_no_text_is_escaped() -> None:
    assert plain_json.dumps("\udc80") == '"\\udc80"'
