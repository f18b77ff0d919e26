"""Tells the time, whatever the program under test has done to its clocks.

PYTEST_DONT_REWRITE

Problem: freezegun replaces the functions, time-machine what they do, a test can set the clock of
the machine, and it goes back by itself. What we do: the wall is looked at once, when the package is
imported; the time since then is that of a clock which nobody sets. So no time is before another,
and none is of another year. What can still go wrong: a machine whose clock is put right while
tests run is told by what it said before; where the package is first imported in a world with a
false clock that is not freezegun's nor time-machine's, the start is false, and the times between
are true.
"""

from functools import lru_cache

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import CLOCKS

_DAY_S = 86_400
_DAYS_TO_1970 = 719_468
"""From the first of March of the year 0."""
_DAYS_OF_400_YEARS = 146_097


def wall_ns() -> int:
    """Give the time of the wall: nanoseconds since 1970, UTC. Never goes back."""
    return CLOCKS.wall_ns + CLOCKS.steady_ns() - CLOCKS.wall_at_ns


def elapsed_ns() -> int:
    """Give nanoseconds since some moment, to measure by. Never goes back."""
    return CLOCKS.perf_counter_ns()


def utc_text(at_ns: int, digits: int, *, zone: str = "Z") -> str:
    """Word a time as RFC 3339 has it, in UTC, with so many digits (3, 6) after the seconds."""
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    days, second = divmod(seconds, _DAY_S)
    year, month, day = date_of(days)
    hour, minute = divmod(second // 60, 60)
    fraction = f"{rest_ns:09}"[:digits]
    clock = f"{hour:02}:{minute:02}:{second % 60:02}.{fraction}"
    return f"{year:04}-{month:02}-{day:02}T{clock}{zone}"


@lru_cache(maxsize=1)
def date_of(days: int) -> tuple[int, int, int]:
    """Give year, month and day of a number of days since 1970-01-01.

    By Howard Hinnant's `civil_from_days` (https://howardhinnant.github.io/date_algorithms.html):
    the year begins in March, so that the odd day is its last.
    """
    era, day_of_era = divmod(days + _DAYS_TO_1970, _DAYS_OF_400_YEARS)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    return era * 400 + year_of_era + (month <= 2), month, day
