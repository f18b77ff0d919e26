"""Runs the tests again that failed in a run which was not recorded, and records them.

Problem: the first outcome stands, and no other plugin may take the re-run for a test of the run:
reporters, counters, `--lf`, a debugger, live logs. But what fixtures and marks need is done by
plugins too. pytest knows re-runs by plugins that report each of them.

What we do: the phases are called as pytest calls them, with a filter before each hook (by pluggy's
monitoring, which is handed the list of what will be called). Reports, warnings and what is asked
of an exception reach nobody, and pytest's own plugins alone make the outcome. A plugin that wraps
tests and takes in their reports too keeps an account of each test: it is not called at all. All
else is called as ever.

What can still go wrong: a plugin that tells of tests by other ways (from a fixture, from
`pytest_runtest_setup` alone) does it again; one that changes outcomes is not asked. A re-run that
takes the process down takes the end of the run with it: what died in the run is not run again.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import pytest

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import rerun_reports
from pytest_recorder.plugin.failing import failing_in
from pytest_recorder.plugin.markers import check_markers, record_again, settings_of
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.plugin.report_lines import shown_path
from pytest_recorder.plugin.rerun_reports import private
from pytest_recorder.render.attempt_words import INTERRUPTED, RERUN_WORDS
from pytest_recorder.render.quantities import count
from pytest_recorder.settings.config import Settings, ValueLimits

if TYPE_CHECKING:
    from pytest_recorder.plugin.attempt import Attempt

Failures: TypeAlias = Sequence[tuple[pytest.Item | None, pytest.TestReport]]
_Phase: TypeAlias = Literal["setup", "call", "teardown"]

_LIMITS: Final = ValueLimits(depth=5, items=200, chars=4096, attributes=100)
_FOR_NOBODY: Final = frozenset(
    (
        "pytest_exception_interact",
        "pytest_report_teststatus",
        "pytest_runtest_logfinish",
        "pytest_runtest_logreport",
        "pytest_runtest_logstart",
        "pytest_warning_recorded",
    )
)
_PROTOCOL: Final = "pytest_runtest_protocol"
_OUTCOME: Final = "pytest_runtest_makereport"
_REPORTING: Final = (_OUTCOME, "pytest_runtest_logreport", "pytest_runtest_logfinish")
_PYTEST: Final = "_pytest."
_NOT: Final = ("pytest_rerunfailures",)
"""Never called: it would wait for a report."""
_NEEDED: Final = (_PYTEST, "pytest_jsonreport", "allure_pytest")
"""No reporters in this sense: these two fail, or what tests call of them does, if not called."""
_NOT_IN: Final[Mapping[str, tuple[str, ...]]] = {
    _PROTOCOL: ("allure_pytest",),
    # They show each fixture.
    "pytest_fixture_setup": ("_pytest.setuponly", "allure_pytest"),
    "pytest_fixture_post_finalizer": ("_pytest.setuponly", "allure_pytest"),
    # `--trace` stops in each test.
    "pytest_pyfunc_call": ("_pytest.debugging",),
}


def run_again(
    run: RecordedRun, plugin: object, session: pytest.Session, failures: Failures
) -> None:
    """Run each test again that failed and is to be; `plugin` is what records. Nothing is raised."""
    Reruns(run, plugin, session).run_all(failures)


class Reruns:
    """The re-runs of one process."""

    def __init__(self, run: RecordedRun, plugin: object, session: pytest.Session) -> None:
        self._run = run
        self._plugin = plugin
        self._session = session
        self._attempts: list[Attempt] = []
        self._left: BaseException | None = None
        self._found: list[tuple[str, str]] = []
        self._reporters: set[int] = set()

    def run_all(self, failures: Failures) -> None:
        """Run them in the order in which they failed, and say so."""
        run = self._run
        chosen = self._chosen(failures)
        if not chosen or run.is_nested:
            return
        run.open_recorder()
        if run.open_error is not None:
            # What runs again unrecorded tells nothing.
            run.index.warn(run.open_error, None)
            return
        run.add_tests(self._session)
        self._say(f"{count(len(chosen), 'failed test')} run again, recorded")
        pluginmanager = run.config.pluginmanager
        self._reporters = _reporters(pluginmanager)
        pluginmanager.register(self)
        try:
            with self._as_it_was():
                for item, report in chosen.items():
                    run.guard("rerun", self._run_one, item, report)
        except KeyboardInterrupt:
            # The tests have all been run: what they have shown is still to be told.
            self._say("no more re-runs after Ctrl-C")
            if run.attempt is not None:
                told = (
                    RERUN_WORDS[INTERRUPTED],
                    f"trace: {shown_path(run.attempt.path, run.base)}",
                )
                self._found.append((run.attempt.test, "\n".join(told)))
        finally:
            run.rerun_of = None
            pluginmanager.unregister(self)
            for test, text in self._found:
                run.guard("rerun", run.rerun_reports.tell, test, text)
            if self._left is not None:
                # Where pytest would have met it.
                pluginmanager.register(_Raising(self._left))

    def _chosen(self, failures: Failures) -> dict[pytest.Item, pytest.TestReport]:
        """Give the tests that can be run again and are to be, with the report of the failure.

        Not those of other processes, and no doctests: they can run only once.
        """
        found: dict[pytest.Item, pytest.TestReport] = {}
        for item, report in failures:
            if item is not None and not _is_doctest(item) and item not in found:
                found[item] = report
        check_markers(self._run, list(found))
        return {
            item: report
            for item, report in found.items()
            if (settings := settings_of(self._run, item)).rerun_failed and not settings.enabled
        }

    def _say(self, what: str) -> None:
        config = self._run.config
        terminal: Any = config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and self._run.worker is None and config.get_verbosity() >= 0:
            terminal.ensure_newline()
            terminal.write_line(f"record-trace: {what}")

    @contextmanager
    def _as_it_was(self) -> Generator[None]:
        """Take down what the last test has left, and keep what the session says of itself."""
        session: Any = self._session
        was = session._shouldstop, session._shouldfail
        # `-x` with some versions of pytest; else there is nothing left.
        call = cast("type[pytest.CallInfo[Any]]", pytest.CallInfo).from_call(
            lambda: session._setupstate.teardown_exact(None),
            when="teardown",
            reraise=(KeyboardInterrupt,),
        )
        self._left = call.excinfo.value if call.excinfo is not None else None
        try:
            with _set_aside(self._run.config), self._filtered():
                yield
        finally:
            session._shouldstop, session._shouldfail = was

    def _run_one(self, item: pytest.Item, report: pytest.TestReport) -> None:
        run, recorder = self._run, self._run.recorder
        first = failing_in(report, run.settings.root)
        if recorder is not None:
            first = first._replace(message=recorder.mask(first.message))
        run.rerun_of = first
        record_again(item, self._settings(settings_of(run, item)))
        self._attempts.clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if not self._attempts:
            return
        attempt = self._attempts[-1]
        if run.worker is not None:
            run.index.save_in_worker()
        entries = [e for e in run.index.entries_of(item.nodeid) if e.rerun is not None]
        entry = entries[-1] if entries else None
        reason = str(attempt.error) if attempt.error is not None else "not recorded"
        if entry is not None and entry.reason is not None:
            reason = entry.reason
        path = shown_path(attempt.path, run.base)
        text = rerun_reports.text_of(attempt, entry, reason, path)
        self._found.append((item.nodeid, text))

    def _settings(self, settings: Settings) -> Settings:
        """Record more of each value than in a run that records all tests, and keep it."""
        changes: dict[str, Any] = {"enabled": True, "keep": "all"}
        if self._run.sources["values"] == "default":
            changes["values"] = _LIMITS
        return settings.but(**changes)

    # The hooks of a re-run.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool:
        """Run the phases as pytest does, and tell nobody."""
        _renew(item)
        try:
            if self._phase(item, "setup") and not item.config.getoption("setuponly", False):
                self._phase(item, "call")
            self._phase(item, "teardown", nextitem=None)
        finally:
            if hasattr(item, "_request"):
                vars(item).update(_request=False, funcargs=None)
        return True

    def _phase(self, item: pytest.Item, when: _Phase, **named: object) -> bool:
        hook: Callable[..., object] = getattr(item.ihook, f"pytest_runtest_{when}")
        call = cast("type[pytest.CallInfo[Any]]", pytest.CallInfo).from_call(
            lambda: hook(item=item, **named), when=when, reraise=(KeyboardInterrupt,)
        )
        if self._run.attempt is not None:
            self._attempts.append(self._run.attempt)
        made: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
        return made.passed

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, settings: Any) -> bool | None:
        """Set no time limit that would end the process: recorded, a test takes longer."""
        return True if settings.method == "thread" else None

    # Who is called.

    @contextmanager
    def _filtered(self) -> Generator[None]:
        undo = self._run.config.pluginmanager.add_hookcall_monitoring(self._select, _ignore)
        try:
            yield
        finally:
            undo()

    def _select(self, name: str, impls: Sequence[Any], _: Mapping[str, object]) -> None:
        """Take out of the list of what is to be called what a re-run must not reach."""
        kept: list[Any] = []
        if name not in _FOR_NOBODY:
            kept = [impl for impl in impls if self._is_called(name, impl)]
        if len(kept) < len(impls):
            cast("list[Any]", impls)[:] = kept

    def _is_called(self, name: str, impl: Any) -> bool:
        if impl.plugin is self or impl.plugin is self._plugin:
            return True
        if id(impl.plugin) in self._reporters:
            return False
        module = _module_of(impl)
        if name == _OUTCOME and not module.startswith(_PYTEST):
            return False
        if name == _PROTOCOL and not _is_wrapper(impl):
            return False
        return not module.startswith((*_NOT, *_NOT_IN.get(name, ())))


class _Raising:
    """Raises what taking down fixtures has raised at the end of the session."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def pytest_sessionfinish(self) -> None:
        """Raise it."""
        raise self._error


def _reporters(pluginmanager: Any) -> set[int]:
    """Give the plugins that wrap each test and take in its reports."""
    hook = pluginmanager.hook
    wrapping = [
        impl for impl in hook.pytest_runtest_protocol.get_hookimpls() if _is_wrapper(impl)
    ]
    reporting = {
        id(impl.plugin) for name in _REPORTING for impl in getattr(hook, name).get_hookimpls()
    }
    return {
        id(impl.plugin)
        for impl in wrapping
        if id(impl.plugin) in reporting and not _module_of(impl).startswith(_NEEDED)
    }


def _is_wrapper(impl: Any) -> bool:
    return bool(impl.wrapper or impl.hookwrapper)


def _module_of(impl: Any) -> str:
    return getattr(impl.function, "__module__", None) or ""


def _ignore(*_: object) -> None:
    return None


def _is_doctest(item: pytest.Item) -> bool:
    return any(kind.__module__ == f"{_PYTEST}doctest" for kind in type(item).__mro__)


def _renew(item: Any) -> None:
    """Let a test begin with nothing of its earlier run: requests, and the instance of its class."""
    if hasattr(item, "_request"):
        item._initrequest()
    state = cast("dict[str, Any]", vars(item))
    bound = state.get("_obj")
    if type(bound) is MethodType and type(bound.__self__) is getattr(item.parent, "obj", None):
        state.pop("_instance", None)
        state["_obj"] = None


@contextmanager
def _set_aside(config: pytest.Config) -> Generator[None]:
    """Hide from fixtures what they would write to once more: the JUnit file, counts of subtests."""
    key = private("junitxml", "xml_key")
    stash: Any = config.stash
    xml = stash.get(key, None) if key is not None else None
    counts = _failed_subtests(config)
    before = dict(counts)
    if xml is not None:
        del stash[key]
    try:
        yield
    finally:
        if xml is not None:
            stash[key] = xml
        counts.clear()
        counts.update(before)


def _failed_subtests(config: pytest.Config) -> dict[Any, int]:
    """Give how many subtests of each test failed, where pytest counts them (since 9.0)."""
    key = private("subtests", "failed_subtests_key")
    found: Any = config.stash.get(key, None) if key is not None else None
    return found if found is not None else {}
