"""Decides whether the parts in C are used: the only place that does.

PYTEST_DONT_REWRITE

Each part in C has a twin in Python that does the same, slower. `PYTEST_RECORDER_PURE=1` chooses
the twins, for all of them; so does a free-threaded interpreter, and an installation without the
parts. What kept one from being built is in a file that `setup.py` leaves beside this package, one
for each interpreter; it is a text of others, and taken as such.
"""

from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from types import ModuleType
from typing import Final, NamedTuple

from pytest_recorder import compat
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS, is_set
from pytest_recorder.system.paths import FilePath

PURE_VARIABLE = "PYTEST_RECORDER_PURE"
_PACKAGE: Final = FilePath(__file__).parent.parent
FAILURES: Final = _PACKAGE / f"build_failure{EXTENSION_SUFFIXES[0]}.txt"
"""Lines of `name of the part: first error of the compiler`; missing where nothing has failed."""
_MOST_BYTES: Final = 4096
_MOST_CHARS: Final = 200


class Loaded(NamedTuple):
    """An extension module, or None with the reason why not."""

    module: ModuleType | None
    why_not: str | None


def load(name: str) -> Loaded:
    """Give the extension module of this full name. Never raises: a reason stands in its place."""
    if is_set(PURE_VARIABLE):
        return Loaded(None, f"{PURE_VARIABLE} asks for pure Python")
    if compat.IS_FREE_THREADED:
        # To import one would give the whole process its GIL back, with a warning.
        return Loaded(
            None, "the parts in C need the GIL, this is a free-threaded build of Python"
        )
    try:
        return Loaded(import_module(name), None)
    except ModuleNotFoundError:
        return Loaded(None, _why_missing(name))
    except ImportError as error:
        # Built for another interpreter, or damaged.
        return Loaded(None, f"the part in C cannot be loaded: {_as_line(str(error))}")


def build_failures(path: FilePath = FAILURES) -> dict[str, str]:
    """Give what the compiler said of each part that was not built. Raises nothing."""
    if not files.is_file(path):
        return {}
    try:
        with files.open_to_read(path) as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, cause = line.partition(": ")
        if colon and name not in found and cause.strip():
            found[_as_line(name)] = _as_line(cause)
    return found


def _why_missing(name: str) -> str:
    cause = build_failures().get(name)
    if cause is not None:
        return f"the part in C was not built: {cause}"
    other = _of_another_python(name)
    if other is not None:
        return (
            f"the part in C that lies there is of another Python ({other}),"
            " install pytest-record-trace again with this one"
        )
    return "it was installed without the parts in C"


def _of_another_python(name: str) -> str | None:
    """Give the file of a part that this interpreter does not even look at."""
    _, *folders, last = name.split(".")
    try:
        there = OS.listdir("/".join([_PACKAGE, *folders]))
    except OSError:
        return None
    made = sorted(n for n in there if n.startswith(f"{last}.") and n.endswith((".so", ".pyd")))
    return _as_line(made[0]) if made else None


def _as_line(text: str) -> str:
    """Give a text of others as one short line that a terminal can show."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MOST_CHARS else f"{line[: _MOST_CHARS - 3]}..."
