"""What is counted of a recording: the same on both hot paths, and the right numbers."""

import itertools
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import pytest_recorder
from pytest_recorder.format.cursor import Cursor
from pytest_recorder.format.value_decoder import ValueDecoder
from pytest_recorder.format.vocabulary import LEVELS
from tests.engines.support import COMPARED, ENGINES, capabilities, record, run


def counts(path: Path) -> dict[str, int]:
    with pytest_recorder.open_trace(path) as trace:
        return dict(trace.trailer.counters)


def pairs() -> list[tuple[str, str]]:
    """Engines that have both hot paths, as `monitoring/native`, `monitoring/python`."""
    return [
        (engine, engine.replace("/native", "/python"))
        for engine in ENGINES
        if engine.endswith("/native")
    ]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("native, pure", pairs())
def test_both_hot_paths_count_the_same(name: str, level: str, native: str, pure: str) -> None:
    is_able = capabilities(pure).reads_locals_undisturbed
    if name == "cleanup" and level == "values" and not is_able:
        pytest.skip("the objects of this program live longer under the one than the other")
    found = counts(run(name, native, level).path)
    assert found == counts(run(name, pure, level).path)
    assert found["recorded_events"] == len(run(name, native, level).events)


class Account(NamedTuple):
    user: str
    password: str


class Login:
    def __init__(self, token: str) -> None:
        self.token = token
        self.name = "name"


class Registry(dict[str, Any]):
    pass


def hides(password: str) -> str:
    count = 1
    count = 2
    password = "another one"
    accounts = [Account("a", "first"), Account("b", "second")]
    accounts.append(Account("c", "third"))
    login = Login("abcdef")
    login.name = "changed"
    login.token = "ghijkl"
    known = {"api_key": "xyz123", "other": None, "token": None}
    registry = Registry(secret="inside")
    return f"{count}{len(password)}{len(accounts)}{login.name}{len(known)}{len(registry)}"


@pytest.mark.parametrize("engine", ENGINES)
def test_each_value_that_is_hidden_in_what_is_written_counts_once(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in an event, and each in a record of an object; there the recording says nothing else."""
    recorded = record(hides, "one", engine=engine)
    written: list[Any] = []
    read = ValueDecoder.value

    def listen(decoder: ValueDecoder, cursor: Cursor, depth: int = 0) -> Any:
        value = read(decoder, cursor, depth)
        if value.get("redacted") is True:
            written.append(value)
        return value

    monkeypatch.setattr(ValueDecoder, "value", listen)
    with recorded.trace() as trace:
        assert len(list(trace.events())) == len(recorded.events)
    assert len(written) > 5
    assert counts(recorded.path)["redactions.value"] == len(written)


def fails(password: str) -> None:
    raise ValueError(f"no such password={password}")


def says(token: str) -> None:
    print("token:", token)
    print("plain")
    logging.getLogger("shop").warning("bearer=%s", token)
    try:
        fails(token)
    except ValueError:
        pass
    print(f"it was {token}")


@pytest.mark.parametrize("native, pure", pairs())
def test_both_hot_paths_count_the_same_masked_texts(native: str, pure: str) -> None:
    recorded = [record(says, "open-s3same", engine=name) for name in (native, pure)]
    found = [counts(one.path) for one in recorded]
    assert found[0] == found[1]
    assert found[0]["redactions.text"] >= 4


@pytest.mark.parametrize("engine", ENGINES)
def test_output_log_and_messages_that_are_masked_count(engine: str) -> None:
    recorded = record(says, "open-s3same", engine=engine)
    masked = [e for e in recorded.events if e.text is not None and "[redacted]" in str(e.text)]
    assert len(masked) == 3
    errors = [e for e in recorded.events if e.exception is not None]
    assert errors
    assert all("[redacted]" in str(e.exception) for e in errors)
    assert counts(recorded.path)["redactions.text"] >= len(masked) + 1


def quiet() -> int:
    return 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_recording_without_anything_special_counts_events_only(engine: str) -> None:
    recorded = record(quiet, engine=engine)
    assert counts(recorded.path) == {"recorded_events": len(recorded.events)}


def long() -> int:
    total = 0
    for number in range(4000):
        total = number * 1_000_003
    return total


@pytest.mark.parametrize("engine", ENGINES)
def test_events_that_a_limit_drops_count(engine: str) -> None:
    recorded = record(long, engine=engine, max_bytes=64 * 1024)
    found = counts(recorded.path)
    assert recorded.status == "complete"
    assert found["dropped_events.limit"] == recorded.dropped > 1000
    assert found["recorded_events"] == recorded.dropped + len(recorded.events) - 1  # the gap


def deep(level: int) -> int:
    return deep(level + 1)


def recurses() -> str:
    try:
        deep(0)
    except RecursionError:
        return "caught"
    return "never"


@pytest.mark.parametrize("engine", ENGINES)
def test_events_that_the_recursion_limit_loses_count(engine: str) -> None:
    recorded = record(recurses, engine=engine, level="calls")
    found = counts(recorded.path)
    assert recorded.result == "caught"
    assert not any(name.startswith(("faults", "detaches")) for name in found)
    if capabilities(engine).survives_recursion_limit:
        assert "dropped_events.recursion" not in found
    else:
        gaps = sum(e.dropped or 0 for e in recorded.events if e.kind == "gap")
        assert found["dropped_events.recursion"] >= gaps > 0


def reaches() -> Iterator[int]:
    """Meets each callback in turn."""
    try:
        yield 1
        yield 2
    except KeyError:
        pass
    yield 3


def uses() -> None:
    steps = reaches()
    next(steps)
    next(steps)
    steps.throw(KeyError("thrown"))
    try:
        leaves()
    except ValueError:
        pass


def leaves() -> None:
    raise ValueError("left")


CALLBACKS = {
    "py_start": ("call", "uses"),
    "py_yield": ("yield", "reaches"),
    "py_resume": ("resume", "reaches"),
    "py_throw": ("throw", "reaches"),
    "raise": ("raise", "leaves"),
    "py_unwind": ("unwind", "leaves"),
    "py_return": ("return", "uses"),
}


@pytest.mark.parametrize("callback", CALLBACKS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_caught_fault_counts_under_its_callback(engine: str, callback: str) -> None:
    """The clock of the recording stops at the event that the callback writes.

    A line has no time: the test of a disk that is full looks at those.
    """
    kind, function = CALLBACKS[callback]
    whole = record(uses, engine=engine)
    wanted = next(
        e.n for e in whole.events if e.kind == kind and (e.function or "").endswith(function)
    )
    looks = itertools.count()
    # The first look is that of the beginning.
    fails_at = 1 + [e.n for e in whole.events if e.kind != "line"].index(wanted)

    def clock() -> int:
        if next(looks) == fails_at:
            raise OSError(5, "the clock has stopped")
        return 0

    # A fault is ours by the file of the code that raised it.
    clock.__code__ = clock.__code__.replace(co_filename=pytest_recorder.__file__)
    recorded = record(uses, engine=engine, clock=clock)
    assert (recorded.status, recorded.reason) == ("partial", "ERR_IO")
    label = "trace" if engine.startswith("settrace") else callback
    assert len(recorded.events) == wanted
    assert counts(recorded.path) == {
        **({"recorded_events": wanted} if wanted else {}),
        "detaches.environment.ERR_IO": 1,
        f"faults.{label}": 1,
    }


@pytest.mark.skipif(
    "settrace/python" not in ENGINES, reason="sys.settrace is for Python 3.11 only"
)
def test_another_trace_function_is_a_conflict_and_no_fault() -> None:
    def intrudes() -> int:
        sys.settrace(lambda *_: None)
        count = 1
        sys.settrace(None)
        return count

    recorded = record(intrudes, engine="settrace/python")
    assert recorded.status == "partial"
    assert counts(recorded.path).items() >= {
        ("detaches.conflict.ERR_TRACER_INSTALL_CONFLICT", 1)
    }
    assert not any(name.startswith("faults") for name in counts(recorded.path))


def test_counts_begin_anew_with_each_recording(tmp_path: Path) -> None:
    functions: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = (
        (says, ("open-sesame",)),
        (quiet, ()),
    )
    sink = pytest_recorder.InMemoryMetrics()
    pytest_recorder.configure_metrics(sink)
    try:
        found: list[dict[str, int]] = []
        for function, args in functions:
            with pytest_recorder.trace(tmp_path):
                function(*args)
            found.append(sink.take())
    finally:
        pytest_recorder.configure_metrics(None)
    assert "redactions.text" in found[0]
    assert not any(name.startswith("redactions") for name in found[1])
