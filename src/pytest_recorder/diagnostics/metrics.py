"""Counts what the recorder did, lost and hid, and sends the counts to whoever wants them.

Counts are made where they cost nothing: the spool and the hot path have them at the end of a
recording, and the rest happens rarely. A `Tally` holds them; it goes to a sink between two
recordings, never inside a callback. A sink is code of the user's: what it raises is contained, told
once, and it gets nothing more.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from pytest_recorder.diagnostics.guard import failure_of, text_of
from pytest_recorder.errors import ErrorCode, RecorderError, enverr
from pytest_recorder.original_builtins import __builtins__


class Counter(NamedTuple):
    """One thing that is counted. `labels` are the names of what tells its counts apart."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ()


TRACES: Final = Counter(
    "traces",
    "trace",
    "Recordings that ended, by what became of the trace",
    ("result", "status"),
)
RECORDED_EVENTS: Final = Counter(
    "recorded_events", "event", "Events recorded, those of traces that were not kept included"
)
WRITTEN_EVENTS: Final = Counter("written_events", "event", "Events in the traces written")
WRITTEN_BYTES: Final = Counter("written_bytes", "By", "Size of the traces written")
DROPPED_EVENTS: Final = Counter(
    "dropped_events", "event", "Events that are missing in a recording", ("reason",)
)
DETACHES: Final = Counter(
    "detaches", "detach", "Recordings that were ended early", ("reason", "code")
)
FAULTS: Final = Counter(
    "faults", "fault", "Exceptions of the recorder's own that were caught", ("callback",)
)
REDACTIONS: Final = Counter(
    "redactions", "redaction", "Values and texts that were hidden as secrets", ("kind",)
)
SINK_FAILURES: Final = Counter(
    "sink_failures", "failure", "Sinks of metrics that failed and were dropped", ("sink",)
)
COUNTERS: Final = (
    TRACES,
    RECORDED_EVENTS,
    WRITTEN_EVENTS,
    WRITTEN_BYTES,
    DROPPED_EVENTS,
    DETACHES,
    FAULTS,
    REDACTIONS,
    SINK_FAILURES,
)
_BY_NAME: Final = {counter.name: counter for counter in COUNTERS}


class RecorderMetrics(Protocol):
    """A sink of counts. What is not overridden does nothing.

    Both methods are called by one thread at a time, outside of all callbacks, while nothing is
    recorded. An exception that leaves one of them ends the use of the sink.
    """

    def add(self, counter: Counter, amount: int, labels: Mapping[str, str]) -> None:
        """Take `amount` (1 or more) more of a counter; `labels` has all names of `counter.labels`.

        Called after each recording, or at the end of a run for what its workers counted.
        """

    def flush(self) -> None:
        """Bring out what was added: the run, or a session of the API, has ended."""


class NoMetrics(RecorderMetrics):
    """Takes everything and does nothing."""


class InMemoryMetrics(RecorderMetrics):
    """Keeps the sums, to be looked at."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.flushes = 0

    def add(self, counter: Counter, amount: int, labels: Mapping[str, str]) -> None:
        """Add to the sum."""
        self.tally.add(counter, amount, *(labels[name] for name in counter.labels))

    def flush(self) -> None:
        """Count the call."""
        self.flushes += 1

    def total(self, name: str, **labels: str) -> int:
        """Give the sum of a counter over all labels that are not named."""
        return sum(
            amount
            for counter, found, amount in self.tally.samples()
            if counter.name == name and labels.items() <= found.items()
        )

    def take(self) -> dict[str, int]:
        """Give all sums, by names such as `dropped_events.limit`, and forget them."""
        taken, self.tally = self.tally.plain(), Tally()
        return taken


class Tally:
    """Sums by counter and labels."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], int] = {}

    def add(self, counter: Counter, amount: int = 1, *labels: str) -> None:
        """Add to a counter, with the values of all its labels in their order."""
        if amount:
            key = (counter.name, *labels)
            self._sums[key] = self._sums.get(key, 0) + amount

    def merge(self, other: "Tally") -> None:
        """Add all that another tally holds."""
        for key, amount in other._sums.items():
            self._sums[key] = self._sums.get(key, 0) + amount

    def since(self, earlier: "Tally") -> "Tally":
        """Give what came since this tally was as `earlier`."""
        found = Tally()
        for key, amount in self._sums.items():
            if amount != earlier._sums.get(key, 0):
                found._sums[key] = amount - earlier._sums.get(key, 0)
        return found

    def value(self, counter: Counter, *labels: str) -> int:
        """Give one sum."""
        return self._sums.get((counter.name, *labels), 0)

    def samples(self) -> Iterator[tuple[Counter, dict[str, str], int]]:
        """Give the sums that are not zero, in the order of `COUNTERS`, then of their labels."""
        for counter in COUNTERS:
            for key, amount in sorted(self._sums.items()):
                if key[0] == counter.name:
                    labels = dict(zip(counter.labels, key[1:], strict=True))
                    yield counter, labels, amount

    def plain(self) -> dict[str, int]:
        """Give the sums by name and labels, joined by dots: `dropped_events.limit`."""
        return {
            ".".join((counter.name, *labels.values())): amount
            for counter, labels, amount in self.samples()
        }

    def to_data(self) -> list[list[str | int]]:
        """Give the sums as plain data, for another process."""
        return [[amount, *key] for key, amount in self._sums.items()]

    @classmethod
    def from_data(cls, data: Iterable[list[str | int]]) -> "Tally":
        """Make a tally of plain data; counters of other versions are left out."""
        found = cls()
        for amount, name, *labels in data:
            counter = _BY_NAME.get(str(name))
            if counter is not None and len(labels) == len(counter.labels):
                found.add(counter, int(amount), *map(str, labels))
        return found

    def __bool__(self) -> bool:
        return bool(self._sums)


def count_trace(
    tally: Tally, result: str, status: str, events: int = 0, size_bytes: int = 0
) -> None:
    """Count what became of a recording, and what of it was written."""
    tally.add(TRACES, 1, result, status)
    tally.add(WRITTEN_EVENTS, events)
    tally.add(WRITTEN_BYTES, size_bytes)


def detach_reason(error: RecorderError) -> str:
    """Give the label of a detach: `conflict` with another tool, or the kind of the error."""
    if error.code is ErrorCode.TRACER_INSTALL_CONFLICT:
        return "conflict"
    return error.kind.value.lower()


class SinkFailure(NamedTuple):
    """What ended the use of a sink."""

    sink: str
    error: RecorderError


class Outlet:
    """Sends to one sink, until it fails."""

    def __init__(self, sink: RecorderMetrics) -> None:
        self.sink = sink
        self.name = type(sink).__name__
        self.has_failed = False

    def send(self, tally: Tally, *, flush: bool = False) -> SinkFailure | None:
        """Send what a tally holds; give the failure that ends the use of this sink."""
        if self.has_failed:
            return None

        def deliver() -> None:
            for counter, labels, amount in tally.samples():
                self.sink.add(counter, amount, labels)
            if flush:
                self.sink.flush()

        failure = failure_of(deliver)
        self.has_failed = failure is not None
        return None if failure is None else failed(self.name, failure)


def failed(sink: str, failure: BaseException) -> SinkFailure:
    """Word what a sink raised as an error of ours."""
    if isinstance(failure, RecorderError):
        return SinkFailure(sink, failure)
    text = f"the metrics sink failed and gets nothing more: {text_of(failure)}"
    return SinkFailure(sink, enverr(ErrorCode.METRICS, text, sink=sink))


class _SinkOfProcess:
    """The sink of this process."""

    outlet: Outlet | None = None


_SINK: Final = _SinkOfProcess()


def configure_metrics(sink: RecorderMetrics | None) -> None:
    """Send the counts of this process to `sink` from now on; None: to nobody.

    Under pytest-xdist the process that writes the reports counts for all workers, and a sink in a
    worker gets nothing.
    """
    _SINK.outlet = None if sink is None else Outlet(sink)


def publish(tally: Tally, *, flush: bool = False) -> SinkFailure | None:
    """Send a tally to the sink of this process, if there is one; give its failure, once."""
    outlet = _SINK.outlet
    return outlet.send(tally, flush=flush) if outlet is not None else None
