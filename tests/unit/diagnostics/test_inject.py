"""What `PYTEST_RECORDER_INJECT` may say, and how hits are counted."""

import errno
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.diagnostics import inject
from pytest_recorder.errors import ErrorCode, InternalError, TargetError, UsageError


def asked(text: str) -> inject.Injector:
    return inject.of_environment({inject.VARIABLE: text})


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_asks_for_nothing(text: str) -> None:
    assert asked(text) is inject.NONE
    assert not asked(text).is_armed()


@given(
    st.dictionaries(
        st.sampled_from(inject.STAGES), st.integers(1, 10**8) | st.none(), min_size=1
    )
)
def test_what_is_asked_for_is_what_fires(due: dict[str, int | None]) -> None:
    text = " , ".join(stage if n is None else f"{stage} : {n}" for stage, n in due.items())
    injector = asked(text)
    assert injector._due == {stage: n or 1 for stage, n in due.items()}
    assert all(injector.is_armed(stage) == (stage in due) for stage in inject.STAGES)
    assert injector.concerns_events == bool(due.keys() & inject.EVENT_STAGES)


@pytest.mark.parametrize(
    "text", ["boom", "line:0", "line:-1", "line:x", "line:", "line,,panic", ":1", "line:²", ","]
)
def test_a_bad_value_names_variable_value_and_stages(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"bad value {text!r} for")) as caught:
        asked(text)
    assert caught.value.code is ErrorCode.INVALID_OPTION
    assert inject.VARIABLE in caught.value.message
    assert all(stage in caught.value.message for stage in inject.STAGES)


def test_a_fault_fires_at_its_hit_once_until_the_next_recording() -> None:
    injector = asked("line:3")
    for _ in range(2):
        assert [injector.is_due("line") for _ in range(6)] == [
            *(False, False, True),
            *(False, False, False),
        ]
        assert not injector.is_due("panic")
        injector.rearm()


@pytest.mark.parametrize(
    "stage, kind, number",
    [
        ("start", OSError, errno.EACCES),
        ("py_start", InternalError, None),
        ("line", InternalError, None),
        ("return", InternalError, None),
        ("target-args", TargetError, None),
        ("panic", RuntimeError, None),
        ("spool-full", OSError, errno.ENOSPC),
        ("write-enospc", OSError, errno.ENOSPC),
        ("write-eio", OSError, errno.EIO),
        ("pack", RuntimeError, None),
        ("rename", OSError, errno.EACCES),
        ("finish", InternalError, None),
        ("flush", OSError, errno.EIO),
        ("log-write", OSError, errno.EIO),
    ],
)
def test_a_stage_fails_like_the_real_thing(
    stage: str, kind: type[Exception], number: int | None
) -> None:
    with pytest.raises(kind, match=f"injected failure at stage '{stage}'") as caught:
        asked(stage).at(stage)
    assert getattr(caught.value, "errno", None) == number


def test_every_stage_is_tested_above_but_the_one_that_raises_nothing() -> None:
    marks = test_a_stage_fails_like_the_real_thing.pytestmark  # type: ignore[attr-defined]
    tested = {row[0] for row in marks[0].args[1]}
    assert tested == set(inject.STAGES) - {"suppress-events"}


def test_suppression_lasts_until_the_next_recording() -> None:
    injector = asked("suppress-events:2")
    assert [injector.event("line") for _ in range(4)] == [True, False, False, False]
    injector.rearm()
    assert injector.event()


def test_a_file_fails_at_the_write_that_was_asked_for_and_is_plain_otherwise() -> None:
    plain = io.BytesIO()
    assert asked("rename").file(plain) is plain
    file = asked("write-eio:2").file(plain)
    assert file.write(b"ab") == 2
    with pytest.raises(OSError, match="Input/output error") as caught:
        file.write(b"c")
    assert caught.value.errno == errno.EIO
    assert file.write(b"d") == 1
    assert (file.tell(), plain.getvalue()) == (3, b"abd")
