"""Runs a tool around a pytest session: a pytest plugin (``-p comparison.suite_plugin``).

Told by four environment variables which tool, what is in scope, and where the tool may write.
"""

import os
from pathlib import Path

import pytest

from comparison.child import bound_memory
from comparison.tools import TOOLS, Job, Session

TOOL, SCOPE, PACKAGE, WORK = "BENCH_TOOL", "BENCH_SCOPE", "BENCH_PACKAGE", "BENCH_WORK"

_running: list[Session] = []


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    bound_memory()
    job = Job(os.environ[SCOPE], os.environ[PACKAGE], Path(os.environ[WORK]))
    session = TOOLS[os.environ[TOOL]].open(job)
    _running.append(session)
    session.start()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    while _running:
        _running.pop().stop()
