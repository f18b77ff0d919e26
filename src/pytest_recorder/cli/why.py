"""Says where a value came from: the chain of what made it so."""

import argparse
from pathlib import Path

from pytest_recorder.analysis.origins import origin_object
from pytest_recorder.analysis.queries import why
from pytest_recorder.analysis.value_text import render_value
from pytest_recorder.cli.answers import add_arguments, place_text, say, say_json
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.render.origin_tree import render_origins

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
        at = answer.at
        if args.json:
            say_json(
                {
                    "name": answer.name,
                    "value": answer.value,
                    "n": at.n,
                    "file": at.file,
                    "line": at.line,
                    "function": at.function,
                    "origins": [origin_object(origin) for origin in answer.origins],
                }
            )
        else:
            root = trace.manifest.root
            value = "(not recorded)" if answer.value is None else render_value(answer.value)
            place = place_text(at.file, at.line, root)
            say(f"{answer.name} = {value}  [{place} {at.function}]")
            lines = render_origins(answer.origins, Path(root), most=_MOST_LINES)
            say(*(f"  {line}" for line in lines or ["nothing is known of where it came from"]))
        check_whole(trace)
    return 0
