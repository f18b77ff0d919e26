"""Lists the traces of a folder, from its index; recovers first what dead processes left."""

import argparse
import sys
from pathlib import Path

from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.cli.recover import recover_folder, recovered_line, say_problems
from pytest_recorder.errors import RecorderError
from pytest_recorder.render.attempt_words import attempt_label
from pytest_recorder.render.index_markdown import entry_table
from pytest_recorder.settings import DEFAULT_FOLDER
from pytest_recorder.tracefile.index import HARMLESS, Entry, Index, read_index

_MOST_MARKDOWN = 1024 * 1024
"""As much as Buildkite takes for an annotation, and GitHub for the summary of a step."""

HELP = "list the traces of a folder"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", nargs="?", default=DEFAULT_FOLDER, type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print the index as JSON")
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="print a table of the failures",
    )


def run(args: argparse.Namespace) -> int:
    """Print the index; what was recovered for it is said on stderr."""
    _recover(args)
    index = read_index(args.folder)
    if args.json:
        sys.stdout.write(_json(index))
        return 0
    if args.markdown:
        failures = [entry for entry in index.tests if entry.outcome not in HARMLESS]
        lines = entry_table(failures, args.folder.as_posix(), most_bytes=_MOST_MARKDOWN)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return 0
    for entry in index.tests:
        print(_row(entry))
    if not index.tests:
        print("no traces were kept")
    return 0


def _recover(args: argparse.Namespace) -> None:
    try:
        found = recover_folder(args.folder)
    except RecorderError:
        # `read_index` says it.
        return
    for entry in found.entries:
        print(recovered_line(args.folder, entry), file=sys.stderr)
    say_problems(found, args)


def _json(index: Index) -> str:
    import json

    content = index.plain()
    return json.dumps(content, indent=2) + "\n"


def _row(entry: Entry) -> str:
    attempt = attempt_label(entry.attempt, entry.rerun)
    status = entry.status + (f" {entry.reason}" if entry.reason else "")
    dropped = f", {entry.dropped:,} dropped" if entry.dropped else ""
    head = f"{entry.outcome or '-':<11} {status:<10} {entry.events:>10,} events{dropped}"
    return safe_text(f"{head}  {entry.test}{attempt}  {entry.trace or '(not kept)'}")
