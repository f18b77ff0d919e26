"""Gives the history of a variable: each change, by which line, and by whom."""

import argparse

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.queries import ValueChange, values
from pytest_recorder.analysis.value_text import INFERRED, shorten
from pytest_recorder.cli.answers import add_arguments, place_text, say_each
from pytest_recorder.cli.locate import check_whole, open_argument

HELP = "give the history of a variable"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser)
    parser.add_argument("name", metavar="NAME", help="x, order.lines, rows[0]")
    parser.add_argument(
        "--at",
        metavar="failure|N|FILE:LINE",
        help="in the frame of this moment, up to it: the failure (default), an event, a line",
    )


def run(args: argparse.Namespace) -> int:
    """Print a line for each change."""
    with open_argument(args.trace) as trace:
        root = trace.manifest.root
        say_each(
            values(trace, args.name, args.at, args.test),
            _plain if args.json else None,
            lambda change: _line(args.name, change, root),
        )
        check_whole(trace)
    return 0


def _plain(change: ValueChange) -> dict[str, object]:
    by = change.by
    return {
        "n": change.n,
        "file": change.file,
        "line": change.line,
        "function": change.function,
        "how": change.how,
        "old": change.old,
        "new": change.new,
        "by": None
        if by is None
        else {"n": by.n, "file": by.file, "line": by.line, "function": by.function},
        "through": change.through,
        "object": change.object,
        "is_doubtful": change.is_doubtful,
    }


def _line(name: str, change: ValueChange, root: str) -> str:
    what = f"del {name}"
    if change.new is not None:
        what = shorten(", ".join(describe_change(name, change.old, change.new)), 110)
    how = "argument: " if change.how == "argument" else ""
    text = f"{place_text(change.file, change.line, root)}  {how}{what}  [event {change.n}]"
    if change.by is not None:
        by = place_text(change.by.file, change.by.line, root)
        text += f"  by {change.by.function} at {by}"
        if change.through is not None:
            text += f" through {change.through}"
    if change.object is not None:
        text += f", object #{change.object}"
    return f"{text} ({INFERRED})" if change.is_doubtful else text
