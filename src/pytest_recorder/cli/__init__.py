"""Is the command `pytest-recorder`: finds the sub-command, turns errors into exit statuses.

Each sub-command is a module with `HELP`, `prepare(parser)` and `run(args) -> int`.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from typing import Protocol, cast

from pytest_recorder.errors import RecorderError, exit_status

_COMMANDS = ("show", "html", "info", "ls", "export", "recover")


class _Command(Protocol):
    @property
    def HELP(self) -> str: ...  # noqa: N802 - a constant of the module

    @property
    def prepare(self) -> Callable[[argparse.ArgumentParser], None]: ...

    @property
    def run(self) -> Callable[[argparse.Namespace], int]: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Gives 0, or 2 usage, 10 environment, 20 target, 70 internal."""
    parser = argparse.ArgumentParser(
        prog="pytest-recorder",
        description="Reads the traces that pytest --record-trace leaves.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        module = cast("_Command", import_module(f"pytest_recorder.cli.{name}"))
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.prepare(sub)
        sub.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    # What was recorded can hold any character; a terminal or pipe may not.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except RecorderError as error:
        print(str(error).encode("unicode_escape").decode("ascii"), file=sys.stderr)
        return exit_status(error)
    except BrokenPipeError:
        # Whoever read us has seen enough; the interpreter must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return status


def _version() -> str:
    try:
        return f"pytest-record-trace {metadata.version('pytest-record-trace')}"
    except metadata.PackageNotFoundError:
        return "pytest-record-trace (not installed)"
