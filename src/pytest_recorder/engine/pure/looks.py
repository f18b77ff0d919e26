"""Looks at the variables of a frame, and finds what differs since its last event.

PYTEST_DONT_REWRITE
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Mapping
from types import FrameType
from typing import Final, NamedTuple

from pytest_recorder import compat
from pytest_recorder.engine.pure.levels import RecordedLevel
from pytest_recorder.engine.pure.names import UNBOUND
from pytest_recorder.engine.pure.objects import Known
from pytest_recorder.engine.pure.states import FrameState
from pytest_recorder.engine.pure.values import ValueEncoder
from pytest_recorder.format.primitives import uv
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER

NO_VALUE: Final = object()
"""Stands for the result of an event that has none."""
_MOST_CALLERS: Final = 16
"""Frames that are asked whether they still hold an object."""


class Sight(NamedTuple):
    """What a look at a frame has found; `keep` makes it what the next look is compared with."""

    block: int
    number: int = 0  # of the look
    records: bytes = b""
    changes: bytes = b""
    value: bytes = b""
    values: dict[str, bytes] = {}  # noqa: RUF012 - never changed
    roots: dict[str, tuple[Known, ...]] = {}  # noqa: RUF012


class Looks:
    """Looks at frames; `frames` has the state of each by its address."""

    def __init__(
        self, encoder: ValueEncoder, frames: Mapping[int, FrameState], level: RecordedLevel
    ) -> None:
        self._encoder = encoder
        self._frames = frames
        self._level = level
        encoder.objects.is_in_variable = self._is_in_variable

    def _begin(self, block: int, state: FrameState) -> None:
        objects = self._encoder.objects
        if objects.is_full:
            held = [roots for known in self._frames.values() for roots in known.roots.values()]
            objects.forget(root for roots in held for root in roots)
        objects.begin(block, state.levels, is_bounded=state.record is not None)

    def _is_in_variable(self, known: Known, value: object) -> bool:
        """Tell whether a variable of a frame that runs still refers to an object.

        Where to read a variable keeps objects alive, nobody asks for it below the level of values.
        """
        if not (compat.HAS_FRAME_GET_VAR or self._level.has_values):
            return False
        frame: FrameType | None = INTERPRETER.getframe(1)
        found = 0
        while frame is not None and found < _MOST_CALLERS:
            state = self._frames.get(id(frame))
            record = state.record if state is not None else None
            if state is not None and record is not None and record.code is frame.f_code:
                found += 1
                names = tuple(n for n, roots in state.roots.items() if roots == (known,))
                if any(now is value for now in record.read(frame, names)):
                    return True
            frame = frame.f_back
        return False

    def at_frame(
        self,
        block: int,
        frame: FrameType | None,
        state: FrameState,
        value: object = NO_VALUE,
        error: BaseException | None = None,
    ) -> Sight:
        """Look at the variables of a frame, if there is one, and at what it gives away."""
        if frame is None:
            return Sight(block)
        record, encoder = state.record, self._encoder
        objects = encoder.objects
        self._begin(block, state)
        values: dict[str, bytes] = {}
        roots: dict[str, tuple[Known, ...]] = {}
        redacted: dict[str, int] = {}
        if record is not None and self._level.has_values and record.names:
            secret, held = record.secret, state.roots
            for name, item in zip(record.names, record.read(frame, record.names), strict=True):
                if item is not UNBOUND:
                    before = encoder.redacted
                    values[name] = encoder.encode(
                        item, secret.get(name, 0) if secret else 0, held.get(name, ())
                    )
                    met = objects.take_met()
                    if met:
                        roots[name] = met
                    redacted[name], encoder.redacted = encoder.redacted - before, before
        records = objects.run()
        shown = b""
        if value is not NO_VALUE or error is not None:
            objects.go_on()
        if value is not NO_VALUE:
            level = record.result_level if record is not None else 0
            shown = encoder.encode(value, level)
            objects.take_met()
        if error is not None and self._level.has_values:
            encoder.encode(error)
            objects.take_met()
        records += objects.run()
        if record is not None:
            record.levels = objects.levels
        changes = b""
        if record is not None:
            old, ids = state.values, record.name_ids
            changed: list[bytes] = []
            for name, encoded in values.items():
                if old.get(name) != encoded or (
                    name in roots and objects.newest(roots[name]) > state.looked
                ):
                    changed += (ids[name], encoded)
                    encoder.redacted += redacted[name]
            deleted = [ids[name] for name in old if name not in values]
            if self._level.has_values and (changed or deleted):
                count = uv(len(changed) // 2)
                changes = b"".join((count, *changed, uv(len(deleted)), *deleted))
        return Sight(block, objects.look_number, records, changes, shown, values, roots)

    def at_arguments(self, block: int, frame: FrameType, state: FrameState) -> Sight:
        """Look at the arguments of a frame that begins; `changes` has all of them."""
        record, encoder, objects = state.record, self._encoder, self._encoder.objects
        self._begin(block, state)
        values: dict[str, bytes] = {}
        roots: dict[str, tuple[Known, ...]] = {}
        if record is None:
            return Sight(block)
        for name, value in zip(record.args, record.read(frame, record.args), strict=True):
            if value is not UNBOUND:
                values[name] = encoder.encode(value, record.secret.get(name, 0))
                met = objects.take_met()
                if met:
                    roots[name] = met
        records = objects.run()
        record.levels = objects.levels
        parts = [part for name in values for part in (record.name_ids[name], values[name])]
        changes = b"".join((uv(len(values)), *parts))
        return Sight(block, objects.look_number, records, changes, b"", values, roots)
