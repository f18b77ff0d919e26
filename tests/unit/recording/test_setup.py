"""The setup of a recorder: made for a shape of settings, used again, given back."""

from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.recording import setup
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy


def settings(folder: Path, **fields: Any) -> Settings:
    return Settings.checked({"enabled": True, "root": folder, "dir": folder, **fields})


def record_nothing(recorder: Recorder, **options: Any) -> None:
    recorder.begin(**options)
    recorder.end()
    recorder.drop()


def test_a_setup_is_used_again_for_settings_of_its_shape(tmp_path: Path) -> None:
    recorder = Recorder(settings(tmp_path), tmp_path, Policy())
    recorder.open()
    try:
        first = recorder.setup
        record_nothing(recorder, settings=settings(tmp_path, keep="all"))
        assert recorder.setup is first
        record_nothing(recorder, settings=settings(tmp_path, level="calls"))
        assert recorder.setup is not first
    finally:
        recorder.close()
    assert recorder.setup is None
    assert list(tmp_path.iterdir()) == []


def test_a_setup_that_cannot_be_made_leaves_no_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(setup, "make", fail)
    recorder = Recorder(settings(tmp_path), tmp_path, Policy())
    with pytest.raises(ZeroDivisionError, match="ours"):
        recorder.open()
    assert recorder.setup is None
    assert list(tmp_path.iterdir()) == []
