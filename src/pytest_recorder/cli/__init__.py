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

from pytest_recorder import autostart
from pytest_recorder.cli.complaint import JSON_FLAG, Parser, complain
from pytest_recorder.cli.run import split
from pytest_recorder.errors import RecorderError, UsageError, exit_status

_COMMANDS = (
    "show",
    "html",
    "explain",
    "why",
    "values",
    "calls",
    "at",
    "info",
    "ls",
    "export",
    "recover",
    "run",
)


class _Command(Protocol):
    @property
    def HELP(self) -> str: ...  # noqa: N802 - a constant of the module

    @property
    def prepare(self) -> Callable[[argparse.ArgumentParser], None]: ...

    @property
    def run(self) -> Callable[[argparse.Namespace], int]: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line. Gives 0, or 2 usage, 10 environment, 20 target, 70 internal."""
    parser = Parser(
        prog="pytest-recorder",
        description="Reads the traces that pytest --record-trace leaves, and records programs.",
    )
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument(
        JSON_FLAG,
        dest="is_json_asked",
        action="store_true",
        help="print a line of JSON on stderr for each error",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    if argv is None:
        autostart.withdraw()
        argv = sys.argv[1:]
    program: list[str] = []
    if argv[:1] == ["run"]:
        options, program = split(argv[1:])
        argv = ["run", *options]
    # A command pays for its own imports only; help is for all of them.
    for name in argv[:1] if argv and argv[0] in _COMMANDS else _COMMANDS:
        module = cast("_Command", import_module(f"pytest_recorder.cli.{name}"))
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.prepare(sub)
        sub.set_defaults(run=module.run)
    try:
        args = parser.parse_args(argv, argparse.Namespace(program=program))
    except UsageError as error:
        complain(error, argv)
        return exit_status(error)
    # What was recorded can hold any character; a terminal or pipe may not.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except RecorderError as error:
        complain(error, args)
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
