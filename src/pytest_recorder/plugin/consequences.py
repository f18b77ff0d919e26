"""Does in a run what the policy says about an error: fail the test, stop the run, warn."""

import pytest

from pytest_recorder.errors import RecorderError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import sections
from pytest_recorder.plugin.attempt import Attempt
from pytest_recorder.plugin.run_index import RunIndex
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import action_for, policy_of


def apply_policy(
    error: RecorderError,
    settings: Settings,
    run_index: RunIndex,
    attempt: Attempt | None = None,
    item: pytest.Item | None = None,
    made: pytest.TestReport | None = None,
) -> None:
    """Do what the policy says about an error. Nothing is raised here.

    `made` is the report of the test's teardown. Without one the run has to fail, and says so in
    its summary.
    """
    action = action_for(policy_of(settings), error.kind)
    # An error of the whole run is said once, not for each of its tests.
    is_of_run = attempt is None or (error is attempt.error and attempt.is_error_of_run)
    test = attempt.test if attempt is not None and not is_of_run else None
    if action in ("fail", "stop") and made is None:
        run_index.fail(error, test)
    elif action in ("fail", "stop") and made is not None:
        run_index.journal.failure(error, action, by="plugin")
        text = f"record-trace: {error}"
        if made.failed:
            sections.add_section(made, "record-trace error", text)
        else:
            made.outcome = "failed"
            made.longrepr = text
        if action == "stop" and item is not None:
            item.session.shouldstop = text
    elif action == "warn":
        run_index.warn(error, test)
    else:
        run_index.journal.failure(error, action, by="plugin")
