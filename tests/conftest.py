"""What every test of ours runs under, and which of them a run takes."""

import os
from pathlib import Path
from typing import Any

# Before any test: `pytester` takes modules out of `sys.modules` that came during a run in this process,
# and a second import of orjson reads what the first one has freed.
import orjson  # noqa: F401
import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

# Our own faults are raised, not guarded: a test sees them.
os.environ["PYTEST_RECORDER_STRICT"] = "1"

# A test is the same on every machine: those of what a run does in CI set the variable themselves.
os.environ.pop("CI", None)

# The machines that run this are shared: how long one example takes says nothing about the code.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

HERE = Path(__file__).parent
GROUPS = {
    # An answer while working, without what is marked as slow.
    "fast": (
        "test_architecture.py",
        "unit",
        "engines/test_contract.py",
        "plugin/test_activation.py",
    ),
    # What another Python may do otherwise.
    "python": (
        "engines",
        "faults",
        "fuzz_values",
        "plugin",
        "undisturbed",
        "unit/analysis",
        "unit/engine",
    ),
    # What another pytest may do otherwise.
    "pytest": (
        "plugin",
        "faults/test_partial_traces.py",
        "faults/test_policy_table.py",
        "faults/test_real_faults.py",
        "faults/test_travelling_errors.py",
    ),
    # What may be missing from a wheel: a part in C, a file of the page, an entry point.
    "wheel": (
        "cli/test_cli.py",
        "engines/test_native.py",
        "plugin/test_activation.py",
        "plugin/test_page.py",
        "unit/engine/test_select.py",
        "unit/tracefile/test_scan.py",
    ),
}
"""Files and folders below this one; `TEST_GROUP` names what a run takes of all that it is given."""

GROUP = os.environ.get("TEST_GROUP", "")


def pytest_configure(config: pytest.Config) -> None:
    if GROUP and GROUP not in GROUPS:
        raise pytest.UsageError(f"TEST_GROUP is {GROUP!r}, expected one of {', '.join(GROUPS)}")
    missing = [
        name for names in GROUPS.values() for name in names if not (HERE / name).exists()
    ]
    if missing:
        raise pytest.UsageError(
            f"a group of tests/conftest.py names what is not there: {missing}"
        )


def pytest_report_header() -> str | None:
    return f"group of tests: {GROUP}" if GROUP else None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what the group does not name; None leaves the question to others."""
    if not GROUP or not collection_path.is_relative_to(HERE):
        return None
    wanted = [HERE / name for name in GROUPS[GROUP]]
    is_wanted = any(
        collection_path.is_relative_to(path) or path.is_relative_to(collection_path)
        for path in wanted
    )
    return None if is_wanted else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if GROUP == "fast":
        slow = [item for item in items if item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is run by one worker: what its tests share is made once, the runs of the policy above all."""
    from xdist.scheduler import LoadFileScheduling

    scheduling = LoadFileScheduling(config, log)
    by_file = scheduling._split_scope

    def split(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(SPREAD) else str(by_file(nodeid))

    scheduling._split_scope = split
    return scheduling


# Files whose tests share nothing and take longest: all workers take part.
SPREAD = ("test_helpers_that_misbehave.py", "test_hostile_traces.py")
