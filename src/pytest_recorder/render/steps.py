"""Shows the last steps before a failure as text: place, source, and what each step changed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_recorder.analysis.failure import last_failure_point
from pytest_recorder.analysis.past import LatestEvents
from pytest_recorder.analysis.source_text import SourceLines, SourceOf, shown_file
from pytest_recorder.analysis.story import Step, Story, tell_failure, values_used
from pytest_recorder.analysis.value_text import render_value, safe_text, shorten
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


def failure_lines(
    events: Iterable[Event],
    source_of: SourceOf,
    *,
    count: int = 20,
    root: Path,
    level: str = "values",
) -> list[str]:
    """Give the lines that the report of a failing test ends with, from its last events."""
    latest = list(events)
    # The test that they end with is the one that is reported.
    point = last_failure_point(LatestEvents(latest), is_of_run=False)
    story = tell_failure(latest, count, point)
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
