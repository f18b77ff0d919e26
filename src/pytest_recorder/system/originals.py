"""Gives the interpreter's own threads and locks, also where gevent has put its own in their place.

PYTEST_DONT_REWRITE

After `gevent.monkey.patch_all()` a greenlet has a thread identity and thread-local values of its
own, and waiting for a lock runs other greenlets of the program. A recorder that took these would
tell greenlets as threads, and run the program in the middle of its own work.
"""

import _thread
import sys
from collections.abc import Callable
from typing import Any


def _original(name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    return getattr(_thread, name) if monkey is None else monkey.get_original("_thread", name)


get_ident: Callable[[], int] = _original("get_ident")
allocate_lock: Callable[[], _thread.LockType] = _original("allocate_lock")
start_new_thread: Callable[..., int] = _original("start_new_thread")
local: Any = _original("_local")
