"""Is the command `pytest-recorder`: finds the sub-command, turns errors into exit statuses.

Each sub-command is a module with `HELP`, `prepare(parser)` and `run(args) -> int`.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module, metadata
from typing import Final, Protocol, cast

from pytest_recorder.cli.complaint import JSON_FLAG, Parser, complain, unforeseen
from pytest_recorder.cli.run import split
from pytest_recorder.diagnostics.guard import translated
from pytest_recorder.errors import RecorderError, exit_status
from pytest_recorder.recording import autostart

_COMMANDS = (
    "show",
    "html",
    "explain",
    "why",
    "values",
    "object",
    "calls",
    "at",
    "info",
    "ls",
    "export",
    "recover",
    "merge",
    "run",
)


_INTERRUPTED: Final = 130
"""What a shell says of a process that SIGINT has ended."""


class _Command(Protocol):
    @property
    def HELP(self) -> str: ...  # noqa: N802 - a constant of the module

    @property
    def prepare(self) -> Callable[[argparse.ArgumentParser], None]: ...

    @property
    def run(self) -> Callable[[argparse.Namespace], int]: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Gives 0, or 2 usage, 10 environment, 20 target, 70 internal, and 130 after Ctrl-C.
    """
    if argv is None:
        autostart.withdraw()
        argv = sys.argv[1:]
    program: list[str] = []
    at = _command_at(argv)
    if argv[at : at + 1] == ["run"]:
        options, program = split(argv[at + 1 :])
        argv = [*argv[: at + 1], *options]
    asked: argparse.Namespace | Sequence[str] = argv
    try:
        args = asked = translated(partial(_parse, argv, program), unforeseen)
        return translated(partial(_obey, args), unforeseen)
    except RecorderError as error:
        _discard_stdout()
        complain(error, asked)
        return exit_status(error)
    except KeyboardInterrupt:
        _discard_stdout()
        return _INTERRUPTED


def _command_at(argv: Sequence[str]) -> int:
    """Find the command: behind the one flag that can stand before it."""
    return next((at for at, argument in enumerate(argv) if argument != JSON_FLAG), len(argv))


def _parse(argv: Sequence[str], program: list[str]) -> argparse.Namespace:
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
    # A command pays for its own imports only; help is for all of them.
    named = [name for name in argv[_command_at(argv) :][:1] if name in _COMMANDS]
    for name in named or _COMMANDS:
        module = cast("_Command", import_module(f"pytest_recorder.cli.{name}"))
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.prepare(sub)
        sub.set_defaults(run=module.run)
    return parser.parse_args(argv, argparse.Namespace(program=program))


def _obey(args: argparse.Namespace) -> int:
    # What was recorded can hold any character; a terminal or pipe may not.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        # This process began without one. No file: a program that `run` starts must not find it.
        sys.stdout = io.StringIO()
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough.
        _discard_stdout()
        return 0
    return status


def _discard_stdout() -> None:
    """Write what was printed; where that fails the interpreter must not try it again."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _version() -> str:
    try:
        return f"pytest-record-trace {metadata.version('pytest-record-trace')}"
    except metadata.PackageNotFoundError:
        return "pytest-record-trace (not installed)"
