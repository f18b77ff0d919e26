"""Tells a trace as a tree of calls, event by event, holding only what is open."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.open_frames import OpenFrames
from pytest_recorder.analysis.source_text import shown_file
from pytest_recorder.analysis.story import Wanted
from pytest_recorder.analysis.value_text import RenderValue, render_value, safe_text, shorten
from pytest_recorder.format.events import Event, Value

_MOST_INDENT = 30


@dataclass(slots=True)
class _OpenCall:
    depth: int
    is_shown: bool
    levels: int | None = None  # said last
    values: dict[str, Value] = field(default_factory=dict[str, Value])


class TreePrinter:
    """Gives the lines of a tree; `wanted` picks the calls to show, whose depth stays true.

    `render` writes values.
    """

    def __init__(
        self,
        root: Path,
        *,
        wanted: Wanted | None = None,
        source_of: Callable[[str, int], str | None] | None = None,
        width: int = 120,
        render: RenderValue = render_value,
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._source_of = source_of
        self._width = width
        self._render = render
        self._frames: OpenFrames[_OpenCall] = OpenFrames(lambda frame: frame.values)

    def lines(self, events: Iterable[Event]) -> Iterator[str]:
        """Give the tree line by line."""
        for event in events:
            yield from self._event(event)
            self._frames.note(event)

    def _event(self, event: Event) -> Iterator[str]:
        if event.kind == "span":
            if self._wanted is None and event.edge == "begin":
                yield f"{event.phase}{f' {safe_text(event.name)}' if event.name else ''}"
            return
        if event.kind == "gap":
            yield f"  ... {event.dropped} events are missing here: {safe_text(event.reason or '')}"
            return
        if event.kind == "level":
            yield f"  ... the level is {event.level} from here on"
            return
        frame = self._frame(event)
        if not frame.is_shown:
            self._close(event)
            return
        indent = "  " * min(frame.depth + 1, _MOST_INDENT)
        levels = [f"{indent}  {text}" for text in _levels_text(frame, event)]
        if event.kind != "call":
            yield from levels
        if self._source_of is not None:
            changed = [
                text
                for name, value in event.changes.items()
                for text in describe_change(
                    name, frame.values.get(name), value, render=self._render
                )
            ]
            frame.values.update(event.changes)
            if changed:
                yield shorten(f"{indent}    # {safe_text(', '.join(changed))}", self._width)
        for text in self._texts(event):
            yield shorten(indent + safe_text(text), self._width)
        if event.kind == "call":
            yield from levels
        self._close(event)

    def _frame(self, event: Event) -> _OpenCall:
        number = event.frame or 0
        frame = self._frames.get(number)
        if frame is None:
            above = self._frames.get(event.parent or 0) if event.parent else None
            shown = self._wanted is None or self._wanted(event)
            depth = above.depth + 1 if above is not None else 0
            frame = _OpenCall(depth, shown, values=dict(event.args or {}))
            if number:
                self._frames[number] = frame
        return frame

    def _close(self, event: Event) -> None:
        if event.kind in ("return", "unwind") and event.frame is not None:
            self._frames.pop(event.frame, None)

    def _texts(self, event: Event) -> Iterator[str]:
        place = f"{shown_file(event.file, self._root)}:{event.line}" if event.file else ""
        if event.kind == "call":
            args = ", ".join(f"{k}={self._render(v)}" for k, v in (event.args or {}).items())
            yield f"{event.function}({args})  [{place}]"
        elif event.kind == "line":
            if (
                self._source_of is not None
                and event.file is not None
                and event.line is not None
            ):
                yield f"  {place}  {self._source_of(event.file, event.line) or ''}"
        elif event.kind in ("return", "yield") and event.value is not None:
            word = "" if event.kind == "return" else "yield "
            yield f"-> {word}{self._render(event.value)}"
        elif event.kind in ("raise", "unwind", "throw") and event.exception is not None:
            word = {"raise": "!!", "unwind": "-> !!", "throw": "<- throw"}[event.kind]
            yield f"{word} {event.exception.type}: {event.exception.message}  [{place}]"
        elif event.kind == "output" and event.text is not None:
            yield f"{event.stream}: {event.text.get('value')!r}"
        elif event.kind == "log" and event.text is not None:
            yield f"{event.level} {event.logger}: {event.text.get('value')}"


def _levels_text(frame: _OpenCall, event: Event) -> Iterator[str]:
    """Say how much of its values a frame shows, where that becomes less or more."""
    said, frame.levels = frame.levels, event.levels
    if event.levels == said:
        return
    if event.levels is None:
        yield "(values of this frame: all levels)"
    else:
        shown = f"{event.levels} level{'s' if event.levels > 1 else ''}"
        yield f"(values of this frame: {shown}, too many objects in view)"
