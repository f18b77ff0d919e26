"""Turns whatever failed inside the recorder into an error of ours."""

import builtins
from typing import Final

from pytest_recorder.errors import (
    ErrorCode,
    RecorderError,
    SourceError,
    bug,
    enverr,
    from_os_error,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.paths import name_of
from pytest_recorder.system.slots import args_of

_MOST_CAUSES: Final = 8
_PLAIN: Final = (str, bytes, int, float, bool, type(None))
_BUILT_IN: Final = frozenset(
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type) and issubclass(kind, BaseException)
)
_SYSTEM: Final = frozenset(kind for kind in _BUILT_IN if issubclass(kind, OSError))


def recorder_error(error: BaseException) -> RecorderError:
    """Translate a fault, which becomes the cause, and let go of the objects that it holds.

    Neither tracebacks, whose frames hold objects of the program, nor what the program was handling
    meanwhile, is kept.
    """
    if isinstance(error, RecorderError):
        found = error
    elif isinstance(error, OSError):
        found = from_os_error(error, "cannot record")
    elif isinstance(error, MemoryError):
        found = caused(enverr(ErrorCode.IO, "out of memory while recording"), error)
    else:
        found = caused(
            bug(ErrorCode.UNKNOWN, "the recorder failed", at=innermost(error)), error
        )
    _let_go(found)
    return found.with_traceback(None)


def caused(found: RecorderError, error: BaseException) -> RecorderError:
    """Make an exception, or what stands in for it, the cause of an error of ours."""
    found.__cause__ = _stand_in(error)
    return found


def innermost(error: BaseException) -> str:
    """Say in which file and line it was raised."""
    traceback, where = error.__traceback__, "unknown"
    while traceback is not None:
        where = f"{name_of(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return where


def _let_go(error: BaseException) -> None:
    """Keep, of what led to an error, its causes alone, and those without what they hold."""
    found: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if found is None:
            return
        found.__traceback__ = None
        found.__context__ = None
        source = found.__cause__
        is_ours = isinstance(source, (RecorderError, SourceError))
        if source is not None and not is_ours and type(source) not in _SYSTEM:
            found.__cause__ = source = _stand_in(source)
        found = source
    if found is not None:
        found.__traceback__ = found.__cause__ = found.__context__ = None


def _stand_in(error: BaseException) -> BaseException:
    """Give what tells the same as an exception and holds no object of the program.

    One of a built-in type that holds only text and numbers is made anew. Its text is not asked for
    where that would run code of the program.
    """
    kind, arguments = type(error), args_of(error)
    is_plain = all(type(argument) in _PLAIN for argument in arguments)
    if is_plain and kind in _BUILT_IN:
        return kind(*arguments)
    text = ", ".join(
        repr(argument) if type(argument) in _PLAIN else f"<{type(argument).__qualname__}>"
        for argument in arguments
    )
    return SourceError(kind.__name__, text)
