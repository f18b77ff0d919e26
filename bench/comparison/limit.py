"""Registers the C callback that does nothing for the events that a recorder needs: the limit.

Two places in the interpreter: a scout gets the first PY_START of each code object, turns local
events on where it is in scope, and switches itself off for that code; what runs per event is the C
function alone.
"""

import sys
from types import CodeType

_SCOUT, _TOOL = 2, 3
_EVENT_BITS = 20


class Limit:
    """The events of level `calls` or `lines`, delivered to a callback that does nothing."""

    def __init__(self, scope: str, level: str) -> None:
        import bench_noop

        self._scope = scope
        self._module = bench_noop
        events = sys.monitoring.events
        # What our own engine asks for.
        self._local = events.PY_START | events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
        if level != "calls":
            self._local |= events.LINE
        self._global = events.PY_UNWIND | events.PY_THROW | events.RAISE
        self._codes: list[CodeType] = []

    def start(self) -> None:
        monitoring, events = sys.monitoring, sys.monitoring.events
        monitoring.use_tool_id(_SCOUT, "bench-scout")
        monitoring.use_tool_id(_TOOL, "bench-limit")
        for bit in range(_EVENT_BITS):
            if (self._local | self._global) >> bit & 1:
                monitoring.register_callback(_TOOL, 1 << bit, self._module.noop)
        monitoring.register_callback(_SCOUT, events.PY_START, self._meet)
        monitoring.set_events(_TOOL, self._global)
        monitoring.set_events(_SCOUT, events.PY_START)

    def stop(self) -> int:
        monitoring = sys.monitoring
        for tool in (_SCOUT, _TOOL):
            monitoring.set_events(tool, 0)
        for code in self._codes:
            monitoring.set_local_events(_TOOL, code, 0)
        for tool in (_SCOUT, _TOOL):
            monitoring.free_tool_id(tool)
        return self._module.counted()

    def _meet(self, code: CodeType, _offset: int) -> object:
        if code.co_filename.startswith(self._scope) and "site-packages" not in code.co_filename:
            self._codes.append(code)
            sys.monitoring.set_local_events(_TOOL, code, self._local)
        return sys.monitoring.DISABLE
