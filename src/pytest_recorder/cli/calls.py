"""Lists every call of a function with arguments, result, caller and time."""

import argparse

from pytest_recorder.analysis.occurrences import CallRecord, calls
from pytest_recorder.analysis.value_text import render_value
from pytest_recorder.cli.answers import add_arguments, named_values, place_text, say_each
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.cli.progress import with_progress
from pytest_recorder.export.jsonl import exception_object

HELP = "list the calls of a function"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser, has_test=False)
    parser.add_argument("function", metavar="FUNCTION", help="a name, Class.name, or a pattern")


def run(args: argparse.Namespace) -> int:
    """Print a line for each call."""
    with open_argument(args.trace) as trace:
        root = trace.manifest.root
        events = with_progress(trace.events(), len(trace), "read")
        say_each(
            calls(events, args.function),
            _plain if args.json else None,
            lambda record: _line(record, root),
            f"{args.function} was not called, or not recorded",
        )
        check_whole(trace)
    return 0


def _plain(record: CallRecord) -> dict[str, object]:
    caller = record.caller
    return {
        "n": record.n,
        "frame": record.frame,
        "thread": record.thread,
        "file": record.file,
        "line": record.line,
        "function": record.function,
        "args": record.args,
        "caller": None
        if caller is None
        else {"file": caller[0], "line": caller[1], "function": caller[2]},
        "end": record.end,
        "result": record.result,
        "exception": None if record.exception is None else exception_object(record.exception),
        "yields": record.yields,
        "time_us": record.time_us,
        "duration_us": record.duration_us,
    }


def _line(record: CallRecord, root: str) -> str:
    text = f"{record.function}({named_values((record.args or {}).items(), width=40)})"
    if record.exception is not None:
        first = record.exception.message.partition("\n")[0]
        text += f" !! {record.exception.type}: {first}"
    elif record.result is not None:
        text += f" -> {render_value(record.result, width=60)}"
    else:
        text += " ... was running when the recording ended"
    if record.yields:
        text += f" after {record.yields} yields"
    if record.caller is not None:
        text += f"  [from {place_text(record.caller[0], record.caller[1], root)}]"
    if record.duration_us is not None:
        text += f"  {record.duration_us:,} us"
    return f"{record.n:>8}  {text}"
