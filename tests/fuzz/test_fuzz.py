"""Readers take the corpus and what is made of it; `just fuzz` searches for longer."""

import random
import sys

import pytest

from tests.fuzz import seeds, targets
from tests.fuzz.engine import Engine
from tests.fuzz.mutation import joined, parts_of
from tests.fuzz.targets import TARGETS, decoders, files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs limits of resources"),
]
RUNS = {"decoders": 2_000, "files": 1_000, "damage": 300, "spools": 300}


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_more_than_a_prefix_or_an_error_with_a_code(name: str) -> None:
    target = TARGETS[name]
    engine = Engine(target.run, target.mutate, target.seeds(), seed=1)
    engine.run(len(target.seeds()) + RUNS.get(name, 60))
    assert [(found.data, found.error) for found in engine.found] == []
    assert engine.runs > len(target.seeds())


def test_a_trace_is_the_same_after_it_was_taken_apart() -> None:
    for trace in seeds.traces():
        assert parts_of(joined(parts_of(trace))) == parts_of(trace)


def test_the_search_finds_what_raises_and_keeps_what_leads_on() -> None:
    def target(data: bytes) -> None:
        files(data)
        if data.startswith(b"PYREC\r\n\x02"):
            raise ZeroDivisionError

    def mutate(chance: random.Random, data: bytes, other: bytes) -> bytes:
        return data[:7] + bytes((chance.randrange(4),)) + data[8:]

    engine = Engine(target, mutate, [seeds.traces()[0]], seed=1)
    engine.run(50)
    assert {type(found.error) for found in engine.found} == {ZeroDivisionError}
    if sys.version_info >= (3, 12):
        assert engine.grown


@pytest.mark.skipif(targets.NATIVE_SCAN is None, reason="there is one scan only")
def test_the_scans_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in seeds.records():
        decoders(data)
    # What both of them take, so that a difference shows.
    monkeypatch.setattr(targets.PureScan, "rows", lambda _: [[0] * 6])
    with pytest.raises(targets.WrongError, match=r"\[\[0, 0, 0, 0, 0, 0\]\]"):
        decoders(seeds.records()[0])
