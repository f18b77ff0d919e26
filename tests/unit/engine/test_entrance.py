"""The entrance of the hot path in Python: who is inside, whatever a signal handler raises."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pytest_recorder.engine.pure import entrance
from pytest_recorder.engine.pure.entrance import Entrance
from pytest_recorder.system.originals import reentrant_lock


class Interrupted(reentrant_lock):  # type: ignore[misc,valid-type] # a type, which gevent can replace
    """Raises, once, where the interpreter runs signal handlers: when the call returns."""

    is_armed = False

    def acquire(self, *given: Any) -> bool:
        taken: bool = super().acquire(*given)
        if self.is_armed:
            self.is_armed = False
            raise KeyboardInterrupt("now")
        return taken


class Open(Entrance):
    def __init__(self) -> None:
        super().__init__(lambda error: isinstance(error, KeyboardInterrupt))
        self.is_open = True
        self._lock = Interrupted()

    def arm(self) -> None:
        self._lock.is_armed = True

    def _introduce_anew(self) -> None:
        pass


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "_LOCK_TIMEOUT_S", 0.01)


def in_a_thread(function: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_an_interrupt_that_comes_as_the_lock_is_taken_leaves_it_free() -> None:
    hot = Open()
    operation = hot.locked(lambda frame, code, argument: argument)
    hot.arm()
    with pytest.raises(KeyboardInterrupt, match="now"):
        operation(None, None, 1)
    assert hot.losses == {"interrupted": 1}
    assert operation(None, None, 2) == 2
    assert in_a_thread(lambda: operation(None, None, 3)) == 3
    assert hot.losses == {"interrupted": 1}


def test_so_does_one_that_comes_as_a_recording_begins_or_ends() -> None:
    hot = Open()
    hot.arm()
    with pytest.raises(KeyboardInterrupt, match="now"), hot._turn():
        pass
    assert in_a_thread(lambda: hot.locked(lambda *given: "inside")(None, None, 1)) == "inside"
    with hot._turn() as has_turn:
        assert has_turn


def test_a_turn_inside_an_operation_is_none_and_takes_nothing_away() -> None:
    hot = Open()

    def operation(frame: Any, code: Any, argument: Any) -> list[Any]:
        with hot._turn() as has_turn:
            return [has_turn, in_a_thread(lambda: hot.locked(lambda *given: 1)(None, None, 1))]

    assert hot.locked(operation)(None, None, None) == [False, None]
    assert hot.losses == {"contended": 1}
