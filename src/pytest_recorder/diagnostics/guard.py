"""Keeps the recorder's own faults away from the code under test.

This is the only module that may say ``except Exception``. An exception that leaves a monitoring
callback or a trace function is raised into the program under test, so every one of them runs
behind a shield.

Not every exception in a callback is a fault of ours. Python runs signal handlers between any
two bytecodes, so a timeout plugin or Ctrl-C raises *through* our callback and means the
program, which must get it untouched: it is no `Exception` at all, or comes from a frame that was
called as a signal handler is, or from no frame and is of a class of the program's (one thread can
raise it in another). All else is contained, also what an audit hook or a method of the program
raised that should never have been called. What can still go wrong: a handler written in C, or one
of the standard library that raises an `Exception`, is taken for our fault.

An operation that fails ends the recording. A helper that fails (it words a message, describes a
type, encodes one value) does not: a mark stands for its answer, and the fault is counted.
"""

import contextlib
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError, target
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER, variable
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
_PACKAGE: Final = __name__.partition(".")[0]
_MOST_ARGUMENTS: Final = 8
_name_of: Final = vars(type)["__name__"].__get__
_module_of: Final = vars(type)["__module__"].__get__
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
            if type(exc) is KeyboardInterrupt and type(third) is GeneratorExit:
                # Whoever closes a generator may be the end of it, where Python drops what is
                # raised: the program gets its Ctrl-C as soon as it runs on.
                INTERPRETER.interrupt_main()
                return None
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


def failure_handler(on_fault: Callable[..., Any]) -> Callable[[BaseException, str], None]:
    """Give what decides about an exception in a helper whose answer a mark can stand for.

    It is called with the exception and the name of the helper. Where it returns the fault is
    counted, as one of the program's that could not be inspected, and the caller goes on with its
    mark; else it raises what is the program's, or after which nothing can go on.
    """
    strict = is_strict()

    def handle_failure(exc: BaseException, helper: str, /) -> None:
        if _is_final(exc) or (strict and _is_bug(exc)):
            raise exc
        # Not the exception itself: its traceback holds objects of the program.
        found = target(
            ErrorCode.FRAME_INTROSPECTION_FAILED,
            f"the recorder failed to read what it marks: {_name_of(type(exc))}",
            helper=helper,
        )
        try:
            on_fault(found, callback=helper, is_marked=True)
        except BaseException as second:
            if _is_final(second) or strict:
                raise

    return handle_failure


def marked(
    handle_failure: Callable[[BaseException, str], None],
    function: Callable[[A], R],
    name: str,
    mark: Callable[[A], R],
) -> Callable[[A], R]:
    """Wrap a helper: where it fails and `handle_failure` contains that, `mark` gives the answer."""

    def call(subject: A, /) -> R:
        try:
            return function(subject)
        except BaseException as exc:
            handle_failure(exc, name)
            return mark(subject)

    return call


def _is_final(exc: BaseException) -> bool:
    """Whether nothing can go on after this in a helper: the spool is full, the stack is."""
    return is_foreign(exc) or isinstance(exc, (RecorderError, RecursionError))


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
    # Not `isinstance`, which asks the exception for its class.
    if issubclass(type(exc), RecursionError):
        return False
    if not issubclass(type(exc), Exception):
        return True
    step: TracebackType | None = exc.__traceback__
    interrupted: FrameType | None = None
    is_ours = True
    while step is not None:
        frame = step.tb_frame
        if not _is_file_of_ours(frame.f_code.co_filename):
            if _is_signal_handler(frame, interrupted):
                return True
            is_ours = False
        interrupted = frame
        step = step.tb_next
    return is_ours and not _is_class_of_ours(type(exc))


def _is_file_of_ours(name: str) -> bool:
    return name.startswith((_OWN, "<frozen ")) or (
        name.startswith(_STANDARD) and not name.startswith(_INSTALLED)
    )


def _is_signal_handler(frame: FrameType, interrupted: FrameType | None) -> bool:
    """Whether a frame was called with a number and the frame that was interrupted.

    Or is one of the handlers that are installed: it may have let go of its arguments.
    """
    arguments = tuple(frame.f_locals.values())[:_MOST_ARGUMENTS]
    for argument in arguments:
        is_tuple = type(argument) is tuple
        among = cast("tuple[object, ...]", argument) if is_tuple else (argument,)
        for each in among:
            if type(each) is FrameType and (interrupted is None or each is interrupted):
                return True
    code = frame.f_code
    return any(
        _code_of(INTERPRETER.getsignal(number)) is code
        for number in INTERPRETER.valid_signals()
    )


def _code_of(handler: Any) -> object:
    while type(handler) is partial:
        handler = handler.func
    if type(handler) is MethodType:
        handler = handler.__func__
    return handler.__code__ if type(handler) is FunctionType else None


def _is_class_of_ours(kind: type) -> bool:
    """Whether a class of exceptions is of Python or of this package."""
    module = _module_of(kind)
    top = module.partition(".")[0] if type(module) is str else ""
    return top == _PACKAGE or top in sys.stdlib_module_names


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
