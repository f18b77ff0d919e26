"""Reads `@pytest.mark.record`: the settings and the policy of each test."""

import pytest

from pytest_recorder.errors import ErrorCode, UsageError, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import is_about_reruns, resolution
from pytest_recorder.plugin.recorded_run import RecordedRun
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Sourced, policy_of
from pytest_recorder.system import files

_SETTINGS = pytest.StashKey[Settings]()
_MARKER = "record"
_RERUN = "rerun"


def check_markers(run: RecordedRun, items: list[pytest.Item]) -> None:
    """Read the markers of all tests; raises pytest.UsageError for a mistake in one."""
    for item in items:
        try:
            item.stash[_SETTINGS] = _settings_by_marker(run, item)
        except UsageError as error:
            run.journal.about(test=item.nodeid)
            raise run.refusal(error, f"{item.nodeid}: ") from error
    try:
        if any(item.stash[_SETTINGS].enabled for item in items):
            check_folder(run.settings)
    except UsageError as error:
        raise run.refusal(error) from error


def settings_of(run: RecordedRun, item: pytest.Item) -> Settings:
    """Give the settings of a test: those of its marker, or of the run."""
    return item.stash.get(_SETTINGS, run.settings)


def record_again(item: pytest.Item, settings: Settings) -> None:
    """Have the next run of a test recorded with these settings."""
    item.stash[_SETTINGS] = settings


def policy_of_test(run: RecordedRun, item: pytest.Item, settings: Settings) -> Sourced:
    """Give the policy of a test, and where each of its fields came from."""
    marker = _recording_marker(item)
    if marker is None:
        return run.common_policy
    return Sourced(policy_of(settings), resolution.policy_sources(run.sources, marker.kwargs))


def _settings_by_marker(run: RecordedRun, item: pytest.Item) -> Settings:
    settings, marker = run.settings, _recording_marker(item)
    if marker is not None:
        settings = resolution.resolve_marker(
            settings, marker.args, marker.kwargs, is_forced_off=run.is_forced_off
        )
    for mark in item.iter_markers(_MARKER):
        if _RERUN in mark.kwargs:
            only = {_RERUN: mark.kwargs[_RERUN]}
            return resolution.resolve_marker(settings, (), only)
    return settings


def _recording_marker(item: pytest.Item) -> pytest.Mark | None:
    """Give the closest marker that says more than whether there is a re-run."""
    for mark in item.iter_markers(_MARKER):
        if not is_about_reruns(mark.args, mark.kwargs):
            return mark
    return None


def check_folder(settings: Settings) -> None:
    """Find out before collection whether the trace folder is a file."""
    folder = settings.dir
    for part in (folder, *folder.parents):
        if files.exists(part):
            if not files.is_folder(part):
                raise usage(
                    ErrorCode.TRACE_DIR_CONFLICT,
                    f"the trace folder {str(folder)!r} is a file or lies below one"
                    f" ({str(part)!r}), expected a folder or a new name",
                )
            return
