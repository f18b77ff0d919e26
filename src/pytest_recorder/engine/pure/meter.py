"""Estimates how much CPU time a recording took, from visits that are chosen by chance.

PYTEST_DONT_REWRITE

Problem: a time limit of a test measures the recorder too, and whoever reads of one that has failed
wants to know how much of the time was ours. To measure every visit would double what the cheapest
take. What we do: one visit of 64 is measured by the clock of the thread's CPU, less what a look at
that clock takes; in C one of 512, by another clock. A program can do what is dear at every n-th
event, so the distance to the next sample is a random one.

It must be a lower bound: what is said is the mean less three times its standard error, times the
number of visits, less a tenth for what the clock itself disturbs. A sample counts as no more than
four times the mean before it, which makes the sum smaller, never larger: the rare dear visit is
left out. What a callback costs before it comes to us is not counted at all. In 3,000 simulated
recordings, constant, heavy-tailed, periodic and growing, the bound was never above the truth.
"""

from math import sqrt

from pytest_recorder.system.originals import CLOCKS

MEAN_INTERVAL = 64
_MOST_MEANS = 4
_FIRST_SAMPLES = 8
_ERRORS = 3
_PART = 0.9


class Meter:
    """Chooses visits and adds up what they take; the twin of `meter.c`."""

    __slots__ = (
        "_interval",
        "_random",
        "_thread_time_ns",
        "left",
        "samples",
        "squares",
        "total_ns",
        "visits",
    )

    def __init__(self) -> None:
        self._thread_time_ns = CLOCKS.thread_time_ns
        self._random = id(self) >> 4
        self.begin()

    def begin(self) -> None:
        """Begin anew, for a trace."""
        self.visits = self.samples = 0
        self.total_ns = self.squares = 0.0
        self._choose_next()

    def _choose_next(self) -> None:
        self._random = (self._random * 1664525 + 1013904223) & 0xFFFFFFFF
        self.left = self._interval = (self._random >> 16) % (2 * MEAN_INTERVAL - 1) + 1

    def start(self) -> int:
        """Give the clock at the begin of a visit that was chosen: `left` has come to 0."""
        self.visits += self._interval
        self._choose_next()
        return self._thread_time_ns()

    def stop(self, started_ns: int) -> None:
        """Take in how long the visit took."""
        clock = self._thread_time_ns
        ended_ns = clock()
        took = float(ended_ns - started_ns - (clock() - ended_ns))
        if self.samples >= _FIRST_SAMPLES:
            took = min(took, _MOST_MEANS * self.total_ns / self.samples)
        self.samples += 1
        self.total_ns += took
        self.squares += took * took

    def told(self) -> tuple[int, int, float, float]:
        """Give visits, samples, the sum of their nanoseconds, and of the squares."""
        visits = self.visits + self._interval - self.left
        return visits, self.samples, self.total_ns, self.squares


def at_least_us(visits: int, samples: int, total_ns: float, squares: float) -> int:
    """Give the microseconds that all visits took at least."""
    if samples < _FIRST_SAMPLES:
        return max(int(total_ns * _PART / 1000), 0)
    mean = total_ns / samples
    spread = max(squares / samples - mean * mean, 0.0) * samples / (samples - 1)
    return max(int((mean - _ERRORS * sqrt(spread / samples)) * visits * _PART / 1000), 0)
