"""A test that fails by a time limit is told that recording made it slower, and by how much at least."""

import json
import sys
from typing import Any

import pytest

from pytest_recorder.plugin.time_limits import time_limit_of
from pytest_recorder.tracefile.reader import open_trace
from tests.plugin.support import run, traces

WORK = """
import asyncio
import time

def work(rounds):
    total = 0
    for number in range(rounds):
        total += step(number)
    return total

def step(number):
    return number * 2
"""

HYPOTHESIS = """
from datetime import timedelta
from hypothesis import HealthCheck, given, settings, strategies as st

@settings(
    deadline=timedelta(milliseconds=1), database=None, max_examples=3,
    suppress_health_check=list(HealthCheck),
)
@given(st.just(3))
def test_slow(number):
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:
        work(100)
"""
FLAKY = """
from datetime import timedelta
from hypothesis import HealthCheck, given, settings, strategies as st

calls = []

@settings(
    deadline=timedelta(milliseconds=100), database=None, max_examples=3,
    suppress_health_check=list(HealthCheck),
)
@given(st.just(3))
def test_slow(number):
    work(20_000)
    calls.append(number)
    if len(calls) == 1:
        time.sleep(0.2)
"""
TIMEOUT = """
import pytest

@pytest.mark.timeout(0.3, method="signal")
def test_slow():
    while True:
        work(1000)
"""
ASYNCIO = """
def test_slow():
    async def waits():
        async with asyncio.timeout(0.05):
            while True:
                work(1000)
                await asyncio.sleep(0)
    asyncio.run(waits())
"""
WAIT_FOR_FROM_A_FIXTURE = """
import pytest

@pytest.fixture
def resource():
    async def waits():
        while True:
            work(1000)
            await asyncio.sleep(0)
    asyncio.run(asyncio.wait_for(waits(), 0.05))

def test_slow(resource):
    pass
"""
WRAPPED = """
def test_slow():
    work(20_000)
    try:
        raise TimeoutError("the server did not answer")
    except TimeoutError as error:
        raise RuntimeError("no answer") from error
"""
LIMITS = {
    "a deadline of hypothesis": (HYPOTHESIS, "hypothesis.errors.DeadlineExceeded", ""),
    "a deadline that is not exceeded again": (FLAKY, "hypothesis.errors.DeadlineExceeded", ""),
    "pytest-timeout": (TIMEOUT, "pytest-timeout", "pytest_timeout"),
    "asyncio.timeout": (ASYNCIO, "TimeoutError", ""),
    "asyncio.wait_for in a fixture": (WAIT_FOR_FROM_A_FIXTURE, "TimeoutError", ""),
    "a limit that led to another error": (WRAPPED, "TimeoutError", ""),
}
HOT_PATHS = ["", "1"]


@pytest.mark.parametrize("pure", HOT_PATHS, ids=["native", "python"])
@pytest.mark.parametrize("case", LIMITS)
def test_the_report_and_the_explanation_say_that_recording_made_it_slower(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, case: str, pure: str
) -> None:
    source, limit, plugin = LIMITS[case]
    monkeypatch.setenv("PYTEST_RECORDER_PURE", pure)
    pytester.makepyfile(WORK + source)
    result = run(pytester, "--record-trace", plugins=(plugin,) if plugin else ())
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    words = "recording made the test slower"
    result.stdout.fnmatch_lines([f"time limit ({limit}): {words}*--record-level=calls*"])
    (path,) = traces(pytester)
    explanation = path.with_name("failure.md").read_text()
    assert f"- time limit (`{limit}`): {words}" in explanation
    with open_trace(path) as trace:
        taken = trace.trailer.recording_cpu_us
        assert 0 <= taken < trace.trailer.duration_us
        assert trace.manifest.failing is not None
        assert trace.manifest.failing.time_limit == limit
    if taken >= 1000:
        assert "by at least" in explanation


def test_a_failure_without_a_limit_says_nothing_of_time(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WORK + "def test_slow(): assert work(10) == 1")
    result = run(pytester, "--record-trace")
    result.stdout.no_fnmatch_line("*time limit*")
    (path,) = traces(pytester)
    assert "time limit" not in path.with_name("failure.md").read_text()
    with open_trace(path) as trace:
        assert trace.manifest.failing is not None
        assert trace.manifest.failing.time_limit is None


def test_commands_tell_the_time_that_recording_took(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WORK + "def test_slow(): assert work(30_000) == 1")
    run(pytester, "--record-trace", "--record-level=calls")
    (path,) = traces(pytester)
    told = json.loads(
        pytester.run(
            sys.executable, "-m", "pytest_recorder", "info", "--json", path
        ).stdout.str()
    )
    assert 1000 < told["recording_cpu_us"] < told["duration_us"]
    lines = pytester.run(sys.executable, "-m", "pytest_recorder", "export", path).stdout.lines
    assert json.loads(lines[-1])["recording_cpu_us"] == told["recording_cpu_us"]
    explained = pytester.run(sys.executable, "-m", "pytest_recorder", "explain", "--json", path)
    found = json.loads(explained.stdout.str())
    assert (found["time_limit"], found["recording_cpu_us"]) == (None, told["recording_cpu_us"])


# What an exception tells.


class Tricky(Exception):
    """Would tell a lie, if it were asked."""

    __module__ = "project"

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise AssertionError("the code of the program runs")

    @__class__.setter
    def __class__(self, kind: type) -> None:
        raise AssertionError("the code of the program runs")

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("the code of the program runs")


def test_a_limit_is_found_without_running_the_program() -> None:
    error = Tricky()
    BaseException.__dict__["__cause__"].__set__(error, TimeoutError())
    assert time_limit_of(error) == "TimeoutError"


def test_a_limit_is_found_in_a_group_and_in_a_circle() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert time_limit_of(first) is None
    group = BaseExceptionGroup("several", [first, ExceptionGroup("inner", [TimeoutError()])])
    assert time_limit_of(group) == "TimeoutError"


def test_types_are_known_by_their_full_names() -> None:
    class TooSlowError(Exception):
        __module__ = "trio"
        __qualname__ = "TooSlowError"

    class DeadlineExceeded(Exception):
        __module__ = "project"
        __qualname__ = "DeadlineExceeded"

    assert time_limit_of(TooSlowError()) == "trio.TooSlowError"
    assert time_limit_of(DeadlineExceeded()) is None
    assert time_limit_of(ValueError("TimeoutError")) is None
    assert time_limit_of(type("Slow", (TimeoutError,), {})()) == "TimeoutError"


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("Timeout (>1.0s) from pytest-timeout.", "pytest-timeout"),
        ("Timeout >0.5s", "pytest-timeout"),
        ("Timeout of the server", None),
    ],
)
def test_pytest_timeout_is_known_by_its_words(words: str, limit: str | None) -> None:
    with pytest.raises(pytest.fail.Exception, match="Timeout") as caught:
        pytest.fail(words)
    assert time_limit_of(caught.value) == limit
