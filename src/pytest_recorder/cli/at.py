"""Lists every execution of a line with the variables of its frame."""

import argparse
from pathlib import Path

from pytest_recorder.analysis.occurrences import Execution, executions
from pytest_recorder.analysis.position import parse_location
from pytest_recorder.cli.answers import add_arguments, named_values, place_text, say_each
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.cli.progress import with_progress
from pytest_recorder.errors import ErrorCode, usage

HELP = "list the executions of a line, with all variables just before it"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser, has_test=False)
    parser.add_argument("place", metavar="FILE:LINE", help="the file by its path or its end")


def run(args: argparse.Namespace) -> int:
    """Print a line for each execution."""
    location = parse_location(args.place)
    if location.file is None:
        raise usage(ErrorCode.QUERY, f"bad place {args.place!r}, expected FILE:LINE")
    with open_argument(args.trace) as trace:
        root = trace.manifest.root
        events = with_progress(trace.events(), len(trace), "read")
        say_each(
            executions(events, location, Path(root)),
            _plain if args.json else None,
            lambda execution: _line(execution, root),
            f"{args.place} did not run, or was not recorded",
        )
        check_whole(trace)
    return 0


def _plain(execution: Execution) -> dict[str, object]:
    return {
        "n": execution.n,
        "kind": execution.kind,
        "frame": execution.frame,
        "thread": execution.thread,
        "file": execution.file,
        "line": execution.line,
        "function": execution.function,
        "locals": execution.locals,
    }


def _line(execution: Execution, root: str) -> str:
    shown = named_values(execution.locals.items(), width=50)
    place = place_text(execution.file, execution.line, root)
    return f"{execution.n:>8}  {place} {execution.function}  {shown}"
