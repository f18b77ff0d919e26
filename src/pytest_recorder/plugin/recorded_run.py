"""Holds what the hooks of a recorded run share: its settings, its recorder, the attempt of now."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

from pytest_recorder.diagnostics.guard import run_guarded
from pytest_recorder.diagnostics.inject import Injector
from pytest_recorder.diagnostics.translation import caused
from pytest_recorder.errors import ErrorCode, RecorderError, UsageError, bug
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import resolution, tested_files, xdist
from pytest_recorder.plugin.consequences import apply_policy
from pytest_recorder.plugin.explainer import Explainer
from pytest_recorder.plugin.fixture_makers import FixtureMakers
from pytest_recorder.plugin.parameters import Parameter, text_parameters
from pytest_recorder.plugin.quota import Quota
from pytest_recorder.plugin.rerun_reports import RerunReports
from pytest_recorder.plugin.run_index import RunIndex
from pytest_recorder.plugin.run_metrics import RunMetrics
from pytest_recorder.plugin.tested_files import OwnFiles
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.registry import is_any_recording
from pytest_recorder.recording.setup import Tests
from pytest_recorder.settings.config import Resolved
from pytest_recorder.settings.policy import Sourced, action_for, open_journal, policy_of
from pytest_recorder.system.ids import new_id
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import FilePath
from pytest_recorder.tracefile.folder import prepare_folder

if TYPE_CHECKING:
    from pytest_recorder.plugin.attempt import Attempt
    from pytest_recorder.plugin.failing import Failing

P = ParamSpec("P")
T = TypeVar("T")


class RecordedRun:
    """A run of pytest that records, as one process sees it.

    `recorder` is None until the first test that is recorded, where the run as a whole is not;
    `attempt` is None between the tests, but for a trace of the whole run.
    """

    def __init__(
        self,
        config: pytest.Config,
        resolved: Resolved,
        faults: Injector,
        run_id: str | None = None,
    ) -> None:
        settings = resolved.settings
        self.config = config
        self.is_forced_off = resolved.is_forced_off
        self.sources = resolved.sources
        # A pytest run inside a recorded test leaves the outer recording alone.
        self.is_nested = is_any_recording()
        self.worker = xdist.worker_of(config)
        shared = xdist.shared_input(config)
        if shared is not None:
            settings = settings.but(dir=FilePath(shared["dir"]).of_pathlib())
        self.settings = settings
        self.base = config.invocation_params.dir
        self._pid = OS.getpid()
        own_id: str = shared["run_id"] if shared is not None else run_id or new_id()
        # Several workers may run a test, or all of them record one trace each.
        self.is_each = shared is not None and shared["is_each"]
        self.policy = policy_of(settings)
        self.quota = Quota(settings.max_kept, settings.max_total)
        self._faults = faults
        # Before the first test: what stderr is now is the real one.
        self.journal = open_journal(self.policy, own_id)
        self.log = self.journal.logger("plugin")
        self.explainer = Explainer(self.journal)
        self.index = RunIndex(
            FilePath.of(settings.dir),
            self.journal,
            self.explainer,
            owns_folder=self.worker is None,
            html=settings.html,
        )
        self.metrics = RunMetrics(
            settings,
            self.index.warn,
            self.explainer,
            worker=self.worker,
            is_nested=self.is_nested,
            run_id=own_id,
        )
        self.fixture_makers = FixtureMakers()
        self.common_policy = Sourced(
            self.policy, resolution.policy_sources(resolved.sources, {})
        )
        self.own_files = OwnFiles()
        self._tests = Tests()
        self._added: set[tuple[str, str]] = set()
        self._parameters: list[Parameter] = []
        self.recorder: Recorder | None = None
        self.open_error: RecorderError | None = None
        self.attempt: Attempt | None = None
        self.rerun_of: Failing | None = None
        """How the test failed that is run again now; None in the run itself."""
        self.rerun_reports = RerunReports(
            config, self.index, self.base, is_worker=self.worker is not None
        )

    @property
    def has_one_trace(self) -> bool:
        """Whether the whole run goes into one trace."""
        return self.settings.scope == "session"

    @property
    def is_forked(self) -> bool:
        """Whether this process was forked from the one that runs pytest."""
        return self._pid != OS.getpid()

    @property
    def is_shared(self) -> bool:
        """Whether another worker may write a trace of the same name."""
        return self.worker is not None and (self.has_one_trace or self.is_each)

    @cached_property
    def is_controller(self) -> bool:
        """Whether this process only hands tests to workers."""
        return xdist.is_controller(self.config)

    def open_recorder(self) -> None:
        """Make the recorder, once; an error is kept and follows the policy test by test.

        Some plugins run each test in a forked process, which needs one of its own.
        """
        if self.recorder is not None and self.recorder.is_foreign:
            self.recorder = None
            self._added.clear()
        if self.recorder is not None or self.open_error is not None:
            return
        try:
            self.index.prepare()
            if self.worker is not None and self.settings.rerun_failed:
                # The controller makes the folder when it hears of a failure.
                prepare_folder(self.settings.dir)
            recorder = Recorder(
                self.settings,
                self.settings.dir,
                self.policy,
                journal=self.journal,
                faults=self._faults,
            )
            recorder.add_tests(self._tests)
            recorder.learn(self._parameters)
            recorder.open()
        except UsageError as error:
            raise self.refusal(error) from error
        except RecorderError as error:
            self.open_error = error
            action = action_for(self.policy, error.kind)
            self.journal.failure_of_run(error, action, by="plugin")
        else:
            self.recorder = recorder
            if self.attempt is not None:
                self.attempt.use(recorder)

    def add_tests(self, session: pytest.Session) -> None:
        """Take the files of collected tests into the scope, and learn what they are given."""
        self._tests = tested_files.tests_of(session)
        self._parameters = text_parameters(session.items)
        if self.recorder is not None:
            self.recorder.learn(self._parameters)
            self.recorder.add_tests(self._tests)

    def add_test(self, item: pytest.Item) -> None:
        """Take the files of a test that is to begin into the scope: most are in it already."""
        if self.recorder is None:
            return
        # Most are of the same file as one before.
        key = item.nodeid.partition("::")[0], item.location[0]
        if key not in self._added:
            self._added.add(key)
            self.recorder.add_tests(tested_files.test_of(item))

    def end_in_child(self) -> None:
        """In a forked process: leave nothing behind after a test, for it may end without a word."""
        if self.is_forked:
            self.index.save()
            self.close_recorder()

    def close_recorder(self) -> None:
        """Give back the place in the interpreter, and the spool."""
        if self.recorder is not None:
            self.recorder.close()
            self.recorder = None

    def refusal(self, error: UsageError, where: str = "") -> pytest.UsageError:
        """Tell a mistake and give what ends the run for it; workers all find the same ones."""
        if self.worker in (None, xdist.FIRST_WORKER) or self.is_each:
            self.journal.failure(error, "fail", by="plugin")
        return pytest.UsageError(f"{where}{error}")

    def guard(
        self, label: str, function: Callable[P, T], *args: P.args, **named: P.kwargs
    ) -> T | None:
        """Call what a hook does; a fault of ours in it follows the policy, and gives None."""
        call = partial(function, *args, **named) if args or named else function
        return run_guarded(label, call, self._handle_fault, passing=(pytest.UsageError,))

    def _handle_fault(self, label: str, error: Exception) -> None:
        own = error if isinstance(error, RecorderError) else None
        told = own or caused(
            bug(ErrorCode.UNKNOWN, "a hook of the recorder failed", hook=label), error
        )
        self.metrics.count_fault(label)
        if self.attempt is not None:
            self.attempt.faults.append(told)
        else:
            # No test is to be blamed for it.
            apply_policy(told, self.settings, self.index)
