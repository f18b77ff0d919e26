"""Our own faults are contained here, as they are for users: that is what is tested."""

import pytest


@pytest.fixture(autouse=True)
def contained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_RECORDER_STRICT", raising=False)
