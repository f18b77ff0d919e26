"""Helps plugin tests: run pytest in a subprocess and read what it left."""

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_rerunfailures

import pytest_recorder
from pytest_recorder import compat
from pytest_recorder.format.events import Event

needs_settrace = pytest.mark.skipif(
    compat.HAS_MONITORING, reason="sys.settrace is for Python 3.11 only"
)
OURS = ("-p", "record_trace", "-p", "no:cacheprovider")
# Half of the start of pytest is the plugins that happen to be installed beside this one.
PLUGINS = {"-n": "xdist", "--dist": "xdist", "--reruns": "rerunfailures", "--cov": "pytest_cov"}
# pytest-rerunfailures 16.1 (not 16.7) sends no teardown of an attempt that is tried again: what stands
# there, and what JUnit makes of it, is known of the last attempt only.
SENDS_ALL_TEARDOWNS = "rerun_triggered" in Path(pytest_rerunfailures.__file__).read_text()
ALONE = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


def run(
    pytester: pytest.Pytester, *args: str, plugins: tuple[str, ...] = ()
) -> pytest.RunResult:
    """Run pytest with this plugin, those that the options are of, and `plugins`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ALONE, "1")
        return pytester.runpytest_subprocess(*words(*args, plugins=plugins))


def words(*args: str, plugins: tuple[str, ...] = ()) -> list[str]:
    """Give the arguments of such a run, whose environment has `ALONE`."""
    options = {arg.partition("=")[0].split()[0] for arg in args if arg.startswith("-")}
    wanted = (*plugins, *(name for option, name in PLUGINS.items() if option in options))
    return [*OURS, *(word for name in wanted for word in ("-p", name)), *args]


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
