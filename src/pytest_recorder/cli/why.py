"""Says where a value came from: the chain of what made it so."""

import argparse
from pathlib import Path

from pytest_recorder.analysis.origins import origin_object, render_origins
from pytest_recorder.analysis.queries import why
from pytest_recorder.analysis.value_text import render_value
from pytest_recorder.cli.answers import add_arguments, place_text, say, say_json
from pytest_recorder.cli.locate import check_whole, open_argument

HELP = "say where a value came from"
_MOST_LINES = 160


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser)
    parser.add_argument(
        "question",
        metavar="NAME[@[FILE:]LINE]",
        help="a variable, order.lines and rows[0] too; where it failed, or when a line ran last",
    )


def run(args: argparse.Namespace) -> int:
    """Print the value and what made it so."""
    with open_argument(args.trace) as trace:
        answer = why(trace, args.question, args.test)
        moment = answer.moment
        if args.json:
            say_json(
                {
                    "name": answer.name,
                    "value": answer.value,
                    "n": moment.n,
                    "file": moment.file,
                    "line": moment.line,
                    "function": moment.function,
                    "origins": [origin_object(origin) for origin in answer.origins],
                }
            )
        else:
            root = trace.manifest.root
            value = "(not recorded)" if answer.value is None else render_value(answer.value)
            place = place_text(moment.file, moment.line, root)
            say(f"{answer.name} = {value}  [{place} {moment.function}]")
            lines = render_origins(answer.origins, Path(root), most=_MOST_LINES)
            say(*(f"  {line}" for line in lines or ["nothing is known of where it came from"]))
        check_whole(trace)
    return 0
