"""Gives pytest its hooks: options, marker and fixture; everything else is imported when needed.

Every `pytest` run on a machine where this package is installed pays for this module. It imports
pytest and the standard library, and activates the rest only for a run that records. So that what
the options say of a run is told here too: the first module of a folder costs 0.2 ms more.
"""

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

import pytest

from pytest_recorder.settings import (
    BY_NAME,
    FALSE_WORDS,
    MARKER_NAMES,
    OPTIONS,
    Option,
    is_switched_off,
)

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from pytest_recorder.plugin.handle import Recording
    from pytest_recorder.plugin.hooks import RecordingPlugin

SESSION_NAME = "record_trace_session"
_MARKER = (
    f"record(enabled=True, *, {', '.join(MARKER_NAMES[:5])}, ...): record the execution of"
    " this test and keep its trace; record(False): never record it"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command-line options and their ini twins."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Import all that records before a conftest can replace what it takes from others.

    `originals` has what the interpreter and the system give; other modules of ours take functions
    by their names (`crc32`, `flock`), and a conftest can have put anything in their places, or a
    module of its own in `sys.modules`. Not in an idle run, which has 1 ms for all of us; one that
    is asked for by a marker alone does it when it is activated.
    """
    if is_asked_for(early_config, os.environ):
        with _imports_not_rewritten():
            import pytest_recorder.plugin.hooks  # noqa: F401 # pyright: ignore[reportUnusedImport]
            from pytest_recorder.engine.select import prepare

            prepare()


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and activate the run if it records."""
    config.addinivalue_line("markers", _MARKER)
    if needs_settings(config, os.environ):
        _activate(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Activate a run that is not recorded as a whole, for the tests that are marked."""
    if config.pluginmanager.hasplugin(SESSION_NAME) or is_forced_off(config, os.environ):
        return
    if any(item.get_closest_marker("record") for item in items):
        # A plugin that is registered during a hook does not see that call of it.
        _activate(config).pytest_collection_modifyitems(items)


def _activate(config: pytest.Config) -> "RecordingPlugin":
    with _imports_not_rewritten():
        from pytest_recorder.plugin.hooks import activate

    return activate(config, SESSION_NAME)


class _OurFinder:
    """Finds modules of ours where they lie, as Python does."""

    @staticmethod
    def find_spec(name: str, path: Any, target: Any = None) -> "ModuleSpec | None":
        is_ours = name.startswith("pytest_recorder.")
        return PathFinder.find_spec(name, path, target) if is_ours else None


@contextmanager
def _imports_not_rewritten() -> Generator[None]:
    """Import our modules past pytest, which rewrites the asserts of plugins.

    We have none. Its own cache of 150 modules takes three times as long to read as Python's, which
    an installer has written; and where it cannot write it, or has not yet, it compiles all of them.
    """
    finder: Any = _OurFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


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


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini twin. All defaults are None, or the twin were dead."""
    group = parser.getgroup("record_trace", "execution traces (pytest-record-trace)")
    for option in OPTIONS:
        text = option.help
        if option.form == "bool":
            # Flags without a value, so that `--record-trace path/` never swallows the path.
            for flag, value in ((option.flag, True), (option.negative, False)):
                group.addoption(
                    flag,
                    dest=option.dest,
                    action="store_const",
                    const=value,
                    default=None,
                    help=text if value else f"turn {option.flag} off",
                )
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append" if option.is_list else "store",
                default=None,
                metavar=option.metavar,
                help=text + (" (repeatable)" if option.is_list else ""),
            )
        parser.addini(option.dest, text, type=ini_type(option), default=None)


def is_on(variable: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable that others set, such as `CI`, says yes: anything but a word for no."""
    return environ.get(variable, "").strip().lower() not in ("", *FALSE_WORDS)


def is_forced_off(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether not even a marker may turn recording on. Imports nothing."""
    if is_switched_off(environ):
        return True
    return config.getoption(BY_NAME["trace"].dest) is False


def needs_settings(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether this run records, or says something about recording that has to be checked.

    False lets the plugin stay idle until a marker turns up. Imports nothing. Ini keys other
    than ``record_trace`` do not count: they stand there for the runs that do record.
    """
    if is_forced_off(config, environ):
        return False
    if any(given(row, config, environ) is not None for row in OPTIONS):
        return True
    try:
        return bool(config.getini(BY_NAME["trace"].dest))
    except (ValueError, TypeError, pytest.UsageError):
        # `resolve` says what is wrong with it; here it would be an INTERNALERROR.
        return True


def is_asked_for(early_config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether it seems so before the conftest files are loaded, and the options are all known."""
    known = vars(early_config.known_args_namespace)
    if is_switched_off(environ):
        return False
    if any(known.get(row.dest) is not None or row.given_in(environ) for row in OPTIONS):
        return True
    try:
        return bool(early_config.getini(BY_NAME["trace"].dest))
    except (ValueError, TypeError, pytest.UsageError):
        return False


def given(
    option: Option, config: pytest.Config, environ: Mapping[str, str]
) -> tuple[object, str] | None:
    """Give what the command line or a variable says, not yet checked, and the source."""
    value: object = config.getoption(option.dest)
    if value is not None:
        flag = option.negative if value is False else option.flag
        return value, f"{flag} (command line)"
    return option.given_in(environ)


def ini_type(option: Option) -> Any:
    """The type whose native TOML form is the natural one; an ini file gives text for each."""
    if option.form in ("size", "count"):
        from pytest_recorder import compat

        return int | str if compat.accepts_ini_unions(pytest.version_tuple) else "string"
    if option.form == "bool":
        return "bool"
    return "linelist" if option.is_list else "string"
