"""Makes ratios, medians and multiples of what was measured; knows no tool and no file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

LEAST_OVERHEAD = 0.1
"""Below it an overhead is noise, 5 % either way, and a multiple of it says nothing."""


@dataclass(frozen=True)
class Sample:
    """One measurement: seconds of CPU but for `wall_s`, bytes."""

    start_s: float
    run_s: float
    stop_s: float
    peak_bytes: int
    written_bytes: int = 0
    events: int | None = None
    dropped: int = 0
    hot_path: str = ""
    wall_s: float = 0.0  # of the whole process, where it was taken

    @property
    def total_s(self) -> float:
        return self.start_s + self.run_s + self.stop_s


@dataclass
class Cell:
    """One tool on one workload: its samples beside the untraced ones, round by round."""

    scale: float = 0.0
    pairs: list[tuple[Sample, Sample]] = field(default_factory=list)
    problem: str = ""

    def add(self, traced: Sample, untraced: Sample) -> None:
        self.pairs.append((traced, untraced))

    @property
    def ratio(self) -> float | None:
        """All CPU time, saving included, over that of the untraced run of the same round."""
        return middle(traced.total_s / plain.run_s for traced, plain in self.pairs)

    @property
    def ratio_running(self) -> float | None:
        """The same without starting and stopping."""
        return middle(traced.run_s / plain.run_s for traced, plain in self.pairs)

    @property
    def ratio_started(self) -> float | None:
        """The same with stopping, but without starting."""
        return middle(
            (traced.run_s + traced.stop_s) / plain.run_s for traced, plain in self.pairs
        )

    @property
    def spread(self) -> tuple[float, float] | None:
        ratios = [traced.total_s / plain.run_s for traced, plain in self.pairs]
        return (min(ratios), max(ratios)) if ratios else None

    @property
    def memory_bytes(self) -> float | None:
        """Peak memory above that of the untraced run."""
        return middle(traced.peak_bytes - plain.peak_bytes for traced, plain in self.pairs)

    @property
    def written_bytes(self) -> float | None:
        return middle(traced.written_bytes for traced, _ in self.pairs)

    @property
    def bytes_per_event(self) -> float | None:
        return middle(
            traced.written_bytes / traced.events for traced, _ in self.pairs if traced.events
        )

    @property
    def added_s(self) -> float | None:
        """CPU time above that of the untraced run of the same round."""
        return middle(traced.total_s - plain.run_s for traced, plain in self.pairs)

    @property
    def ns_per_event(self) -> float | None:
        return middle(
            (traced.run_s - plain.run_s) / traced.events * 1e9
            for traced, plain in self.pairs
            if traced.events
        )

    @property
    def dropped(self) -> int:
        return max((traced.dropped for traced, _ in self.pairs), default=0)

    @property
    def hot_path(self) -> str:
        return self.pairs[-1][0].hot_path if self.pairs else ""


def middle(values: Iterable[float]) -> float | None:
    """Give the median, None of nothing."""
    listed = list(values)
    return median(listed) if listed else None


def multiple(overhead_of: float | None, overhead_of_other: float | None) -> float | None:
    """Give how many times the overhead of the other the overhead of one is, both as ratios."""
    if overhead_of is None or overhead_of_other is None:
        return None
    if overhead_of_other - 1 < LEAST_OVERHEAD:
        return None
    return (overhead_of - 1) / (overhead_of_other - 1)


def choose_scale(
    fixed_s: float, linear_s: float, probed: float, ladder: Sequence[float], budget_s: float
) -> float:
    """Give the largest scale at which one measurement is expected to stay within the budget.

    `linear_s` is what the probe at scale `probed` took for the work, `fixed_s` what it took
    besides. The smallest scale is given where none would do.
    """
    for scale in sorted(ladder, reverse=True):
        if fixed_s + linear_s * scale / probed <= budget_s:
            return scale
    return min(ladder)
