"""Joins trace folders, those of the shards of a test suite, into a new one."""

import argparse
from pathlib import Path

from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.cli.complaint import complain
from pytest_recorder.cli.recover import recover_folder, recovered_line
from pytest_recorder.errors import exit_status
from pytest_recorder.render.attempt_links import relink_pages
from pytest_recorder.render.index_page import write_index_page
from pytest_recorder.render.quantities import count
from pytest_recorder.tracefile.merge import merge

HELP = "join the trace folders of several runs into one"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="is only read")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="OUT", help="a new or empty folder"
    )


def run(args: argparse.Namespace) -> int:
    """Merge; say what was wrong with single shards, which does not stop the rest."""
    merged = merge(args.folders, args.output)
    # Of what a process left that died; its folder may not have been looked at since.
    recovered = recover_folder(args.output)
    unlinked = relink_pages(args.output)
    write_index_page(args.output)
    for entry in recovered.entries:
        print(recovered_line(args.output, entry))
    kept = sum(entry.trace is not None for entry in merged.entries)
    runs = len({entry.run_id for entry in merged.entries})
    what = f"merged {count(kept, 'trace')} of {count(runs, 'run')} into {args.output}"
    print(safe_text(what))
    errors = [*merged.errors, *recovered.errors, *unlinked]
    for error in errors:
        complain(error, args)
    return exit_status(errors[0]) if errors else 0
