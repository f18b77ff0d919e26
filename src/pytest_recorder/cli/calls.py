"""Lists every call of a function with arguments, result, caller and time."""

import argparse

from pytest_recorder.analysis.queries import Called, calls
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
            lambda called: _line(called, root),
            f"{args.function} was not called, or not recorded",
        )
        check_whole(trace)
    return 0


def _plain(called: Called) -> dict[str, object]:
    caller = called.caller
    return {
        "n": called.n,
        "frame": called.frame,
        "thread": called.thread,
        "file": called.file,
        "line": called.line,
        "function": called.function,
        "args": called.args,
        "caller": None
        if caller is None
        else {"file": caller[0], "line": caller[1], "function": caller[2]},
        "end": called.end,
        "result": called.result,
        "exception": None if called.exception is None else exception_object(called.exception),
        "yields": called.yields,
        "time_us": called.time_us,
        "duration_us": called.duration_us,
    }


def _line(called: Called, root: str) -> str:
    text = f"{called.function}({named_values((called.args or {}).items(), width=40)})"
    if called.exception is not None:
        first = called.exception.message.partition("\n")[0]
        text += f" !! {called.exception.type}: {first}"
    elif called.result is not None:
        text += f" -> {render_value(called.result, width=60)}"
    else:
        text += " ... was running when the recording ended"
    if called.yields:
        text += f" after {called.yields} yields"
    if called.caller is not None:
        text += f"  [from {place_text(called.caller[0], called.caller[1], root)}]"
    if called.duration_us is not None:
        text += f"  {called.duration_us:,} us"
    return f"{called.n:>8}  {text}"
