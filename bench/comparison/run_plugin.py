"""Tells of a pytest session what it cost beside CPU time (``-p comparison.run_plugin``).

Writes JSON into the file that an environment variable names: garbage collections with their time,
and the modules that are loaded when the run is over.
"""

import gc
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

FILE = "BENCH_RUN_FILE"

_began: list[float] = []
_taken_s: list[float] = []


def _collecting(phase: str, _: dict[str, Any]) -> None:
    if phase == "start":
        _began.append(perf_counter())
    elif _began:
        _taken_s.append(perf_counter() - _began.pop())


# Imported before the plugin that is measured: what that does from its first line on counts.
gc.callbacks.append(_collecting)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    gc.callbacks.remove(_collecting)
    found = {
        "collections": len(_taken_s),
        "collecting_s": sum(_taken_s),
        "modules": sorted(sys.modules),
    }
    Path(os.environ[FILE]).write_text(json.dumps(found), encoding="utf-8")
