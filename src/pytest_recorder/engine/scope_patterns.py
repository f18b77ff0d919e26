"""Matches code with the patterns of includes and excludes: globs on paths, or names of modules.

PYTEST_DONT_REWRITE
"""

import re
import sys
from collections.abc import Iterable

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings.parse import glob_class
from pytest_recorder.system.paths import is_absolute

_FLAGS = re.IGNORECASE if sys.platform == "win32" else 0


class Pattern:
    """One include or exclude: a path glob, or a dotted module name with all below it."""

    def __init__(self, text: str, root: str) -> None:
        self.text = text
        slashed = _slashed(text)
        self._is_path = "/" in slashed or slashed.endswith(".py")
        expression = (
            _path_expression(slashed, root) if self._is_path else _module_expression(text)
        )
        self._match = re.compile(expression, _FLAGS if self._is_path else 0).fullmatch

    def matches(self, paths: Iterable[str], module: str | None) -> bool:
        """Tell whether code is meant, by one of the spellings of its path or by its module."""
        if not self._is_path:
            return module is not None and self._match(module) is not None
        return any(self._match(_slashed(path)) is not None for path in paths)


def _slashed(path: str) -> str:
    return path.replace("\\", "/") if sys.platform == "win32" else path


def _module_expression(text: str) -> str:
    dotted = ".*".join(re.escape(part) for part in text.split("*"))
    return rf"{dotted}(?:\..*)?"


def _path_expression(text: str, root: str) -> str:
    base = "" if is_absolute(text) else _slashed(root).rstrip("/") + "/"
    glob = text.removeprefix("./")
    if "/" not in glob:
        glob = f"**/{glob}"
    below = "" if glob.endswith(".py") else "(?:/.*)?"
    return re.escape(base) + _translate(glob.rstrip("/")) + below


def _translate(glob: str) -> str:
    """Translate a glob: `**` spans folders, `*` and `?` stay inside one, `[...]` is a class."""
    out: list[str] = []
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at):
            out.append("(?:[^/]+/)*")
            at += 3
            continue
        if glob.startswith("**", at):
            out.append(".*")
            at += 2
            continue
        char = glob[at]
        close = glob.find("]", at + 2) if char == "[" else -1
        if close > 0:
            out.append(glob_class(glob[at + 1 : close]))
            at = close + 1
            continue
        out.append({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)))
        at += 1
    return "".join(out)
