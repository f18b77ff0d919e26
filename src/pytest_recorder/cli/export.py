"""Exports a trace in the form of other programs."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.cli.progress import with_progress
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.export.jsonl import dump, to_objects
from pytest_recorder.system.atomic_write import write_text_whole
from pytest_recorder.tracefile.reader import Trace

HELP = "write a trace as JSON lines"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("trace", type=Path, metavar="TRACE")
    parser.add_argument("--format", choices=("jsonl",), default="jsonl", help="jsonl")
    parser.add_argument(
        "--objects",
        action="store_true",
        help="also a line for each object that comes into view, and for each change of it",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: stdout")


def run(args: argparse.Namespace) -> int:
    """Write the export; a file is written whole or not at all.

    Of a damaged trace it holds what can be read, with a trailer that says so.
    """
    with open_argument(args.trace) as trace:
        lines = (dump(item) + "\n" for item in to_objects(trace, has_objects=args.objects))
        counted = with_progress(lines, len(trace), "export")
        if args.output is None:
            sys.stdout.writelines(counted)
        else:
            _write(args.output, counted, trace)
        check_whole(trace)
    return 0


def _write(output: Path, lines: Iterable[str], trace: Trace) -> None:
    if output.exists() and output.samefile(trace.path):
        raise usage(
            ErrorCode.TRACE_DIR_CONFLICT,
            f"{str(output)!r} is the trace itself, expected another file",
        )
    write_text_whole(output, lines, "export", encoding="ascii", errors="strict")
