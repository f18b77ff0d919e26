"""Writes a trace as one HTML file, to be opened in a browser."""

import argparse
from pathlib import Path

from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.render.attempt_links import attempts_of
from pytest_recorder.render.page import write_page
from pytest_recorder.render.page_data import MOST_STORED_BYTES
from pytest_recorder.settings.parse import parse_size

HELP = "write a trace as one HTML file, to be opened in a browser"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "trace", type=Path, metavar="TRACE", help="a trace, or a folder of traces"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: the trace's name with .html"
    )
    parser.add_argument(
        "--max-bytes",
        metavar="SIZE",
        help="of a larger trace only what is around the failure (default: 32MiB of events)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the page, and print where it is.

    Of a damaged trace it shows what can be read, and says so.
    """
    most = MOST_STORED_BYTES
    if args.max_bytes is not None:
        most = parse_size(args.max_bytes, "--max-bytes")
    with open_argument(args.trace) as trace:
        output: Path = args.output or trace.path.with_suffix(".html")
        if output.is_dir() or (output.exists() and output.samefile(trace.path)):
            raise usage(
                ErrorCode.TRACE_DIR_CONFLICT,
                f"{str(output)!r} is a folder or the trace itself, expected another file",
            )
        attempts = attempts_of(trace, output)
        write_page(trace, output, attempts=attempts, most_stored_bytes=most)
        print(output)
        check_whole(trace)
    return 0
