"""Holds what is told of the frames that run while the events of a trace pass.

A frame goes when it ends. In an honest trace there are as many as calls inside calls; in a hostile
one they never end, so past a limit the oldest go.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from pytest_recorder.format.events import Event, Value

_MOST_HELD = 400_000
"""Frames and the parts of their values; each takes some 300 bytes."""
_FRAME = 2

T = TypeVar("T")


class OpenFrames(dict[int, T]):
    """Frames by their numbers. `note` is called with each event, after what it brings was added."""

    def __init__(self, values_of: Callable[[T], dict[str, Value]]) -> None:
        super().__init__()
        self._values_of = values_of
        self._brought = 0

    def note(self, event: Event) -> None:
        """Look at what is held, once so much was brought that it may be too much."""
        self._brought += _FRAME + event.weight
        if self._brought > _MOST_HELD:
            self._evict()

    def _evict(self) -> None:
        weights = {number: self._weight(frame) for number, frame in self.items()}
        total = sum(weights.values())
        if total > _MOST_HELD:
            for number, weight in weights.items():
                if total <= _MOST_HELD // 2:
                    break
                total -= weight
                del self[number]
        # The next look is half of the limit away, so that looking costs no more than reading.
        self._brought = min(total, _MOST_HELD // 2)

    def _weight(self, frame: T) -> int:
        return _FRAME + sum(map(weight_of, self._values_of(frame).values()))


def weight_of(value: Value) -> int:
    """Count a value with its parts; a long text counts as several."""
    weight = 0
    stack = [value]
    while stack:
        here = stack.pop()
        text = here.get("value")
        weight += 1 + (len(text) >> 8 if isinstance(text, str) else 0)
        stack.extend(_parts(here))
    return weight


def _parts(value: Value) -> Iterator[Value]:
    yield from value.get("items", ())
    yield from value.get("attributes", {}).values()
    for pair in value.get("entries", ()):
        yield from pair
