"""Shows the last steps before a failure as text: place, source, and what each step changed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_recorder.analysis.failure import OF_DOCTESTS, FailurePoint, last_failure_point
from pytest_recorder.analysis.past import LatestEvents
from pytest_recorder.analysis.source_text import SourceLines, SourceOf, shown_file
from pytest_recorder.analysis.story import Step, Story, tell_failure, values_used
from pytest_recorder.analysis.value_text import RenderValue, render_value, safe_text, shorten
from pytest_recorder.format.events import Event

_MOST_PLACE = 40
_MOST_INDENT = 12


def render_steps(
    steps: Sequence[Step], source_of: SourceOf, *, root: Path, width: int = 100
) -> list[str]:
    """Give one line for each step: place, source, and what it changed."""
    if not steps:
        return []
    source = SourceLines(source_of)
    places = [f"{shown_file(step.file, root)}:{step.line}" for step in steps]
    longest = min(max(map(len, places)), _MOST_PLACE)
    base = min(step.depth for step in steps)
    out: list[str] = []
    for step, place in zip(steps, places, strict=True):
        indent = "  " * min(step.depth - base, _MOST_INDENT)
        line = source.line(step.file, step.line)
        text = step.note or ("(no source)" if line is None else line)
        shown = shorten(f"{safe_text(place):<{longest}}  {indent}{safe_text(text)}", width)
        if step.changes:
            shown += f"  # {shorten(safe_text(', '.join(step.changes)), width)}"
        out.append(shown)
    return out


class FailedAt(NamedTuple):
    """Where a test failed, and by what, as pytest says."""

    file: str
    line: int
    exception: str
    message: str
    """Its first line; empty where it is not known."""

    @property
    def text(self) -> str:
        """The exception with its message."""
        if self.message.startswith(self.exception) or not self.message:
            return self.message or self.exception
        return f"{self.exception}: {self.message}"


def last_lines(
    steps: Sequence[Step], failed_at: FailedAt, source_of: SourceOf, *, root: Path
) -> list[str]:
    """Give lines for a failure that the recording has not seen, to stand below its last steps.

    It ended before, or what failed is no code in a file: an example of a doctest.
    """
    file, line = failed_at.file, failed_at.line
    known = steps[-1] if steps else None
    is_there = known is not None and (known.kind, known.file, known.line) == (
        "line",
        file,
        line,
    )
    at = Step(0, "line", file, line, "", 0)
    why = Step(0, "raise", file, line, "", 0, f"!! {failed_at.text}")
    note = "(not recorded, says pytest:)"
    return [note, *render_steps([why] if is_there else [at, why], source_of, root=root)]


def failure_lines(
    events: Iterable[Event],
    source_of: SourceOf,
    *,
    count: int = 20,
    root: Path,
    level: str = "values",
    failed_at: FailedAt | None = None,
    is_over: bool = False,
) -> list[str]:
    """Give the lines that the report of a failing test ends with, from its last events.

    `failed_at` is told where no recorded code has seen the failure: `is_over`, the recording ended
    before, or it is an example of a doctest.
    """
    latest = list(events)
    # The test that they end with is the one that is reported.
    point = last_failure_point(LatestEvents(latest), is_of_run=False)
    is_example = failed_at is not None and failed_at.exception in OF_DOCTESTS
    if is_example:
        # What left a function of an example that passed was expected there.
        point = FailurePoint(point.phase, latest[-1].n + 1 if latest else 0, None, None)
    story = tell_failure(latest, count, point)
    lines = render_steps(story.steps, source_of, root=root)
    if failed_at is not None and point.left is None and (is_over or is_example):
        lines += last_lines(story.steps, failed_at, source_of, root=root)
    if lines:
        lines.insert(0, "last steps before the failure:")
    return lines + used_lines(story, source_of, level)


def used_lines(
    story: Story, source_of: SourceOf, level: str, *, render: RenderValue = render_value
) -> list[str]:
    """Give the values that the failing line used, as lines; below `values` they are not known."""
    used = values_used(story, source_of) if level == "values" else []
    if not used:
        return []
    return ["values used by the failing line:"] + [
        f"  {name} = {render(value, width=200)}" for name, value in used
    ]
