"""The clock that nobody sets, and how a time is worded."""

import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.system import clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


@given(st.integers((_FIRST - _EPOCH).days, (_LAST - _EPOCH).days))
def test_a_day_is_that_of_datetime(days: int) -> None:
    day = _EPOCH + timedelta(days=days)
    assert clock.date_of(days) == (day.year, day.month, day.day)


@given(st.integers(0, 200_000_000_000), st.integers(0, 999_999))
def test_a_time_is_worded_as_datetime_does(seconds: int, micros: int) -> None:
    at = _EPOCH + timedelta(seconds=seconds, microseconds=micros)
    ns = (seconds * 1_000_000 + micros) * 1000
    assert clock.utc_text(ns, 6, zone="+00:00") == at.isoformat(timespec="microseconds")
    assert clock.utc_text(ns, 3, zone="+00:00") == at.isoformat(timespec="milliseconds")


def test_the_wall_is_that_of_the_system() -> None:
    assert abs(clock.wall_ns() - time.time_ns()) < 2_000_000_000


def test_no_time_is_before_another() -> None:
    looks = [clock.wall_ns() for _ in range(1000)]
    assert looks == sorted(looks)
