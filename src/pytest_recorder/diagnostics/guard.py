"""Keeps the recorder's own faults away from the code under test.

This is the only module that may say ``except Exception``. An exception that leaves a monitoring
callback or a trace function is raised into the program under test, so every one of them runs
behind a shield.

Not every exception in a callback is a fault of ours. Python runs signal handlers between any
two bytecodes, so a timeout plugin or Ctrl-C raises *through* our callback and means the
program, which must get it untouched. Such an exception has a frame of a file that is neither
ours nor the standard library's, or is no `Exception` at all. What can still go wrong: a handler
written in C, or one of the standard library that raises an `Exception`, is taken for our fault.
"""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pytest_recorder.errors import ErrorKind, RecorderError
from pytest_recorder.system.originals import variable
from pytest_recorder.system.paths import SEPARATOR, parent_of

if TYPE_CHECKING:
    from types import TracebackType

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
R = TypeVar("R")

STRICT_VARIABLE: Final = "PYTEST_RECORDER_STRICT"

_OWN: Final = parent_of(parent_of(__file__)) + SEPARATOR
_STANDARD: Final = parent_of(str(contextlib.__file__)) + SEPARATOR
_INSTALLED: Final = tuple(f"{_STANDARD}{n}-packages{SEPARATOR}" for n in ("site", "dist"))


class Unreported:
    """Counts the faults for whose report the stack had no room; the engine adds them up."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count: int = 0


def shield2(
    method: Callable[[A, B], R],
    on_fault: Callable[[BaseException], R | None],
    unreported: Unreported | None = None,
) -> Callable[[A, B], R | None]:
    """Wrap a callback of two arguments (``PY_START``, ``LINE``).

    The result calls `method`; when that fails by a fault of ours, it returns what `on_fault`
    returns for the exception. `on_fault` must not keep the exception: its traceback holds
    objects of the program under test.
    """
    strict = is_strict()
    lost = unreported or Unreported()

    def callback(first: A, second: B, /) -> R | None:
        try:
            return method(first, second)
        except BaseException as exc:
            # No room for one more call: the method failed for that reason, and `_handle_fault`
            # would too. Adding to an attribute needs no call.
            try:
                return _handle_fault(exc, on_fault, strict)
            except RecursionError:
                lost.count += 1
                return None

    return callback


def shield3(
    method: Callable[[A, B, C], R],
    on_fault: Callable[[BaseException], R | None],
    unreported: Unreported | None = None,
) -> Callable[[A, B, C], R | None]:
    """Wrap a callback of three arguments (``PY_RETURN``, ``RAISE``, a trace function)."""
    strict = is_strict()
    lost = unreported or Unreported()

    def callback(first: A, second: B, third: C, /) -> R | None:
        try:
            return method(first, second, third)
        except BaseException as exc:
            try:
                return _handle_fault(exc, on_fault, strict)
            except RecursionError:
                lost.count += 1
                return None

    return callback


def fault_handler(on_fault: Callable[..., R | None]) -> Callable[..., R | None]:
    """Give what decides about an exception in a callback in C, which has no `except` of its own.

    It is called with the exception and the name of the callback. It returns where the fault was
    ours and was contained, and raises what is the program's.
    """
    strict = is_strict()

    def handle_fault(exc: BaseException, callback: str = "unknown", /) -> R | None:
        return _handle_fault(exc, partial(on_fault, callback=callback), strict)

    return handle_fault


class Guard(Protocol):
    """Calls a function; a fault of ours in it is told as the policy says, and gives None."""

    def __call__(self, label: str, function: Callable[[], R], /) -> R | None: ...


def run_guarded(
    label: str,
    function: Callable[[], R],
    on_fault: Callable[[str, Exception], object],
    *,
    passing: tuple[type[BaseException], ...] = (),
) -> R | None:
    """Call `function` for a hook of ours; a fault goes to `on_fault` and gives None.

    Exceptions of the types in `passing` (``pytest.UsageError``, ``pytest.exit.Exception``) and
    those that are no `Exception` leave untouched.
    """
    try:
        return function()
    except passing:
        raise
    except Exception as exc:
        if is_strict() and _is_bug(exc):
            raise
        try:
            on_fault(label, exc)
        except passing:
            raise
        except Exception:
            # The report of a fault failed: there is nobody left to tell.
            if is_strict():
                raise
        return None


def translated(
    function: Callable[[], R], translate: Callable[[BaseException], RecorderError]
) -> R:
    """Call `function` where its fault is to be one of our errors, whatever it was."""
    try:
        return function()
    except RecorderError:
        raise
    except Exception as exc:
        if is_strict() and _is_bug(exc):
            raise
        raise translate(exc) from exc


def fault_of(
    function: Callable[[], object], translate: Callable[[BaseException], RecorderError]
) -> RecorderError | None:
    """Call `function` where its fault must stop nothing; give it as one of our errors."""
    try:
        translated(function, translate)
    except RecorderError as error:
        return error
    return None


def failure_of(function: Callable[[], object]) -> BaseException | None:
    """Call code that a user has given us for our own use; give what it raised.

    Everything but Ctrl-C is contained, `SystemExit` and pytest's outcomes too, and no strictness
    raises it: it is no bug of ours.
    """
    try:
        function()
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        return exc.with_traceback(None)
    return None


def passing_through(function: Callable[[], object]) -> BaseException | None:
    """Call what is guarded already; give what passes the guard, for who raises it elsewhere."""
    try:
        function()
    except BaseException as exc:
        return exc
    return None


def text_of(exc: BaseException) -> str:
    """Word an exception of a user's; its `__str__` may fail too."""
    words: list[str] = []
    failure = failure_of(lambda: words.append(str(exc)))
    name = type(exc).__name__
    return f"{name}: {words[0]}" if failure is None and words[0] else name


def is_strict() -> bool:
    """Whether our own bugs shall be raised instead of contained, as our own tests want it."""
    return variable(STRICT_VARIABLE) == "1"


def is_foreign(exc: BaseException) -> bool:
    """Whether `exc` was raised by other code that ran inside a callback of ours."""
    if isinstance(exc, RecursionError):
        return False
    if not isinstance(exc, Exception):
        return True
    step: TracebackType | None = exc.__traceback__
    while step is not None:
        name = step.tb_frame.f_code.co_filename
        if not name.startswith((_OWN, "<frozen ")) and (
            not name.startswith(_STANDARD) or name.startswith(_INSTALLED)
        ):
            return True
        step = step.tb_next
    return False


def _handle_fault(
    exc: BaseException, on_fault: Callable[[BaseException], R | None], strict: bool
) -> R | None:
    if is_foreign(exc) or (strict and _is_bug(exc)):
        raise exc
    try:
        return on_fault(exc)
    except BaseException as second:
        if isinstance(second, RecursionError) or is_foreign(second) or strict:
            raise
        return None


def _is_bug(exc: BaseException) -> bool:
    """A full disk or a deep stack is no bug; an error raised on purpose says it by its kind."""
    if isinstance(exc, RecorderError):
        return exc.kind is ErrorKind.INTERNAL
    return not isinstance(exc, (OSError, MemoryError, RecursionError))
