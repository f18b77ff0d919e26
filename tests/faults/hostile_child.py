"""Runs commands on a trace, each in a forked process; says how each ended and what it cost.

`python -m tests.faults.hostile_child FILE` reads a list of command lines from stdin, in which `{}` is
the file, and writes `[[status, mebibytes, seconds], ...]` as JSON. The memory is what the command
took beyond what its process began with.
"""

import json
import os
import resource
import sys
from importlib import import_module
from typing import Any

from pytest_recorder import cli

MOST_BYTES = 3 << 30
MOST_S = 60


def run(argv: list[str]) -> list[Any]:
    """Run one command in a forked process, and give what came of it."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S))
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        os._exit(cli.main(argv))
    _, status, used = os.wait4(child, 0)
    mebibytes = (used.ru_maxrss - BASE) // 1024
    return [os.waitstatus_to_exitcode(status), mebibytes, used.ru_utime + used.ru_stime]


def _empty() -> int:
    child = os.fork()
    if not child:
        os._exit(0)
    return os.wait4(child, 0)[2].ru_maxrss


if __name__ == "__main__":
    for name in ("info", "show", "explain", "export", "html", "values", "calls", "at"):
        import_module(f"pytest_recorder.cli.{name}")
    BASE = _empty()
    lines: list[list[str]] = json.load(sys.stdin)
    print(json.dumps([run([part.format(sys.argv[1]) for part in line]) for line in lines]))
