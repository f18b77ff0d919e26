"""Every call that leaves the recorder's core does, in turn, the worst that it can.

A call into Python can raise, change what is being looked at, collect garbage, let other threads run
and end the recording. Each test counts the calls of one recording (helpers, the spool, the clock,
what an engine is told, the guard), then records again for each number and misbehaves at that call.
`just sanitize` runs this under AddressSanitizer.
"""

import contextlib
import gc
import io
import os
import sys
import threading
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.diagnostics import guard
from pytest_recorder.format.events import Event
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.trace_recording import Ended
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from pytest_recorder.tracefile.reader import open_trace
from tests.engines import visited
from tests.engines.support import ENGINES
from tests.engines.visited import EXPECTED, Looked, goes_on, program, thread_of_its_own

NATIVE = [engine for engine in ENGINES if engine.endswith("native")]


@pytest.fixture(autouse=True)
def contained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(guard.STRICT_VARIABLE, raising=False)


# The calls.


class Bench:
    """A recorder whose every call into Python is counted while the program runs."""

    def __init__(self, folder: Path, engine: str) -> None:
        name, hot_path = engine.split("/")
        fields = {"root": folder, "dir": folder, "engine": name, "hot_path": hot_path}
        more = {"include": (visited.__file__,), "redact": ("never",)}
        self.path = folder / "trace.pyrec"
        self.recorder = Recorder(
            Settings.checked({"enabled": True, **fields, **more}), folder, Policy()
        )
        self.calls: list[str] = []
        self.is_running = False
        self.at = -1
        self.has_misbehaved = False
        self.misbehave: Callable[[], Any] = int
        self.looked = Looked()
        self.threads: list[Any] = []
        self.recorder._handle_fault = self.wrapped(  # type: ignore[method-assign]
            "on_fault", self.recorder._handle_fault
        )
        self.recorder.open()
        setup = self.recorder.setup
        assert setup is not None
        self.hot: Any = setup.hot
        spool: Any = setup.spool
        for each in ("segment_position", "next_events", "next_definitions", "keep_source"):
            setattr(spool, each, self.wrapped(f"sink.{each}", getattr(spool, each)))
        kind = type(spool)
        get_map = self.wrapped("sink.map", lambda: kind.map.fget(spool))
        spool.__class__ = type("Watched", (kind,), {"map": property(lambda _: get_map())})
        self.hot.clock = self.wrapped("clock", self.hot.clock or _clock)
        self.hot.enable_code = self.wrapped("enable_code", self.hot.enable_code or _ignore)
        if hot_path == "native":
            helpers = self.hot._helpers
            for each in dir(type(helpers)) + list(vars(helpers)):
                method = getattr(helpers, each)
                if not each.startswith("_") and callable(method):
                    setattr(helpers, each, self.wrapped(each, method))

    def wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if self.is_running:
                number = len(self.calls)
                self.calls.append(name)
                if self.at in (number, ALWAYS):
                    self.has_misbehaved = True
                    self.misbehave()
            return method(*args, **named)

        return call

    def begin_thread(self) -> None:
        """Begin a thread, and let it run until it waits for the end of this call."""
        ended, came = allocate_lock(), allocate_lock()
        ended.acquire()
        came.acquire()

        def work() -> None:
            came.release()
            thread_of_its_own()
            ended.release()

        # Not `threading`, which waits until the new thread is known: that is recorded, too.
        start_new_thread(work, ())
        self.threads.append(ended)
        came.acquire(timeout=0.002)

    def run(self) -> tuple[list[str] | None, int]:
        """Run the program recorded; give its answer, and how often it was interrupted."""
        answers: list[list[str]] = []
        interrupts = 0
        steps: list[Callable[[], Any]] = [lambda: answers.append(program(self.looked))]
        steps += [lambda: answers.append([str(goes_on(1))])] * 4
        # The generator of `program` is in a circle: a collection would close it wherever it comes.
        gc.disable()
        with contextlib.redirect_stdout(io.StringIO()):
            self.recorder.begin()
            self.is_running = True
            while steps:
                try:
                    while steps:
                        steps.pop(0)()
                except KeyboardInterrupt:
                    interrupts += 1
            self.is_running = False
            gc.enable()
            for ended in self.threads:
                assert ended.acquire(timeout=10)
        assert answers[-1] == ["4"]
        return next((answer for answer in answers if len(answer) > 1), None), interrupts

    def end(self) -> tuple[Ended, list[Event]]:
        """End, keep and read the trace."""
        ended = self.recorder.end()
        assert ended is not None
        self.recorder.keep(self.path)
        with open_trace(self.path) as trace:
            events = list(trace.events())
            assert trace.trailer.status == ended.status
            for event in events[:: max(len(events) // 5, 1)]:
                trace.values_at(event)
        assert [event.n for event in events] == list(range(len(events)))
        return ended, events

    def close(self) -> None:
        self.is_running = False
        self.recorder.close()


ALWAYS = -2


def _clock() -> int:
    return 1


def _ignore(_: object) -> None:
    return None


@contextlib.contextmanager
def bench(folder: Path, engine: str, at: int = -1) -> Iterator[Bench]:
    made = Bench(folder, engine)
    made.at = at
    try:
        yield made
    finally:
        made.close()


def calls_of(folder: Path, engine: str) -> list[str]:
    """Count the calls of a recording in which all behave; the first of a process has some more."""
    with bench(folder, engine) as made:
        made.run()
    with bench(folder, engine) as made:
        assert made.run() == (EXPECTED, 0)
        ended, events = made.end()
        assert (ended.status, ended.reason) == ("complete", None)
        assert not [event for event in events if event.kind == "gap"]
        return list(made.calls)


def numbers_of(calls: list[str]) -> list[int]:
    """Give the numbers of the calls: of a name that is called often, some from all over the run.

    `MISBEHAVE=all` takes each.
    """
    found: list[int] = []
    for name in dict.fromkeys(calls):
        numbers = [number for number, each in enumerate(calls) if each == name]
        step = 1 if os.environ.get("MISBEHAVE") == "all" else -(-len(numbers) // MOST_OF_A_NAME)
        found += numbers[::step]
    return sorted(found)


MOST_OF_A_NAME = 6


def is_marked(ended: Ended, events: list[Event]) -> bool:
    """Whether a trace says that something is missing: it is partial for a reason, or has a gap."""
    if ended.status == "partial":
        return ended.reason is not None
    return any(event.kind == "gap" and event.dropped for event in events)


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_in_any_call_reaches_the_program_once(engine: str, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    calls = calls_of(tmp_path, engine)
    for number in numbers_of(calls):
        name = calls[number]
        with bench(tmp_path, engine, number) as made:
            made.misbehave = interrupt
            answer, interrupts = made.run()
            assert interrupts == made.has_misbehaved, (number, name)
            assert answer in (None, EXPECTED), (number, name)
            ended, events = made.end()
            assert is_marked(ended, events) == made.has_misbehaved, (number, name)
            assert ended.status == "partial" or events[-1].kind != "call"


@pytest.mark.parametrize("kind", [ValueError, MemoryError, OSError])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_in_any_call_is_marked_and_the_program_goes_on(
    engine: str, kind: type[Exception], tmp_path: Path
) -> None:
    def fail() -> None:
        raise kind("fault of ours")

    for number in numbers_of(calls_of(tmp_path, engine)):
        with bench(tmp_path, engine, number) as made:
            made.misbehave = fail
            assert made.run() == (EXPECTED, 0), number
            ended, events = made.end()
            # Not always the call that had this number before: what C keeps of names goes by their hashes.
            name = made.calls[number] if made.has_misbehaved else ""
            # A mark stands for the answer of a helper, or the recording has ended early.
            is_counted = ended.refusal is not None
            is_told = is_counted or is_marked(ended, events)
            assert is_told == made.has_misbehaved, (number, name)
            if name in MARKED:
                assert ended.status == "complete", (number, name)


MARKED = {
    *("describe_code", "describe_type", "leaf_of_other", "big_int"),
    *("message_of", "level_of", "remember", "tell_secrets", "mask", "thread_name", "log_parts"),
    *("streams_changed", "source_digest"),
}
"""Helpers that do not end a recording, whatever becomes of them."""


@pytest.mark.parametrize("engine", ENGINES)
def test_what_changed_while_it_was_read_is_told_at_the_next_event(
    engine: str, tmp_path: Path
) -> None:
    """In any call up to some event; what is there at the last one is true."""
    for most in range(2, 14):
        with bench(tmp_path, engine, ALWAYS) as made:
            counted = iter(range(1_000_000))

            def change(made: Bench = made, most: int = most, counted: Any = counted) -> None:
                if made.recorder.events < most:
                    made.looked.change()
                    vars(made.looked.holder)["a0"] = next(counted)
                    made.looked.table["0"] = next(counted)

            made.misbehave = change
            assert made.run() == (EXPECTED, 0), most
            made.end()
            with open_trace(made.path) as trace:
                *_, last = (event for event in trace.events() if event.function == "program")
                held = trace.values_at(last)
            assert last.n > most
            looked = made.looked
            entry = held["table"]["entries"][0]
            attribute = held["holder"]["attributes"]["a0"]
            shown = held["items"]["length"], attribute["value"], entry[1]["value"]
            assert shown == (0, vars(looked.holder)["a0"], looked.table["0"]), most


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_looked_at_may_change_in_any_call(engine: str, tmp_path: Path) -> None:
    numbers = [ALWAYS, *numbers_of(calls_of(tmp_path, engine))]
    for number in numbers:
        with bench(tmp_path, engine, number) as made:
            made.misbehave = made.looked.change
            assert made.run() == (EXPECTED, 0), number
            ended, events = made.end()
            assert (ended.status, ended.refusal) == ("complete", None), number
            assert not [event for event in events if event.kind == "gap"]


@pytest.mark.parametrize("engine", ENGINES)
def test_garbage_may_be_collected_in_every_call(engine: str, tmp_path: Path) -> None:
    with bench(tmp_path, engine, ALWAYS) as made:

        def collect() -> None:
            loop: list[Any] = [made.looked.items]
            loop.append(loop)
            made.looked.items.clear()
            del loop
            gc.collect()

        made.misbehave = collect
        # What was there before is not looked through each time.
        gc.collect()
        gc.freeze()
        try:
            assert made.run() == (EXPECTED, 0)
        finally:
            gc.unfreeze()
        ended, _ = made.end()
        assert (ended.status, ended.refusal) == ("complete", None)


@pytest.mark.parametrize("engine", ENGINES)
def test_another_thread_may_come_in_any_call(engine: str, tmp_path: Path) -> None:
    """It waits for its turn; both are recorded whole."""
    for number in numbers_of(calls_of(tmp_path, engine)):
        with bench(tmp_path, engine, number) as made:

            def switch(made: Bench = made) -> None:
                made.begin_thread()
                made.looked.change()

            made.misbehave = switch
            assert made.run() == (EXPECTED, 0), number
            ended, events = made.end()
            assert ended.status == "complete"
            lost = sum(event.dropped or 0 for event in events if event.kind == "gap")
            seen = [event for event in events if event.function == "goes_on"]
            # Where it met us in code that is not recorded it came in at once, into itself.
            # A trace function is known to `threading` only, not to the thread that is started here.
            is_seen = made.has_misbehaved and engine.startswith("monitoring")
            assert lost or len([e for e in seen if e.kind == "return"]) == 4 + is_seen


@pytest.mark.parametrize("engine", ENGINES)
def test_the_recording_may_be_ended_from_inside_any_call(engine: str, tmp_path: Path) -> None:
    """As a signal handler does that tears everything down: the thread is inside, and goes on."""
    calls = calls_of(tmp_path, engine)
    for number in numbers_of(calls):
        name = calls[number]
        with bench(tmp_path, engine, number) as made:
            found: list[Ended | None] = []

            def end(made: Bench = made, found: list[Ended | None] = found) -> None:
                made.looked.change()
                found.append(made.recorder.end())
                made.recorder.drop()

            made.misbehave = end
            assert made.run() == (EXPECTED, 0), (number, name)
            if not made.has_misbehaved:
                continue
            assert found[0] is not None
            assert (found[0].status, found[0].reason) == ("partial", "ERR_TRACE_INCOMPLETE")
            made.at = -1
            # The next one begins as if nothing had been.
            assert made.run() == (EXPECTED, 0), (number, name)
            ended, _ = made.end()
            assert (ended.status, ended.reason) == ("complete", None)


@pytest.mark.parametrize("engine", NATIVE)
def test_another_thread_may_end_the_recording_in_any_call(engine: str, tmp_path: Path) -> None:
    """And give everything back: what the thread inside uses stays until it leaves."""
    first: dict[str, int] = {}
    for number, name in enumerate(calls_of(tmp_path, engine)):
        first.setdefault(name, number)
    for name, number in first.items():
        with bench(tmp_path, engine, number) as made:

            def end(made: Bench = made) -> None:
                thread = threading.Thread(target=made.recorder.close)
                thread.start()
                thread.join()

            made.misbehave = end
            assert made.run() == (EXPECTED, 0), (number, name)
            assert sys.gettrace() is None or not engine.startswith("settrace")
