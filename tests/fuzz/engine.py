"""Runs a target on mutated inputs; what reaches a line that none has reached before is kept.

`sys.monitoring` tells of each line once and costs nothing from then on. Before Python 3.12 there is no
such thing, and nothing guides the search.
"""

import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest_recorder
from tests.fuzz.mutation import Mutation

PACKAGE = f"{Path(pytest_recorder.__file__).parent}/"
MOST_BYTES = 1 << 30
"""What the process may grow by."""
MOST_CPU_S = 20.0
"""What one input may take: time of the CPU, so that other work on the machine does not count."""
LARGEST_INPUT = 1 << 16
_TOOL = 4


class TooSlowError(Exception):
    """An input took more time of the CPU than any of its size may."""


class Found(NamedTuple):
    """An input that a reader fails at, and how."""

    data: bytes
    error: BaseException


class Engine:
    """One search. Inputs that fail are in `found`, those that led on in `corpus`."""

    def __init__(
        self, target: Callable[[bytes], None], mutate: Mutation, seeds: list[bytes], seed: int
    ) -> None:
        self.corpus = list(seeds)
        self.found: list[Found] = []
        self.runs = 0
        self._target = target
        self._mutate = mutate
        self._random = random.Random(seed)
        self._is_new = False
        self._seeds = len(seeds)

    @property
    def grown(self) -> list[bytes]:
        """What was added to the seeds."""
        return self.corpus[self._seeds :]

    def run(self, runs: int, seconds: float | None = None, *, most_found: int = 5) -> None:
        """Try so many inputs, or for so long. The seeds come first, as they are."""
        end = time.monotonic() + seconds if seconds is not None else None
        with _limits(), _Coverage(self._note):
            for data in self.corpus[: self._seeds]:
                self._try(data)
            while self.runs < runs and len(self.found) < most_found:
                if end is not None and time.monotonic() > end:
                    return
                # What was found last is where something new is most likely.
                at = self._random.random() ** 0.5
                seed = self.corpus[int(at * len(self.corpus))]
                other = self._random.choice(self.corpus)
                self._try(self._mutate(self._random, seed, other)[:LARGEST_INPUT])

    def _note(self) -> None:
        self._is_new = True

    def _try(self, data: bytes) -> None:
        self.runs += 1
        self._is_new = False
        signal.setitimer(signal.ITIMER_VIRTUAL, MOST_CPU_S)
        try:
            self._target(data)
        except Exception as error:
            self.found.append(Found(data, error))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if self._is_new and self.runs > self._seeds:
            self.corpus.append(data)


class _limits:  # noqa: N801 - reads as a word where it is used
    """Ends what takes too much memory or time with an exception."""

    def __enter__(self) -> None:
        self._memory = resource.getrlimit(resource.RLIMIT_AS)
        self._handler = signal.signal(signal.SIGVTALRM, self._too_slow)
        # A sanitizer maps terabytes that it never touches.
        if "libasan" not in Path("/proc/self/maps").read_text():
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + MOST_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, self._memory[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self._memory)
        signal.signal(signal.SIGVTALRM, self._handler)

    def _too_slow(self, number: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {MOST_CPU_S} s")


class _Coverage:
    """Calls back at each line of ours that is reached for the first time."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note

    def __enter__(self) -> None:
        if sys.version_info < (3, 12):
            return
        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "fuzz")
        monitoring.register_callback(_TOOL, monitoring.events.LINE, self._line)
        monitoring.set_events(_TOOL, monitoring.events.LINE)
        # An engine before this one may have been told of lines already.
        monitoring.restart_events()

    def __exit__(self, *_: object) -> None:
        if sys.version_info < (3, 12):
            return
        sys.monitoring.set_events(_TOOL, 0)
        sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, None)
        sys.monitoring.free_tool_id(_TOOL)

    def _line(self, code: CodeType, _: int) -> Any:
        if code.co_filename.startswith(PACKAGE):
            self._note()
        return sys.monitoring.DISABLE  # type: ignore[attr-defined,unused-ignore]
