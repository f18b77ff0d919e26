"""Says on stderr what went wrong in a command: a line for people and, if asked, one of JSON."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pytest_recorder.diagnostics.guard import STRICT_VARIABLE
from pytest_recorder.diagnostics.translation import innermost
from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    bug,
    enverr,
    from_os_error,
    usage,
)
from pytest_recorder.settings.process_policy import tell

JSON_FLAG = "--json-errors"


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors of ours."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and raise UsageError (ERR_INVALID_OPTION)."""
        if sys.stderr is not None:
            self.print_usage(sys.stderr)
        raise usage(ErrorCode.INVALID_OPTION, message)


def complain(error: RecorderError, args: argparse.Namespace | Sequence[str]) -> None:
    """Print an error, then tell it: in the log, and by a trailer, as flag and variables ask.

    `args` are the parsed arguments, or the command line where it could not be parsed. What was told
    before is not told again.
    """
    _print(str(error).encode("unicode_escape").decode("ascii"))
    if isinstance(args, argparse.Namespace):
        is_asked = args.is_json_asked or getattr(args, "json_errors", None)
    else:
        is_asked = JSON_FLAG in args
    tell(error, {"json_errors": True} if is_asked else None, by="cli")


def unforeseen(error: BaseException) -> RecorderError:
    """Translate what no command has foreseen; the exception becomes the cause."""
    if isinstance(error, OSError):
        return from_os_error(error, "the system refused what the command needs")
    if isinstance(error, MemoryError):
        return enverr(ErrorCode.IO, "out of memory")
    return bug(
        ErrorCode.UNKNOWN,
        f"the command has failed, by a fault of its own; {STRICT_VARIABLE}=1 shows the traceback",
        at=innermost(error),
    )


def _print(line: str) -> None:
    # Where a process began without stderr, `print` would write to stdout.
    if sys.stderr is None:
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        # Nobody can be told; the interpreter must not try to flush again, and end with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
