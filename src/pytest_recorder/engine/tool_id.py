"""Owns a tool id of `sys.monitoring`, finds out when somebody else took it over, gives it back.

PYTEST_DONT_REWRITE

The interpreter protects an id by its name alone: anybody may free it, replace callbacks under it or
clear its events, and nobody is told. So the name is an object of its own, which `get_tool` gives
back, and what was registered is looked at (a callback by registering it again: there is no getter;
all of it takes half a microsecond).

What others have registered under the id stays: only what is still ours is taken away.
"""

from collections.abc import Callable, Mapping
from itertools import compress, repeat
from operator import ne
from types import CodeType
from typing import Any

from pytest_recorder.engine.pure.lookups import exact
from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import INTERPRETER

TOOL_NAME = "pytest-record-trace"
TOOL_IDS = (4, 3, 5, 2, 0, 1)
"""The order of trying: 0 is the debuggers' place and 1 coverage's, so they come last."""

Callbacks = Mapping[int, Callable[..., Any]]


class ToolId:
    """A place in `sys.monitoring`, from `take` to `give_back`; after that nothing has an effect."""

    def __init__(self) -> None:
        # A text of its own: who uses the same words for a name is still somebody else.
        self._name = "".join(TOOL_NAME)
        self._number: int | None = None
        self._shunned: list[int] = []
        self._theirs = 0
        self._callbacks: Callbacks = {}
        self._events = 0

    @property
    def is_held(self) -> bool:
        """Whether it was taken, and nobody else has it."""
        tool = self._number
        return tool is not None and INTERPRETER.monitoring.get_tool(tool) is self._name

    def take(self) -> None:
        """Take the first free id of those that suit; where others have meddled, as a last resort.

        Raises EnvironmentError (ERR_TRACER_INSTALL_CONFLICT) where there is none.
        """
        use_tool_id = INTERPRETER.monitoring.use_tool_id
        free = [tool for tool in TOOL_IDS if tool not in self._shunned]
        for tool in [*free, *self._shunned]:
            try:
                use_tool_id(tool, self._name)
            except ValueError:
                continue
            self._number = tool
            return
        get_tool = INTERPRETER.monitoring.get_tool
        found = [get_tool(tool) for tool in sorted(TOOL_IDS)]
        names = ", ".join(str(None if name is None else exact(name)) for name in found)
        raise enverr(
            ErrorCode.TRACER_INSTALL_CONFLICT,
            f"all tool ids of sys.monitoring are taken, by {names}",
        )

    def turn_on(self, callbacks: Callbacks, events: int) -> bool:
        """Register callbacks and turn global events on. False: others have callbacks there."""
        tool, monitoring = self._number, INTERPRETER.monitoring
        if tool is None:
            return False
        register_callback = monitoring.register_callback
        found = {event: register_callback(tool, event, callbacks[event]) for event in callbacks}
        if any(found.values()):
            for event, callback in found.items():
                register_callback(tool, event, callback)
            self._shun(tool)
            return False
        self._callbacks, self._events = callbacks, events
        monitoring.set_events(tool, events)
        return True

    def set_local(self, code: CodeType, events: int) -> None:
        """Turn on the events of a code object; where the id is another's now, do nothing."""
        tool = self._number
        if tool is not None and self.is_held:
            INTERPRETER.monitoring.set_local_events(tool, code, events)

    def conflict(self) -> str | None:
        """Say what others have done to the id, or under it; `turn_off` ends this watch."""
        tool, monitoring = self._number, INTERPRETER.monitoring
        if tool is None:
            return None
        which = f"tool id {tool} of sys.monitoring"
        owner = monitoring.get_tool(tool)
        if owner is not self._name:
            taken = "" if owner is None else f", and taken by {exact(owner)!r}"
            return f"{which} was freed{taken}"
        if monitoring.get_events(tool) != self._events:
            return f"the events of {which} were changed"
        for event, callback in self._callbacks.items():
            found = monitoring.register_callback(tool, event, callback)
            if found is not callback:
                monitoring.register_callback(tool, event, found)
                return f"a callback of {which} was " + ("replaced" if found else "removed")
        return None

    def local_conflict(self, codes: list[CodeType], expected: list[int]) -> str | None:
        """Say whether the events of any of these code objects are not the expected ones."""
        tool, get_local_events = self._number, INTERPRETER.monitoring.get_local_events
        if tool is None or not self.is_held:
            return None
        there = list(map(get_local_events, repeat(tool), codes))
        if there == expected:
            return None
        changed = next(compress(codes, map(ne, there, expected)))
        return (
            f"the events of {exact(changed.co_qualname)} for tool id {tool} of sys.monitoring"
            " were changed"
        )

    def turn_off(self) -> None:
        """Take back the callbacks and the global events that are ours."""
        tool, monitoring = self._number, INTERPRETER.monitoring
        if tool is None or not self._callbacks:
            return
        for event, callback in self._callbacks.items():
            found = monitoring.register_callback(tool, event, None)
            if found is not callback and found is not None:
                monitoring.register_callback(tool, event, found)
                self._theirs |= event
        if self._is_ours(tool):
            if monitoring.get_events(tool) == self._events:
                monitoring.set_events(tool, self._events & self._theirs)
        else:
            self._shun(tool)
        self._callbacks, self._events = {}, 0

    def give_back(self, codes: list[CodeType], expected: list[int]) -> None:
        """Clear the local events that are ours and free the id: a new owner would inherit them."""
        self.turn_off()
        tool, monitoring = self._number, INTERPRETER.monitoring
        theirs, self._theirs, self._number = self._theirs, 0, None
        if tool is None or not self._is_ours(tool):
            return
        for code, events in zip(codes, expected, strict=True):
            if monitoring.get_local_events(tool, code) == events:
                monitoring.set_local_events(tool, code, events & theirs)
        if theirs:
            self._shun(tool)
        # What is registered under an id outlives it, but from 3.14 on the interpreter forgets it.
        register_callback, every_event = monitoring.register_callback, monitoring.every_event
        found = [register_callback(tool, event, None) for event in every_event]
        monitoring.free_tool_id(tool)
        for event, callback in zip(every_event, found, strict=True):
            if callback is not None:
                register_callback(tool, event, callback)

    def _shun(self, tool: int) -> None:
        if tool not in self._shunned:
            self._shunned.append(tool)

    def _is_ours(self, tool: int) -> bool:
        """Tell whether nobody else has the id; one that was freed has our events still."""
        monitoring = INTERPRETER.monitoring
        if monitoring.get_tool(tool) is None:
            monitoring.use_tool_id(tool, self._name)
        return monitoring.get_tool(tool) is self._name
