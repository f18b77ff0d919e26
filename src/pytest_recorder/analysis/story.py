"""Tells the last steps before a failure: data first, lines of text second.

An event's changes are the effect of what ran before it in its frame. A reader expects them beside
the line that made them, so they are moved back to the frame's step before.
"""

import ast
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.parsing import parse_quietly
from pytest_recorder.analysis.value_text import render_value, safe_text, shorten
from pytest_recorder.format.events import Event, Value

SourceOf = Callable[[str], str | None]
Wanted = Callable[[Event], bool]

_QUIET = frozenset(("StopIteration", "StopAsyncIteration", "GeneratorExit"))


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
class _Live:
    """What is known of a frame while its events pass."""

    depth: int
    step: Step | None = None
    values: dict[str, Value] = field(default_factory=dict[str, Value])


@dataclass(slots=True)
class Story:
    """The last steps, the step that failed (if any), and the values in its frame then."""

    steps: list[Step]
    failure: Step | None = None
    values: dict[str, Value] = field(default_factory=dict[str, Value])


class Teller:
    """Collects the steps of a stream of events, keeping the last `count`.

    The failure is the exception that left the outermost frame of a phase that failed: one that was
    handled, or that came later in the teardown, is not what the reader asks for. Without phases (a
    program that was recorded by the API) it is the last exception that left an outermost frame.
    """

    def __init__(
        self, count: int, until: int | None = None, wanted: Wanted | None = None
    ) -> None:
        self._steps: deque[Step] = deque(maxlen=max(count, 1))
        self._until = until
        self._wanted = wanted
        self._frames: dict[int, _Live] = {}
        self._raised: dict[int, Story] = {}
        self._candidate: Story | None = None
        self._story: Story | None = None
        self._failed_test: str | None = None

    def feed(self, event: Event) -> None:
        """Take in the next event."""
        if event.kind == "span":
            self._see_phase(event)
        if event.frame is None or event.file is None or event.line is None:
            return
        live = self._live(event)
        if live.step is not None:
            for name, value in event.changes.items():
                live.step.changes += describe_change(name, live.values.get(name), value)
            live.step.changes += [f"del {name}" for name in event.deleted]
        live.values.update(event.changes)
        for name in event.deleted:
            live.values.pop(name, None)
        if self._until is not None and event.n > self._until:
            return
        note = _note(event)
        if event.kind == "line" or note:
            function = event.function or ""
            step = Step(event.n, event.kind, event.file, event.line, function, live.depth, note)
            if (self._wanted is None or self._wanted(event)) and not self._is_more_output(step):
                self._steps.append(step)
            if event.kind in ("call", "line", "resume"):
                live.step = step
            if event.kind == "raise" and event.exception is not None:
                self._raised[event.exception.id] = self._tell(step, live)
        if event.kind in ("return", "unwind"):
            self._frames.pop(event.frame, None)
        error = event.exception
        has_left = event.kind == "unwind" and not live.depth
        if has_left and error is not None and error.type not in _QUIET:
            self._candidate = self._raised.get(error.id) or self._tell(None, live)

    def story(self) -> Story:
        """Give the story up to the failure, or the last steps where nothing failed."""
        return self._story or self._candidate or Story(list(self._steps))

    def steps(self) -> list[Step]:
        """Give the last steps, whatever failed."""
        return list(self._steps)

    def _see_phase(self, event: Event) -> None:
        if event.phase == "fixture":
            return
        if event.edge == "begin":
            self._candidate = None
            self._raised.clear()
        elif event.outcome == "failed" and (
            self._story is None or event.name != self._failed_test
        ):
            self._story = self._candidate or Story(list(self._steps))
            self._failed_test = event.name
        if event.edge == "end":
            self._candidate = None

    def _tell(self, failure: Step | None, live: _Live) -> Story:
        return Story(list(self._steps), failure, dict(live.values))

    def _is_more_output(self, step: Step) -> bool:
        """Join what one `print` wrote in pieces; tell whether the step is taken up so."""
        last = self._steps[-1] if self._steps else None
        if step.kind != "output" or last is None or last.kind != "output":
            return False
        stream, _, text = step.note.partition(": ")
        if (last.file, last.line) != (step.file, step.line) or not last.note.startswith(stream):
            return False
        last.note += f" {text}"
        return True

    def _live(self, event: Event) -> _Live:
        number = event.frame or 0
        live = self._frames.get(number)
        if live is None:
            above = self._frames.get(event.parent or 0)
            live = self._frames[number] = _Live(above.depth + 1 if above is not None else 0)
            live.values.update(event.args or {})
        return live


def tell(
    events: Iterable[Event],
    count: int,
    *,
    until: int | None = None,
    wanted: Wanted | None = None,
) -> Story:
    """Collect the last `count` steps before the failure, or before event `until`."""
    teller = Teller(count, until, wanted)
    for event in events:
        teller.feed(event)
    return teller.story() if until is None else Story(teller.steps())


def render_steps(
    steps: Sequence[Step], source_of: SourceOf, *, root: Path, width: int = 100
) -> list[str]:
    """Give one line for each step: place, source, and what it changed."""
    if not steps:
        return []
    lines_of = _Sources(source_of)
    places = [f"{shown_file(step.file, root)}:{step.line}" for step in steps]
    longest = min(max(map(len, places)), 40)
    base = min(step.depth for step in steps)
    out: list[str] = []
    for step, place in zip(steps, places, strict=True):
        indent = "  " * min(step.depth - base, 12)
        text = step.note or lines_of.line(step.file, step.line)
        changed = ", ".join(step.changes)
        left = f"{safe_text(place):<{longest}}  {indent}{safe_text(text)}"
        out.append(shorten(left, width) if not changed else _beside(left, changed, width))
    return out


def _beside(left: str, changed: str, width: int) -> str:
    left = shorten(left, width)
    changes = shorten(safe_text(changed), width)
    return f"{left}  # {changes}"


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


def failure_story(
    events: Iterable[Event],
    source_of: SourceOf,
    *,
    count: int = 20,
    root: Path,
    level: str = "values",
) -> list[str]:
    """Give the lines that the report of a failing test ends with."""
    story = tell(events, count)
    lines = render_steps(story.steps, source_of, root=root)
    if lines:
        lines.insert(0, "last steps before the failure:")
    return lines + used_lines(story, source_of, level)


def used_lines(story: Story, source_of: SourceOf, level: str) -> list[str]:
    """Give the values that the failing line used, as lines; below `values` they are not known."""
    used = values_used(story, source_of) if level == "values" else []
    if not used:
        return []
    return ["values used by the failing line:"] + [
        f"  {name} = {render_value(value, width=200)}" for name, value in used
    ]


def shown_file(file: str, root: Path) -> str:
    """Give a path relative to the project where it lies in it."""
    prefix = str(root).rstrip(os.sep) + os.sep
    return file.removeprefix(prefix)


def _note(event: Event) -> str:
    """Say what an event other than a line is about; empty for what needs no line of its own."""
    if event.kind == "call":
        args = ", ".join(
            f"{k}={render_value(v, width=60)}" for k, v in (event.args or {}).items()
        )
        return f"-> {event.function}({args})"
    if event.kind in ("return", "yield") and event.value is not None:
        arrow = "<-" if event.kind == "return" else "<- yield"
        return f"{arrow} {render_value(event.value)}"
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


def source_lines(source: str) -> list[str]:
    """Split as Python counts lines: `str.splitlines` would also split at form feeds."""
    return source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


class _Sources:
    """Looks up lines; each file is split once."""

    def __init__(self, source_of: SourceOf) -> None:
        self._source_of = source_of
        self._lines: dict[str, list[str]] = {}

    def line(self, file: str, line: int) -> str:
        if file not in self._lines:
            self._lines[file] = source_lines(self._source_of(file) or "")
        lines = self._lines[file]
        return lines[line - 1].strip() if 0 < line <= len(lines) else "(no source)"
