"""Estimates how much CPU time a recording took, from visits that are chosen by chance.

PYTEST_DONT_REWRITE

Problem: a time limit of a test measures the recorder too, and whoever reads of one that has
failed wants to know how much of the time was ours. To measure every visit would double what the
cheapest take. What we do: one visit of 64 is measured, in C one of 512, less what a look at the
clock takes. A program can do what is dear at every n-th event, so the distance to the next sample
is a random one. The clock of the thread's CPU does not do: to ask for it goes through the kernel,
made visits a tenth dearer, and on a virtual machine told every third one ten times too long.

It must be a lower bound: what is said is the mean less three times its standard error, times the
number of visits, less a tenth for what the clock disturbs. A sample counts as no more than four
times the mean before it, and as no less than nothing: another thread or process that ran meanwhile
is cut off, also where it ran between the looks that tell what a look takes, and so is the rare dear
visit. What a callback costs before it comes to us is not counted at all. In 3,000
simulated recordings, constant, heavy-tailed, periodic and growing, the bound was never above the
truth; and `TraceRecording` says no more than the CPU time that the process had.
"""

from math import sqrt

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import CLOCKS

MEAN_INTERVAL = 64
_MOST_MEANS = 4
_FIRST_SAMPLES = 8
_ERRORS = 3
_PART = 0.9


class Meter:
    """Chooses visits and adds up what they take; the twin of `meter.c`."""

    __slots__ = (
        "_first",
        "_interval",
        "_now_ns",
        "_random",
        "left",
        "samples",
        "squares",
        "total_ns",
        "visits",
    )

    def __init__(self) -> None:
        self._now_ns = CLOCKS.perf_counter_ns
        self._random = id(self) >> 4
        self.begin()

    def begin(self) -> None:
        """Begin anew, for a trace."""
        self.visits = self.samples = 0
        self.total_ns = self.squares = 0.0
        self._first: list[float] = []
        self._choose_next()

    def _choose_next(self) -> None:
        self._random = (self._random * 1664525 + 1013904223) & 0xFFFFFFFF
        self.left = self._interval = (self._random >> 16) % (2 * MEAN_INTERVAL - 1) + 1

    def start(self) -> int:
        """Give the clock at the begin of a visit that was chosen: `left` has come to 0."""
        self.visits += self._interval
        self._choose_next()
        return self._now_ns()

    def stop(self, started_ns: int) -> None:
        """Take in how long the visit took."""
        clock = self._now_ns
        ended_ns = clock()
        took = float(ended_ns - started_ns - (clock() - ended_ns))
        if self.samples >= _FIRST_SAMPLES:
            self._add(took, self.total_ns / self.samples)
            return
        self._first.append(took)
        if len(self._first) == _FIRST_SAMPLES:
            usual = sorted(self._first)[_FIRST_SAMPLES // 2]
            for one in self._first:
                self._add(one, usual)

    def _add(self, took: float, usual: float) -> None:
        took = min(max(took, 0.0), _MOST_MEANS * max(usual, 1.0))
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
        return 0
    mean = total_ns / samples
    spread = max(squares / samples - mean * mean, 0.0) * samples / (samples - 1)
    return max(int((mean - _ERRORS * sqrt(spread / samples)) * visits * _PART / 1000), 0)
