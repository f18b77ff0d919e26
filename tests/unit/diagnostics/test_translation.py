"""What failed in the recorder is the cause of the error that is told; nothing of the program's is held."""

import gc
import pickle
import weakref
from typing import Any

import pytest

from pytest_recorder.diagnostics.lines import error_fields
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.errors import ErrorCode, RecorderError, SourceError, enverr


class Thing:
    """An object of the program."""

    def __repr__(self) -> str:
        raise AssertionError("the code of the program runs")

    __str__ = __hash__ = __repr__  # type: ignore[assignment]


def caught(fail: Any, thing: Thing | None) -> RecorderError:
    """Translate what is raised while the program handles an exception that holds a thing."""
    held = ValueError(thing)
    try:
        raise held
    except ValueError:
        try:
            fail(thing)
        except BaseException as error:
            return recorder_error(error)
    raise AssertionError("nothing was raised")


def raises(error: Any) -> Any:
    def fail(_: Thing) -> None:
        raise error()

    return fail


def misses_an_attribute(thing: Thing) -> None:
    thing.missing  # type: ignore[attr-defined]  # noqa: B018 - it is what fails


def misses_a_key(thing: Thing) -> None:
    raise KeyError(thing)


def from_another(thing: Thing) -> None:
    try:
        raise KeyError(thing)
    except KeyError as error:
        raise RuntimeError("outer") from error


def of_ours_without_a_cause(_: Thing) -> None:
    raise enverr(ErrorCode.IO, "full")


FAULTS = {
    "text": (raises(lambda: RuntimeError("broken")), "RuntimeError: broken"),
    "numbers": (raises(lambda: ValueError("at", 3)), "ValueError: ('at', 3)"),
    "a key of ours": (raises(lambda: KeyError("name")), "KeyError: 'name'"),
    "a missing attribute": (
        misses_an_attribute,
        "AttributeError: 'Thing' object has no attribute 'missing'",
    ),
    "a key of the program": (misses_a_key, "KeyError: <Thing>"),
    "a cause with another": (from_another, "RuntimeError: outer"),
    "a decoder": (
        raises(lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad")),
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: bad",
    ),
    "no memory": (raises(lambda: MemoryError()), "MemoryError: "),
    "the system": (raises(lambda: OSError(28, "full")), "OSError: [Errno 28] full"),
    "an exit": (raises(lambda: SystemExit(3)), "SystemExit: 3"),
    "an error of ours": (of_ours_without_a_cause, ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_the_cause_and_is_told_everywhere(name: str) -> None:
    fail, words = FAULTS[name]
    error = caught(fail, Thing())
    assert error.cause_text == words
    assert str(error).endswith(f": caused by {words}" if words else "full")
    assert (error.__cause__ is not None) is bool(words)
    assert error_fields(error)["cause"] == words
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.cause_text) == (str(error), words)
    assert (words in error.reason_text) or not words


@pytest.mark.parametrize("name", FAULTS)
def test_it_holds_no_object_of_the_program(name: str) -> None:
    thing = Thing()
    alive = weakref.ref(thing)
    error = caught(FAULTS[name][0], thing)
    del thing
    gc.collect()
    assert alive() is None, gc.get_referrers(alive())
    found: BaseException | None = error
    while found is not None:
        assert (found.__traceback__, found.__context__) == (None, None)
        found = found.__cause__


def test_an_exception_of_another_s_is_told_by_its_name() -> None:
    class OfAnother(Exception):
        __module__ = "builtins"

        def __str__(self) -> str:
            raise AssertionError("the code of the program runs")

    error = caught(raises(lambda: OfAnother("text", Thing())), None)
    assert type(error.__cause__) is SourceError
    assert error.cause_text == "OfAnother: 'text', <Thing>"
