"""Exports a trace in the form of other programs."""

import argparse
import os
import sys
from pathlib import Path

from pytest_recorder.cli.locate import open_argument
from pytest_recorder.cli.progress import with_progress
from pytest_recorder.errors import ErrorCode, from_os_error, usage
from pytest_recorder.export.jsonl import dump, to_objects

HELP = "write a trace as JSON lines"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("trace", type=Path, metavar="TRACE")
    parser.add_argument("--format", choices=("jsonl",), default="jsonl", help="jsonl")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: stdout")


def run(args: argparse.Namespace) -> int:
    """Write the export; a file is written whole or not at all."""
    with open_argument(args.trace) as trace:
        lines = (dump(item) + "\n" for item in to_objects(trace))
        counted = with_progress(lines, len(trace), "export")
        if args.output is None:
            sys.stdout.writelines(counted)
            return 0
        if args.output.exists() and args.output.samefile(trace.path):
            raise usage(
                ErrorCode.TRACE_DIR_CONFLICT,
                f"{str(args.output)!r} is the trace itself, expected another file",
            )
        staged = args.output.with_name(args.output.name + ".part")
        try:
            with open(staged, "w", encoding="ascii", newline="\n") as file:
                file.writelines(counted)
            os.replace(staged, args.output)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise from_os_error(error, "cannot write the export", path=args.output) from error
    return 0
