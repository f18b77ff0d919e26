"""Runs a program as `python` would, and records it.

Problem: a program that is run inside another one is not alone. Frames of the runner stand below its
own in `traceback.print_stack()`, `sys._getframe()` and `warnings.warn(stacklevel=2)`; `sys.argv`,
`sys.path`, `__main__`, the text of tracebacks, the status after Ctrl-C, `-m`, `-c`, zip files and
`-` must all be done again, and differ by version.
What we do: this process becomes `python program ...`, by exec, with a `sitecustomize` of ours that
starts the recording and takes itself back (see `cli/startup`). `atexit` ends it.
What can still go wrong: Python without `site` or without the environment (`-S`, `-E`, `-I`) does
not look for `sitecustomize`; such a command is refused.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pytest_recorder.errors import ErrorCode, enverr, from_os_error, usage
from pytest_recorder.recording import autostart
from pytest_recorder.settings import DEFAULT_FOLDER, OPTIONS, Option, is_switched_off

HELP = "run a program as python would, and record it"
USAGE: Final = "pytest-recorder run [options] script.py | -m module | -c code [arguments]"

_STARTUP: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")
_OUTPUT: Final = ("-o", "--output")
_OPTIONS: Final = tuple(option for option in OPTIONS if option.run_flag)


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; those of the program were cut off by `split`."""
    parser.usage = USAGE
    parser.allow_abbrev = False
    parser.add_argument(*_OUTPUT, metavar="PATH", help="a folder, or a new *.pyrec file")
    for option in _OPTIONS:
        if not option.policy_key:
            _add(parser, option)
    parser.add_argument(
        "--propagate-script-exit",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="end with the status of the program (the default)",
    )
    policy = parser.add_argument_group("policy, when the recorder itself fails")
    for option in _OPTIONS:
        if option.policy_key:
            _add(policy, option)


def _add(group: argparse._ActionsContainer, option: Option) -> None:
    """Add an option; nothing is its default, so that variables can count."""
    flag, name = option.run_flag, option.name
    if option.form == "bool":
        switch = argparse.BooleanOptionalAction
        group.add_argument(flag, dest=name, action=switch, help=option.run_help)
    else:
        action = "append" if option.is_list else "store"
        metavar, text = option.run_metavar, option.run_help
        group.add_argument(flag, dest=name, action=action, metavar=metavar, help=text)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cut a command line before the program: at the first of a script, `-m`, `-c` and `-`.

    What comes from there on is Python's and the program's, whatever it looks like.
    """
    with_value = {*_OUTPUT, *(option.run_flag for option in _OPTIONS if option.form != "bool")}
    at = 0
    while at < len(arguments):
        argument = arguments[at]
        if not argument.startswith("-") or argument == "-" or argument[:2] in ("-m", "-c"):
            break
        if argument == "--":
            # The script's name comes next. It needs the dashes itself where it begins with one.
            following = at + 1
            is_dashed = arguments[following : following + 1]
            if not (is_dashed and is_dashed[0].startswith("-")):
                return list(arguments[:at]), list(arguments[following:])
            break
        at += 2 if argument in with_value else 1
    return list(arguments[:at]), list(arguments[at:])


def run(args: argparse.Namespace) -> int:
    """Become Python with the program; comes back on Windows only, with its status.

    Raises UsageError (ERR_INVALID_OPTION, ERR_NOT_SUPPORTED), EnvironmentError (ERR_IO).
    """
    program: list[str] = args.program
    if not program:
        raise usage(
            ErrorCode.INVALID_OPTION,
            "no program to run, expected script.py, -m module or -c code",
        )
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise usage(
            ErrorCode.NOT_SUPPORTED,
            "cannot record a program under `python -I`, `-E` or `-S`: the recording starts by a"
            " sitecustomize in PYTHONPATH",
        )
    if not sys.executable:
        raise enverr(ErrorCode.IO, "Python does not know its own executable")
    command = [sys.executable, *_interpreter_options(), *program]
    environ = dict(os.environ)
    if not is_switched_off(os.environ):
        try:
            _ask(environ, args, program)
        except OSError as error:
            raise from_os_error(error, "cannot tell the current folder") from error
    return _become(command, environ)


def _interpreter_options() -> list[str]:
    """Give the options of Python itself in this command: what stands before our own name.

    `python [options] .../pytest-recorder run` or `python [options] -m pytest_recorder run`.
    """
    options = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    if not options:
        return []
    name = options.pop()
    if getattr(sys.modules["__main__"], "__spec__", None) is not None:
        # `-Bm pytest_recorder`, or all in one word.
        letters = name[: name.index("m")] if name.startswith("-") else options.pop()[:-1]
        options += [letters] if letters != "-" else []
    return options


def _ask(environ: dict[str, str], args: argparse.Namespace, program: list[str]) -> None:
    """Tell the start of the program's process what to do, by its environment."""
    kind, name = _target(program)
    if args.is_json_asked and args.json_errors is None:
        # The flag stood before the command.
        args.json_errors = True
    # The value of each option that was given, and its flag.
    asked: dict[Option, list[Any]] = {}
    for option in _OPTIONS:
        value = getattr(args, option.name)
        if value is not None:
            asked[option] = [value, option.run_negative if value is False else option.run_flag]
    before = environ.get("PYTHONPATH") or None
    request: dict[str, Any] = {
        "pythonpath": environ.get("PYTHONPATH"),
        "output": args.output or os.path.join(DEFAULT_FOLDER, f"{_stem(kind, name)}.pyrec"),
        "propagate": args.propagate_script_exit,
        "options": {
            option.name: given for option, given in asked.items() if not option.policy_key
        },
        "policy": {
            option.policy_key: given for option, given in asked.items() if option.policy_key
        },
        # The program's first module is `__main__`, and in no project by that name.
        "include": ["__main__", name] if kind == "-m" else ["__main__"],
        "text": name if kind == "-c" else None,
        "also": [os.path.dirname(os.path.realpath(name))] if kind == "script" else [],
    }
    environ[autostart.RUN_VARIABLE] = json.dumps(request)
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, (_STARTUP, before)))


def _target(program: list[str]) -> tuple[str, str]:
    """Say what the program is (`script`, `-m`, `-c` or `-`) and its name."""
    first = program[1] if program[0] == "--" else program[0]
    if program[0] != "--" and first[:2] in ("-m", "-c"):
        return first[:2], first[2:] or (program[1] if len(program) > 1 else "")
    return ("-", "") if first == "-" else ("script", first)


def _stem(kind: str, name: str) -> str:
    """Name the trace after the program."""
    if kind == "script":
        return Path(os.path.abspath(name)).stem or "program"
    if kind == "-m" and all(part.isidentifier() for part in name.split(".")):
        return name
    return {"-c": "command", "-": "stdin"}.get(kind, "program")


def _become(command: list[str], environ: dict[str, str]) -> int:
    try:
        if os.name != "nt":
            sys.stdout.flush()
            sys.stderr.flush()
            os.execve(command[0], command, environ)
        # Windows has no exec: its imitation lets the shell go on while the program still runs.
        return subprocess.run(command, env=environ, check=False).returncode
    except OSError as error:
        raise from_os_error(error, "cannot start Python", path=command[0]) from error
