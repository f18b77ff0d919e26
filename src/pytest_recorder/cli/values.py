"""Gives the history of a variable: each change, by which line, and by whom."""

import argparse

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.queries import Write, values
from pytest_recorder.analysis.value_text import shorten
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
            lambda write: _line(args.name, write, root),
        )
        check_whole(trace)
    return 0


def _plain(write: Write) -> dict[str, object]:
    by = write.by
    return {
        "n": write.n,
        "file": write.file,
        "line": write.line,
        "function": write.function,
        "how": write.how,
        "old": write.old,
        "new": write.new,
        "by": None
        if by is None
        else {"n": by.n, "file": by.file, "line": by.line, "function": by.function},
    }


def _line(name: str, write: Write, root: str) -> str:
    what = f"del {name}"
    if write.new is not None:
        what = shorten(", ".join(describe_change(name, write.old, write.new)), 110)
    how = "argument: " if write.how == "argument" else ""
    text = f"{place_text(write.file, write.line, root)}  {how}{what}  [event {write.n}]"
    if write.by is not None:
        by = place_text(write.by.file, write.by.line, root)
        text += f"  by {write.by.function} at {by}"
    return text
