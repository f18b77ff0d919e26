"""Explains a failure: what it was, where the values came from, and what was not recorded."""

import argparse
import sys

from pytest_recorder.cli.answers import add_arguments, say_json
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.render.explanation import explain
from pytest_recorder.render.explanation_object import explanation_object

HELP = "explain the failure in a trace, in at most 200 lines of Markdown"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the explanation."""
    with open_argument(args.trace) as trace:
        if args.json:
            say_json(explanation_object(trace, test=args.test))
        else:
            sys.stdout.write(explain(trace, test=args.test))
        check_whole(trace)
    return 0
