"""Tells what became of one object: who changed it, and what held it."""

import argparse
from collections.abc import Iterator
from typing import Any

from pytest_recorder.analysis.change_text import describe_parts
from pytest_recorder.analysis.object_story import (
    Changed,
    ObjectStory,
    holder_text,
    object_story,
)
from pytest_recorder.analysis.value_text import INFERRED, render_value, short_type
from pytest_recorder.cli.answers import add_arguments, place_text, say, say_json
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.export.jsonl import change_object
from pytest_recorder.tracefile.object_index import Holder, Place

HELP = "tell what became of an object: who changed it, what held it"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser)
    parser.add_argument(
        "object",
        metavar="NUMBER|NAME[@[FILE:]LINE]",
        help="its number, 17 or #17; or a variable that holds it, as for why",
    )


def run(args: argparse.Namespace) -> int:
    """Print when it was in view, each change, and what held it."""
    with open_argument(args.trace) as trace:
        story = object_story(trace, args.object, args.test)
        answers = _objects(story) if args.json else None
        if answers is not None:
            for answer in answers:
                say_json(answer)
        else:
            for line in _lines(story, trace.manifest.root):
                say(line)
            if trace.manifest.format == 1:
                say("a trace of format 1 tells of no changes")
            if trace.objects.is_cut:
                say("something was left out: more than a reader holds at once")
        check_whole(trace)
    return 0


def _objects(story: ObjectStory) -> Iterator[dict[str, Any]]:
    life = story.life
    yield {
        "kind": "life",
        "object": life.number,
        "type": life.type,
        "first": _place(story.first),
        "last": _place(story.last),
    }
    for changed in story.changes:
        by = _place(changed.by) if changed.by is not None else None
        yield change_object(changed.change) | {"by": by, "through": changed.through}
    for holder in story.holders:
        yield {
            "kind": "holder",
            "how": holder.how,
            "file": holder.file,
            "function": holder.function,
            "name": holder.name,
            "path": holder_text(holder) if holder.how == "variable" else None,
            "first": holder.first,
            "last": holder.last,
            "frames": holder.frames,
        }


def _place(place: Place) -> dict[str, Any]:
    return {
        "n": place.n,
        "file": place.file,
        "line": place.line,
        "function": place.function,
    }


def _lines(story: ObjectStory, root: str) -> Iterator[str]:
    life = story.life
    name = f"{short_type(life.type or 'object')} #{life.number}"
    for word, place in (("first met", story.first), ("last seen", story.last)):
        yield f"{name}: {word} at event {place.n}{_where(place, root)}"
    yield "changes:"
    for changed in story.changes:
        yield f"  {_change(changed, root)}"
    yield "held by:"
    for holder in story.holders:
        yield f"  {_holder(holder, root)}"


def _where(place: Place | None, root: str) -> str:
    if place is None or place.file is None:
        return ""
    return f"  [{place_text(place.file, place.line, root)} {place.function}]"


def _change(changed: Changed, root: str) -> str:
    change, through = changed.change, changed.through
    if change.value is not None:
        what = f"{change.how}: {render_value(change.value, width=80)}"
    else:
        what = describe_parts(change)
    doubt = f" ({INFERRED})" if change.is_doubtful else ""
    by = f" through {through[0]}" if through else ""
    return f"{change.n:>8}  {what}{doubt}{by}{_where(changed.by, root)}"


def _holder(holder: Holder, root: str) -> str:
    if holder.how == "variable":
        what = holder_text(holder)
    else:
        what = {"result": "returned", "exception": "passed as an exception"}[holder.how]
    where = "" if holder.file is None else f" in {holder.function} ({_file(holder, root)})"
    calls = "" if holder.frames == 1 else f", in {holder.frames} calls"
    return f"{holder.first:>8} to {holder.last}  {what}{where}{calls}"


def _file(holder: Holder, root: str) -> str:
    return place_text(holder.file, 0, root).removesuffix(":0")
