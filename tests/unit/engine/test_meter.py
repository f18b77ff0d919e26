"""What callbacks took is told as a lower bound: never more than the truth, and not next to nothing."""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_recorder.engine.pure.meter import Meter, at_least_us
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy
from tests.engines.support import ENGINES

VISITS = 6_000
COSTS: dict[str, Callable[[random.Random, int], float]] = {
    "constant": lambda _, __: 8_000,
    "exponential": lambda chance, _: chance.expovariate(1 / 9_000),
    "heavy-tailed": lambda chance, _: 4_000 * chance.paretovariate(1.3),
    "rarely dear": lambda chance, _: 500_000 if chance.random() < 0.002 else 5_000,
    "dear at every 64th": lambda _, at: 300_000 if at % 64 == 0 else 5_000,
    "growing": lambda _, at: 2_000 + at,
    "falling": lambda _, at: max(2_000, 60_000 - 10 * at),
}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> int:
        self.now += 900
        return int(self.now)


def test_what_another_process_has_run_meanwhile_is_cut_off() -> None:
    truth, told = measured(lambda _, at: 8_000 + (4_000_000 if at % 1500 == 0 else 0), 3)
    assert told < 8_000 * VISITS / 1000 < truth


@pytest.mark.parametrize("first", [0, 3])
def test_a_pause_between_the_looks_that_tell_what_a_look_takes_is_not_taken_off(
    first: int,
) -> None:
    """It gave -4 ms for a visit, and all that followed was cut off at four times a mean below 0."""
    clock, meter = Clock(), Meter()
    meter._now_ns = clock
    for number in range(100):
        started = meter.start()
        clock.now += 8_000
        if number == first:
            looks = iter((900, 4_000_000))

            def look(clock: Clock = clock, looks: Iterator[int] = looks) -> int:
                clock.now += next(looks)
                return int(clock.now)

            meter._now_ns = look
        meter.stop(started)
        meter._now_ns = clock
    visits, samples, total_ns, _ = meter.told()
    assert (visits > 0, samples) == (True, 100)
    assert 0.9 * 8_000 < total_ns / samples < 8_000


def measured(cost: Callable[[random.Random, int], float], seed: int) -> tuple[float, int]:
    """Give the true microseconds of many visits, and what a meter says."""
    chance, clock, meter = random.Random(seed), Clock(), Meter()
    meter._now_ns = clock
    meter._random = seed * 7919
    meter.begin()
    truth = 0.0
    for at in range(VISITS):
        meter.left -= 1
        started = meter.start() if meter.left <= 0 else 0
        took = cost(chance, at)
        truth += took
        clock.now += took
        if started:
            meter.stop(started)
    return truth / 1000, at_least_us(*meter.told())


@pytest.mark.parametrize("name", COSTS)
def test_it_is_never_above_the_truth_and_mostly_near(name: str) -> None:
    found = [measured(COSTS[name], seed) for seed in range(1, 9)]
    assert [told for truth, told in found if told > truth] == []
    assert sum(told for _, told in found) > 0.1 * sum(truth for truth, _ in found)


def test_a_few_samples_say_nothing() -> None:
    assert at_least_us(0, 0, 0.0, 0.0) == 0
    assert at_least_us(500, 7, 2_000_000.0, 2e12) == 0
    assert at_least_us(100, 8, 8_000.0, 8e6) == 90


@pytest.mark.parametrize("engine", ENGINES)
def test_a_recording_takes_at_least_what_it_says(tmp_path: Path, engine: str) -> None:
    def work(rounds: int) -> None:
        for number in range(rounds):
            step(number)

    def step(number: int) -> int:
        doubled = number * 2
        return doubled + 1

    rounds = 30_000 if engine.endswith("native") else 1_000
    settings = Settings(
        root=tmp_path,
        dir=tmp_path,
        include=(__file__,),
        hot_path="native" if engine.endswith("native") else "python",
    )
    recorder = Recorder(settings, tmp_path, Policy())
    recorder.open()
    try:
        recorder.begin()
        before = time.process_time_ns()
        work(rounds)
        taken_us = (time.process_time_ns() - before) / 1000
        assert 0.05 * taken_us < recorder.cpu_us <= taken_us
        recorder.end()
        recorder.drop()
        recorder.begin()
        assert recorder.cpu_us < 0.1 * taken_us
    finally:
        recorder.close()
