"""Recovers what processes left in a trace folder that died while they recorded."""

import argparse
import sys
from pathlib import Path

from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.cli.complaint import complain
from pytest_recorder.errors import RecorderError, exit_status
from pytest_recorder.render.attempt_words import attempt_label
from pytest_recorder.render.index_page import write_index_page
from pytest_recorder.render.sidecar import write_failure
from pytest_recorder.settings import DEFAULT_FOLDER
from pytest_recorder.system.locks import is_alive
from pytest_recorder.tracefile.index import Entry
from pytest_recorder.tracefile.recovery import Recovery
from pytest_recorder.tracefile.recovery import recover as recover_traces

HELP = "make traces of what processes left that died"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", nargs="?", default=DEFAULT_FOLDER, type=Path, metavar="DIR")


def run(args: argparse.Namespace) -> int:
    """Recover, and print a line for each trace."""
    found = recover_folder(args.folder)
    for entry in found.entries:
        print(recovered_line(args.folder, entry))
    if not found.entries and not found.errors:
        print("nothing to recover")
    say_problems(found, args)
    return exit_status(found.errors[0]) if found.errors else 0


def recover_folder(folder: Path) -> Recovery:
    """Recover traces, and write the explanation of each beside it; raises as `recover` does."""
    found = recover_traces(folder)
    for entry in found.entries:
        try:
            if entry.trace is not None:
                write_failure(folder / entry.trace)
        except RecorderError as error:
            found.errors.append(error)
    if found.entries:
        try:
            write_index_page(folder)
        except RecorderError as error:
            found.errors.append(error)
    return found


def recovered_line(folder: Path, entry: Entry) -> str:
    """Say in one line what was recovered."""
    attempt = attempt_label(entry.attempt, entry.rerun)
    dropped = f", {entry.dropped:,} dropped" if entry.dropped else ""
    where = str(folder / entry.trace) if entry.trace is not None else "(not kept)"
    return safe_text(
        f"recovered {entry.test}{attempt}: {entry.outcome or '-'}, {entry.status},"
        f" {entry.events:,} events{dropped} -> {where}"
    )


def say_problems(found: Recovery, args: argparse.Namespace) -> None:
    """Say on stderr which spools were left alone, and what was wrong with others."""
    for pid in sorted({pid for pid in found.alive if is_alive(pid)}):
        print(f"process {pid} is still recording, its spool was left alone", file=sys.stderr)
    for error in found.errors:
        complain(error, args)
