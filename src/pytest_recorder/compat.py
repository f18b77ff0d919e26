"""Knows which version of Python and pytest does what; no other module compares versions.

"reference" is the project's file of measurements on CPython 3.11.7, 3.12.1 and 3.13.0.
"""

import sys
from typing import Final

from pytest_recorder.original_builtins import __builtins__

PYTHON_VERSION: Final = ".".join(str(part) for part in sys.version_info[:3])
IMPLEMENTATION: Final = sys.implementation.name

TEXT_FILE: Final = "<string>"
"""The file name of the code of `python -c`, and of what `exec` compiles without another name."""


def is_free_threaded(version: str) -> bool:
    """Whether `sys.version` is that of a free-threaded build, in which the GIL can be off.

    PEP 703: two threads can be inside a callback at the same time there. This text is the
    documented sign; importing sysconfig for Py_GIL_DISABLED costs 2 to 8 ms.
    """
    return "free-threading build" in version


IS_FREE_THREADED: Final = is_free_threaded(sys.version)

# PEP 669: `sys.monitoring` came with 3.12.
HAS_MONITORING: Final = sys.version_info >= (3, 12)

# https://docs.python.org/3/c-api/frame.html: `PyFrame_GetVar` came with 3.12. It reads one
# variable without building the `f_locals` dict. CPython only, through ctypes or the C hot path.
HAS_FRAME_GET_VAR: Final = HAS_MONITORING and IMPLEMENTATION == "cpython"

# PEP 667: from 3.13 `frame.f_locals` of a function is a write-through proxy; reading it neither
# refreshes a dict that the program got from `locals()` nor keeps the frame's values alive.
FRAME_LOCALS_IS_PROXY: Final = sys.version_info >= (3, 13)

# 3.13: closing a generator that is suspended outside any `try` no longer resumes it, so that no
# tool sees an event after its last PY_YIELD. 3.12 reports PY_THROW, RAISE and PY_UNWIND, and
# `sys.settrace` on 3.11 and 3.12 a `call` (all measured on 3.11.7, 3.12.1 and 3.13.0).
GENERATOR_CLOSE_IS_SILENT: Final = sys.version_info >= (3, 13)

# 3.15 (gh-142186): RAISE, PY_UNWIND and PY_THROW can be turned on for a code object alone.
HAS_LOCAL_EXCEPTION_EVENTS: Final = sys.version_info >= (3, 15)

# `sys.settrace` shows nothing of a frame whose `call` got no local trace function either.
SHOWS_EXCEPTIONS_OF_SCOPE_ONLY: Final = HAS_LOCAL_EXCEPTION_EVENTS or not HAS_MONITORING


def accepts_ini_unions(pytest_version: tuple[int | str, ...]) -> bool:
    """Whether ``parser.addini(type=int | str)`` works: since pytest 9.2, see its docstring.

    The version is an argument (``pytest.version_tuple``) so that nothing here imports pytest.
    """
    return (int(pytest_version[0]), int(pytest_version[1])) >= (9, 2)
