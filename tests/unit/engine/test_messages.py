"""How an exception is worded without running code of the program."""

import threading

import pytest

from pytest_recorder.engine.pure.interpreter import thread_name
from pytest_recorder.engine.pure.messages import exception_message


class Plain(Exception):
    pass


class TakesThatOfKeys(Exception):
    __str__ = KeyError.__str__


class Mixed(Plain, OSError):
    pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Plain(), ""),
        (Plain("a", 1), "('a', 1)"),
        (GeneratorExit(), ""),
        (KeyError("a"), "'a'"),
        (TakesThatOfKeys("a"), "a"),
        (OSError(2, "gone", "a.txt"), "[Errno 2] gone: 'a.txt'"),
        (Mixed(2, "gone", "a.txt"), "[Errno 2] gone: 'a.txt'"),
        (ExceptionGroup("many", [Plain(), Plain()]), "many (2 sub-exceptions)"),
    ],
)
def test_an_exception_is_worded_as_its_type_does(error: BaseException, words: str) -> None:
    assert exception_message(error) == words


def test_a_class_that_changes_is_worded_as_it_is_now() -> None:
    class Changed(OSError):
        pass

    error = Changed(2, "gone")
    assert exception_message(error) == "[Errno 2] gone"
    Changed.__str__ = BaseException.__str__  # type: ignore[method-assign]
    assert exception_message(error) == "(2, 'gone')"
    del Changed.__str__
    assert exception_message(error) == "[Errno 2] gone"


def test_bases_that_change_are_asked_as_they_are_now() -> None:
    class Silent(Plain):
        pass

    class Loud(Plain):
        __str__ = BaseException.__str__

    class Changed(Silent, OSError):
        pass

    error = Changed(2, "gone")
    assert exception_message(error) == "[Errno 2] gone"
    Changed.__bases__ = (Loud, OSError)
    assert exception_message(error) == "(2, 'gone')"


def test_a_thread_has_the_name_that_it_has_now() -> None:
    class Named(threading.Thread):
        __slots__ = ("found",)

        def run(self) -> None:
            before = thread_name()
            self.name = "second"
            self.found = before, thread_name()

    thread = Named(name="first")
    thread.start()
    thread.join()
    assert thread.found == ("first", "second")


def test_a_thread_that_is_foreign_to_the_module_is_not_made_one() -> None:
    import _thread

    found: list[str] = []
    is_done = threading.Event()

    def look() -> None:
        found.append(thread_name())
        is_done.set()

    before = len(threading.enumerate())
    _thread.start_new_thread(look, ())
    assert is_done.wait(10)
    assert found == ["thread"]
    assert len(threading.enumerate()) == before
