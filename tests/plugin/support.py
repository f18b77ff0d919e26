"""Helps plugin tests: run pytest in a subprocess and read what it left."""

import json
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.tracefile.events import Event

QUIET = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:randomly")


def run(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*QUIET, *args)


def index(pytester: pytest.Pytester, folder: str = "test-traces") -> list[dict[str, Any]]:
    data = json.loads((pytester.path / folder / "index.json").read_text())
    assert data["schema"] == 1
    tests: list[dict[str, Any]] = data["tests"]
    return tests


def kept(pytester: pytest.Pytester, folder: str = "test-traces") -> list[str]:
    """Names of the kept tests, without the module, with their attempt."""
    return sorted(
        f"{entry['test'].partition('::')[2]}#{entry['attempt']}"
        for entry in index(pytester, folder)
        if entry["trace"]
    )


def traces(pytester: pytest.Pytester, folder: str = "test-traces") -> list[Path]:
    return sorted((pytester.path / folder).rglob("*.pyrec"))


def events(path: Path) -> list[Event]:
    with pytest_recorder.open_trace(path) as trace:
        return list(trace.events())


def spans(path: Path) -> list[tuple[str | None, str | None, str | None, str | None]]:
    return [(e.phase, e.edge, e.name, e.outcome) for e in events(path) if e.kind == "span"]
