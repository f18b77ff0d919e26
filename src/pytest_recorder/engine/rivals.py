"""Names the tool that holds the one place for a trace function.

PYTEST_DONT_REWRITE
"""

import threading
from typing import Any, Final, cast

from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER


class _Threading:
    """What `threading` installs in new threads; it keeps that where no test replaces it."""

    def __init__(self) -> None:
        self.settrace: Final = threading.settrace
        self.gettrace: Final = threading.gettrace


THREADING: Final = _Threading()


def refuse_rival() -> None:
    """Raise EnvironmentError (ERR_TRACER_INSTALL_CONFLICT) where this thread is traced."""
    rival = rival_tracer()
    if rival is not None:
        raise enverr(
            ErrorCode.TRACER_INSTALL_CONFLICT,
            f"the trace function is taken by {rival}",
            rival=rival,
        )


def rival_tracer() -> str | None:
    """Name the trace function of this thread, if there is one."""
    current = INTERPRETER.gettrace()
    return None if current is None else name_of(current)


def taken_by(tracer: Any) -> str:
    """Say that the trace function was taken."""
    return f"the trace function was taken during the recording by {name_of(tracer)}"


def threads_taken(ours: Any) -> str | None:
    """Say whether `threading` gives new threads another trace function than ours."""
    current = THREADING.gettrace()
    if current is ours:
        return None
    who = f"taken by {name_of(current)}" if current is not None else "removed"
    return f"the trace function of new threads was {who} during the recording"


def name_of(tracer: Any) -> str:
    """Name a trace function by its module and type."""
    owner: object = getattr(tracer, "__self__", None)
    kind: type = type(cast("object", tracer)) if owner is None else type(owner)
    name = getattr(tracer, "__qualname__", None) if kind.__module__ == "builtins" else None
    if name is not None:
        return f"{getattr(tracer, '__module__', '?')}.{name}"
    return f"{kind.__module__}.{kind.__qualname__}"
