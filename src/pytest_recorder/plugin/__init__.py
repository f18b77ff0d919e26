"""Gives pytest its hooks: options, marker and fixture; everything else is imported when needed.

Every `pytest` run on a machine where this package is installed pays for this module. It imports
pytest and the standard library, and activates the rest only for a run that records.
"""

import os
from typing import TYPE_CHECKING, Any

import pytest

from pytest_recorder.plugin import options
from pytest_recorder.settings import MARKER_NAMES

if TYPE_CHECKING:
    from pytest_recorder.plugin.handle import Recording
    from pytest_recorder.plugin.hooks import RecordingPlugin

SESSION_NAME = "record_trace_session"
_MARKER = (
    f"record(enabled=True, *, {', '.join(MARKER_NAMES[:5])}, ...): record the execution of"
    " this test and keep its trace; record(False): never record it"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command-line options and their ini twins."""
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Take what a recorder needs of the system before a conftest can replace it.

    Not in an idle run, which has 1 ms for all of us; one that is asked for by a marker alone does
    it when it is activated.
    """
    if options.is_asked_for(early_config, os.environ):
        import pytest_recorder.system.originals  # noqa: F401 # pyright: ignore[reportUnusedImport]


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and activate the run if it records."""
    config.addinivalue_line("markers", _MARKER)
    if options.needs_settings(config, os.environ):
        _activate(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Activate a run that is not recorded as a whole, for the tests that are marked."""
    if config.pluginmanager.hasplugin(SESSION_NAME) or options.is_forced_off(
        config, os.environ
    ):
        return
    if any(item.get_closest_marker("record") for item in items):
        # A plugin that is registered during a hook does not see that call of it.
        _activate(config).pytest_collection_modifyitems(items)


def _activate(config: pytest.Config) -> "RecordingPlugin":
    from pytest_recorder.plugin.hooks import activate

    return activate(config, SESSION_NAME)


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> "Recording":
    """The recording of this test; an inert object with the same names when nothing is recorded."""
    plugin: Any = request.config.pluginmanager.getplugin(SESSION_NAME)
    if plugin is not None:
        found: Recording = plugin.recording_of(request.node)
        return found
    # Not named after the fixture: importing a submodule sets an attribute of this package.
    from pytest_recorder.plugin import handle

    return handle.Recording()
