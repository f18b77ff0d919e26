"""Takes out of tracebacks what stands in them because our hook wrappers are there.

A wrapper of the older style gets the outcome of what it wraps, and adds no frame of ours to the
traceback of an exception that passes. But pluggy, from 1.5 on, calls such a wrapper from a
generator of its own, and that adds four steps: other plugins count them.
"""

from types import TracebackType

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.related_errors import related_errors
from pytest_recorder.system.paths import SEPARATOR
from pytest_recorder.system.slots import traceback_of

_CALLERS = ("_multicall", "get_result")
_OLD_STYLE = "run_old_style_hookwrapper"
_code_file = f"{SEPARATOR}pluggy{SEPARATOR}"


def remove_wrappers(error: BaseException, owner: object) -> None:
    """Shorten the traceback of an exception, and of those related to it, in place.

    `owner` is the plugin whose wrappers leave no step.
    """
    for each in related_errors(error):
        first = _without(traceback_of(each), owner)
        if first is not None:
            BaseException.with_traceback(each, first)


def _without(first: TracebackType | None, owner: object) -> TracebackType | None:
    """Link the steps without those of the wrappers; gives the first, None where none has to go."""
    steps: list[TracebackType] = []
    step = first
    while step is not None:
        steps.append(step)
        step = step.tb_next
    gone: set[int] = set()
    for at, step in enumerate(steps):
        if _is_of_wrapper(step, owner):
            gone.add(at)
            if at > 0 and _is_in_pluggy(steps[at - 1], _CALLERS):
                gone.add(at - 1)
    if not gone:
        return None
    stay = [step for at, step in enumerate(steps) if at not in gone]
    for before, after in zip(stay, [*stay[1:], None], strict=True):
        if before.tb_next is not after:
            before.tb_next = after
    return stay[0] if stay else None


def _is_of_wrapper(step: TracebackType, owner: object) -> bool:
    if not _is_in_pluggy(step, (_OLD_STYLE,)):
        return False
    return getattr(step.tb_frame.f_locals.get("hook_impl"), "plugin", None) is owner


def _is_in_pluggy(step: TracebackType, names: tuple[str, ...]) -> bool:
    code = step.tb_frame.f_code
    return code.co_name in names and _code_file in code.co_filename
