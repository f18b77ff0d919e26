"""Tells whether a module can be imported, and imports nothing for it.

`importlib.util.find_spec` imports what a module lies in, which would leave the packages around an
exporter in the process that runs tests.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

from pytest_recorder.system import files
from pytest_recorder.system.paths import join


def is_installed(name: str) -> bool:
    """Whether an absolute name of a module can be found; what lies in it is not looked at."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        found = ".".join(parts[:end])
        if found in sys.modules:
            # None stands there for what may not be imported.
            return sys.modules[found] is not None and (end == len(parts) or _is_in(parts, end))
    return find_spec(parts[0]) is not None if len(parts) == 1 else _is_in(parts, 1)


def _is_in(parts: list[str], end: int) -> bool:
    """Look for the rest of a name in the folders of a package that is its first `end` parts."""
    package = sys.modules.get(".".join(parts[:end]))
    if package is not None:
        folders = [*getattr(package, "__path__", ())]
    else:
        spec = find_spec(parts[0])
        folders = [*(spec.submodule_search_locations or ())] if spec is not None else []
    for part in parts[end:-1]:
        inner = [join(folder, part) for folder in folders]
        folders = [folder for folder in inner if files.is_folder(folder)]
    # Of the name only the last part counts where the folders are given.
    return PathFinder.find_spec(parts[-1], folders) is not None
