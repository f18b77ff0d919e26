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
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_recorder.settings import (
    BY_KEYWORD,
    BY_NAME,
    DEFAULT_FOLDER,
    FALSE_WORDS,
    OPTIONS,
    PREFIX,
    TRUE_WORDS,
    Option,
    is_switched_off,
)

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import TracebackType

    from pytest_recorder.plugin.handle import Recording
    from pytest_recorder.plugin.hooks import RecordingPlugin

SESSION_NAME = "record_trace_session"
FAILED_TESTS_NAME = "record_trace_failed_tests"
SHARED = "record_trace"
"""The key of what the processes of pytest-xdist tell each other."""
RAISED = "record_trace_raised"
"""The attribute of a failed report: the exception's type, and the last of its steps."""
_PROBLEM = "record_trace_problem"
_MOST_STEPS = 64
EXCLUDED_BY_RERUNS: Mapping[str, object] = {"trace": True, "scope": "session", "keep": "all"}
"""What a run cannot be asked for that is not recorded, but for re-runs of failed tests."""
_MARKER = (
    f"record(enabled=True, *, {', '.join([*BY_KEYWORD][:5])}, ...): record the execution of"
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
            if needs_no_check(early_config, early_config.known_args_namespace, os.environ):
                # The originals: all else comes when a test has failed, or not at all.
                import pytest_recorder.system.locks  # pyright: ignore[reportUnusedImport]

                return
            import pytest_recorder.plugin.hooks  # noqa: F401 # pyright: ignore[reportUnusedImport]
            from pytest_recorder.engine.select import prepare

            prepare()


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and activate the run if it records."""
    config.addinivalue_line("markers", _MARKER)
    if is_forced_off(config, os.environ):
        return
    if is_true(given_or_ini(BY_NAME["rerun_failed"], config, config.option, os.environ)):
        if not needs_no_check(config, config.option, os.environ):
            with _imports_not_rewritten():
                from pytest_recorder.plugin.hooks import check

            check(config)
        config.pluginmanager.register(FailedTests(config), FAILED_TESTS_NAME)
    elif needs_settings(config, os.environ):
        _activate(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Activate a run that is not recorded as a whole, for the tests that are marked."""
    if config.pluginmanager.hasplugin(SESSION_NAME) or is_forced_off(config, os.environ):
        return
    marks = (mark for item in items for mark in item.iter_markers("record"))
    if not all(is_about_reruns(mark.args, mark.kwargs) for mark in marks):
        # A plugin that is registered during a hook does not see that call of it.
        _activate(config).pytest_collection_modifyitems(items)


def is_about_reruns(args: tuple[object, ...], named: Mapping[str, object]) -> bool:
    """Whether a marker says rightly whether a test that failed is run again, and nothing else."""
    return not args and [*named] == ["rerun"] and isinstance(named["rerun"], bool)


def _activate(
    config: pytest.Config, run_id: str | None = None, *, is_inside: bool | None = None
) -> "RecordingPlugin":
    with _imports_not_rewritten():
        from pytest_recorder.plugin.hooks import activate

    if is_inside is None:
        is_inside = is_inside_a_test(os.environ)
    return activate(config, SESSION_NAME, run_id, is_inside=is_inside)


def is_inside_a_test(environ: Mapping[str, str]) -> bool:
    """Whether a test of another run has started this one."""
    return "PYTEST_CURRENT_TEST" in environ


class FailedTests:
    """Notes which tests fail, and has them run again, recorded, after the last one.

    Here and not beside: a run whose tests pass imports nothing of ours but this module, the table
    of options and what `system/` has taken. It calls two short functions for each report.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._item: pytest.Item | None = None
        self._raised: dict[str, tuple[str, list[tuple[str, int]]]] = {}
        self._run_id: str | None = None
        # The last test of this run takes the variable away.
        self._is_inside = is_inside_a_test(os.environ)
        self._problem = ""
        self.failures: list[tuple[pytest.Item | None, pytest.TestReport]] = []
        """The reports of failed phases; without the test where another process ran it."""
        self.unread: list[pytest.CollectReport] = []
        """Those of files that could not be collected."""

    def pytest_report_header(self) -> str:
        """Say why nothing is recorded."""
        return (
            "record-trace: off until the last test, then failed tests are run again, recorded"
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist where its traces will go."""
        if self._run_id is None:
            from pytest_recorder.system.ids import new_id

            self._run_id = new_id()
        share_input(
            node, self._run_id, folder_of(self._config, self._config.option, os.environ)
        )

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has recorded for marked tests, where no test has failed."""
        output: dict[str, Any] = getattr(node, "workeroutput", None) or {}
        self._problem = self._problem or output.get(_PROBLEM, "")
        if SHARED in output and not self._config.pluginmanager.hasplugin(SESSION_NAME):
            # A plugin that is registered during a hook does not see that call of it.
            plugin = self._prepare()
            if plugin is not None:
                plugin.take_worker(node)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[Any]"
    ) -> None:
        """Note the exception of a phase as plain data: nothing of the test's is held."""
        if item is not self._item:
            self._item, self._raised = item, {}
        # A `unittest.TestCase` keeps its exceptions until the report is made.
        gathered = getattr(item, "_excinfo", None)
        error = gathered[0] if gathered else call.excinfo
        if error is not None:
            from pytest_recorder.system.slots import name_of

            self._raised[call.when] = name_of(type(error.value)), steps_of(error.tb)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what has failed; in the controller of pytest-xdist what workers tell of it.

        It makes ready for what they will have recorded at once: no test runs in its process.
        """
        if report.outcome != "failed":
            return
        item = self._item if self._item and self._item.nodeid == report.nodeid else None
        if item is not None and report.when in self._raised:
            setattr(report, RAISED, self._raised[report.when])
        self.failures.append((item, report))
        if self._config.pluginmanager.hasplugin("dsession"):
            self._prepare()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in a file that cannot be collected: CI servers are told of it."""
        if report.outcome == "failed":
            self.unread.append(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run what failed again when all tests have run; not after Ctrl-C or `pytest.exit`.

        Outside of all that wraps the loop: what is measured and logged there is over.
        """
        try:
            result = yield
        except (session.Interrupted, session.Failed):
            # `-x`, `--maxfail`, `--stepwise`, or a file that cannot be collected.
            self._run_again(session)
            raise
        self._run_again(session)
        return result

    def _run_again(self, session: pytest.Session) -> None:
        if self.failures or self.unread:
            plugin = self._prepare()
            is_controller = self._config.pluginmanager.hasplugin("dsession")
            if plugin is not None and not is_controller:
                plugin.run_again(session, self.failures)

    def _prepare(self) -> "RecordingPlugin | None":
        """Give what records, and let it know what failed before it was there.

        None where the tests have left what it cannot begin with: the run ends as it would have.
        """
        found: Any = self._config.pluginmanager.getplugin(SESSION_NAME)
        plugin: RecordingPlugin | None = found
        if plugin is None and not self._problem:
            call = cast("type[pytest.CallInfo[RecordingPlugin]]", pytest.CallInfo).from_call(
                lambda: _activate(self._config, self._run_id, is_inside=self._is_inside),
                when="call",
                reraise=(KeyboardInterrupt,),
            )
            if call.excinfo is not None:
                self._problem = call.excinfo.exconly()
                workeroutput = getattr(self._config, "workeroutput", None)
                if workeroutput is not None:
                    workeroutput[_PROBLEM] = self._problem
                return None
            plugin = call.result
            plugin.take_earlier([report for _, report in self.failures], self.unread)
        if plugin is not None:
            plugin.take_failures(self.failures)
        return plugin

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Say why nothing was run again, where it should have been."""
        if self._problem:
            line = f"record-trace: nothing was run again, {self._problem}"
            terminalreporter.write_line(line)


def steps_of(traceback: "TracebackType | None") -> list[tuple[str, int]]:
    """Give file and line of the last steps of a traceback."""
    steps: list[tuple[str, int]] = []
    while traceback is not None:
        steps.append((traceback.tb_frame.f_code.co_filename, traceback.tb_lineno))
        traceback = traceback.tb_next
    return steps[-_MOST_STEPS:]


def share_input(node: Any, run_id: str, folder: str) -> None:
    """Tell a worker which run it belongs to, where traces go, and whether all run all tests."""
    is_each = node.config.getoption("dist", "no") == "each"
    node.workerinput[SHARED] = {"run_id": run_id, "dir": folder, "is_each": is_each}


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
        # That of `rerun_failed` is looked at before this; here a value that is none is found.
        rows = BY_NAME["trace"], BY_NAME["rerun_failed"]
        return any(config.getini(row.dest) for row in rows)
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
        rows = BY_NAME["trace"], BY_NAME["rerun_failed"]
        return any(early_config.getini(row.dest) for row in rows)
    except (ValueError, TypeError, pytest.UsageError):
        return False


def given_or_ini(
    option: Option, config: pytest.Config, options: Any, environ: Mapping[str, str]
) -> object:
    """Give what is said of an option anywhere, not yet checked; None where nothing is.

    `options` are those of the command line, which are known before the whole of it is read.
    """
    value: object = getattr(options, option.dest, None)
    if value is None:
        value, _ = option.given_in(environ) or (None, "")
    if value is not None:
        return value
    try:
        value = config.getini(option.dest)
    except (ValueError, TypeError, pytest.UsageError):
        # Not for this function to say.
        return ""
    return None if value in ("", []) else value


def is_true(value: object) -> bool:
    """Whether a value of an option that is on or off turns it on."""
    return value is True or (isinstance(value, str) and value.strip().lower() in TRUE_WORDS)


def needs_no_check(config: pytest.Config, options: Any, environ: Mapping[str, str]) -> bool:
    """Whether this run records re-runs only, by options that cannot be wrong.

    What they say is looked at here as far as that imports nothing.
    """
    for option in OPTIONS:
        value = given_or_ini(option, config, options, environ)
        if option.name == "rerun_failed":
            if not is_true(value):
                return False
        elif value is not None and not _is_plain(option, value):
            return False
    from pytest_recorder.system import files

    folder = folder_of(config, options, environ)
    while not files.exists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return files.is_folder(folder) and not environ.get(f"{PREFIX}_INJECT")


def _is_plain(option: Option, value: object) -> bool:
    if EXCLUDED_BY_RERUNS.get(option.name) == value:
        return False
    if option.choices and option.form == "choice":
        return value in option.choices and option.name != "engine"
    if option.form == "bool":
        return isinstance(value, bool) and option.name != "metrics_otel"
    if option.is_list:
        entries = cast("list[object]", value) if isinstance(value, list) else [value]
        return all(isinstance(entry, str) and "[" not in entry for entry in entries)
    is_path = isinstance(value, str) and bool(value.strip()) and "\0" not in value
    return option.name == "dir" and is_path


def folder_of(config: pytest.Config, options: Any, environ: Mapping[str, str]) -> str:
    """Give the folder of the traces, absolute, in a run that needs no check."""
    option = BY_NAME["dir"]
    base, found = config.invocation_params.dir, getattr(options, option.dest, None)
    if found is None:
        found, _ = option.given_in(environ) or (None, "")
    if found is None:
        found = config.getini(option.dest)
        base = config.rootpath if found else base
    return os.path.abspath(os.path.join(base, str(found or DEFAULT_FOLDER)))


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
