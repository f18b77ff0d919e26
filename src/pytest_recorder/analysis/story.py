"""Tells the last steps before a failure as data: what ran, and what it changed.

An event's changes are the effect of what ran before it in its frame. A reader expects them beside
the line that made them, so they are moved back to the frame's step before.
"""

import ast
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.failure import FailurePoint
from pytest_recorder.analysis.open_frames import OpenFrames
from pytest_recorder.analysis.parsing import parse_quietly
from pytest_recorder.analysis.source_text import SourceOf
from pytest_recorder.analysis.value_text import RenderValue, render_value
from pytest_recorder.format.events import Event, Value

_MOST_NOTE = 10_000
_MOST_CHANGES = 1_000
"""Of one step. Nobody shows more of either."""
Wanted = Callable[[Event], bool]


@dataclass(slots=True)
class Step:
    """One step: an event that is worth a line, with what it changed."""

    n: int
    kind: str
    file: str
    line: int
    function: str
    depth: int
    note: str = ""
    changes: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class _OpenFrame:
    """What is told of a frame while its events pass."""

    depth: int
    step: Step | None = None
    values: dict[str, Value] = field(default_factory=dict[str, Value])


@dataclass(slots=True)
class Story:
    """The last steps, the step that failed (if any), and the values in its frame then."""

    steps: list[Step]
    failure: Step | None = None
    values: dict[str, Value] = field(default_factory=dict[str, Value])


class _Teller:
    """Collects the last `count` steps up to event `until`; what they changed, later ones show."""

    def __init__(
        self,
        count: int,
        until: int,
        failed_at: int | None,
        wanted: Wanted | None,
        render: RenderValue,
    ) -> None:
        self.story = Story([])
        self._steps: deque[Step] = deque(maxlen=max(count, 1))
        self._until = until
        self._failed_at = failed_at
        self._wanted = wanted
        self._render = render
        self._frames: OpenFrames[_OpenFrame] = OpenFrames(lambda frame: frame.values)

    def feed(self, event: Event) -> None:
        """Take in the next event."""
        if event.frame is None or event.file is None or event.line is None:
            return
        frame = self._frame(event.frame, event)
        if frame.step is not None:
            _add_changes(frame.step, frame.values, event, self._render)
        frame.values.update(event.changes)
        for name in event.deleted:
            frame.values.pop(name, None)
        self._take_step(event, event.file, event.line, frame)
        if event.kind in ("return", "unwind"):
            self._frames.pop(event.frame, None)
        self._frames.note(event)

    def end(self) -> Story:
        """Give what was collected."""
        self.story.steps = list(self._steps)
        return self.story

    def _take_step(self, event: Event, file: str, line: int, frame: _OpenFrame) -> None:
        note = _note(event, self._render)
        if event.kind != "line" and not note:
            return
        step = Step(event.n, event.kind, file, line, event.function or "", frame.depth, note)
        if event.kind in ("call", "line", "resume"):
            frame.step = step
        if event.n > self._until:
            return
        if (self._wanted is None or self._wanted(event)) and not self._is_more_output(step):
            self._steps.append(step)
        if event.n == self._failed_at:
            self.story.failure, self.story.values = step, dict(frame.values)

    def _is_more_output(self, step: Step) -> bool:
        """Join what one `print` wrote in pieces; tell whether the step was joined."""
        last = self._steps[-1] if self._steps else None
        if step.kind != "output" or last is None or last.kind != "output":
            return False
        stream, _, text = step.note.partition(": ")
        if (last.file, last.line) != (step.file, step.line) or not last.note.startswith(stream):
            return False
        if len(last.note) < _MOST_NOTE:
            last.note += f" {text}"
        return True

    def _frame(self, number: int, event: Event) -> _OpenFrame:
        frame = self._frames.get(number)
        if frame is None:
            above = self._frames.get(event.parent or 0)
            frame = self._frames[number] = _OpenFrame(above.depth + 1 if above else 0)
            frame.values.update(event.args or {})
        return frame


def tell(
    events: Iterable[Event],
    count: int,
    *,
    until: int,
    wanted: Wanted | None = None,
    render: RenderValue = render_value,
) -> list[Step]:
    """Collect the last `count` steps up to event `until`."""
    return _told(_Teller(count, until, None, wanted, render), events).steps


def tell_failure(
    events: Iterable[Event],
    count: int,
    point: FailurePoint,
    *,
    wanted: Wanted | None = None,
    render: RenderValue = render_value,
) -> Story:
    """Collect the last `count` steps before a failure, or before the end where there is none."""
    failed_at = point.raised.n if point.raised is not None else None
    until = point.end if failed_at is None else failed_at
    return _told(_Teller(count, until, failed_at, wanted, render), events)


def _told(teller: _Teller, events: Iterable[Event]) -> Story:
    for event in events:
        teller.feed(event)
    return teller.end()


def values_used(story: Story, source_of: SourceOf) -> list[tuple[str, Value]]:
    """Give the values of the names that the failing statement reads."""
    failure = story.failure
    if failure is None:
        return []
    names = names_read(source_of(failure.file) or "", failure.line)
    return [(name, story.values[name]) for name in names if name in story.values]


def names_read(source: str, line: int) -> list[str]:
    """Give the names that the innermost statement around a line reads, in order of appearance."""
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    best: ast.stmt | None = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or 0):
            continue
        if best is None or node.lineno >= best.lineno:
            best = node
    if best is None:
        return []
    # Of a statement with a body only its head failed: the body has statements of its own.
    heads = [child for child in ast.iter_child_nodes(best) if not isinstance(child, ast.stmt)]
    found = [
        node
        for head in heads
        for node in ast.walk(head)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return list(dict.fromkeys(node.id for node in found))


def _add_changes(
    step: Step, values: dict[str, Value], event: Event, render: RenderValue
) -> None:
    """Tell what an event changed, beside the step that did it."""
    for name, value in event.changes.items():
        if len(step.changes) >= _MOST_CHANGES:
            return
        step.changes += describe_change(name, values.get(name), value, render=render)
    left = _MOST_CHANGES - len(step.changes)
    step.changes += [f"del {name}" for name in event.deleted[: max(left, 0)]]


def _note(event: Event, render: RenderValue) -> str:
    """Say what an event other than a line is about; empty for what needs no line of its own."""
    if event.kind == "call":
        args = ", ".join(f"{k}={render(v, width=60)}" for k, v in (event.args or {}).items())
        return f"-> {event.function}({args})"
    if event.kind in ("return", "yield") and event.value is not None:
        arrow = "<-" if event.kind == "return" else "<- yield"
        return f"{arrow} {render(event.value)}"
    if event.kind == "throw" and event.exception is not None:
        return f"-> throw {event.exception.type}"
    if event.kind == "raise" and event.exception is not None:
        first = event.exception.message.partition("\n")[0]
        return f"!! {event.exception.type}: {first}"
    if event.kind in ("output", "log") and event.text is not None:
        text = str(event.text.get("value", ""))
        source = event.stream or f"{event.level} {event.logger}"
        return f"{source}: {text.strip()}" if text.strip() else ""
    return ""
