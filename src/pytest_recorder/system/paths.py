"""Gives paths that are texts: what is done to them asks nobody, so no test can change the answer.

PYTEST_DONT_REWRITE

`pathlib` is Python code: to join two paths it calls `os.path.join`, which a test may have replaced,
and pyfakefs puts another `Path` into every module that has one.
"""

import pathlib
import sys
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import OS

if TYPE_CHECKING:
    import os

AnyPath: TypeAlias = "str | os.PathLike[str]"
SEPARATOR: Final = "\\" if sys.platform == "win32" else "/"


class _Original:
    # In a class: pyfakefs replaces it where it is a variable of a module.
    path = pathlib.Path


_SEPARATORS: Final = "\\/" if sys.platform == "win32" else "/"


class FilePath(str):
    """A path, with the part of `pathlib.PurePath` that we need; files are looked at by `files`.

    It is the text that it was made of: nothing is normalized, `..` stays. Two are equal when their
    texts are, on Windows too. Make it of `files.absolute(...)` where it shall not move.
    """

    __slots__ = ()

    @classmethod
    def of(cls, path: AnyPath) -> Self:
        """Make it of a text or of an object of `pathlib`."""
        return cls(OS.fspath(path))

    def __truediv__(self, name: str) -> Self:
        """Join; a name that is absolute stands for itself."""
        return type(self)(join(self, name))

    @property
    def name(self) -> str:
        """What follows the last separator."""
        return self[_after_separator(self) :]

    @property
    def parent(self) -> Self:
        """The folder that it lies in; the root is its own."""
        return type(self)(parent_of(self))

    @property
    def parents(self) -> tuple[Self, ...]:
        """The folders above it, the nearest first."""
        found: list[Self] = []
        path = self
        while (parent := path.parent) != path:
            found.append(parent)
            path = parent
        return tuple(found)

    @property
    def suffix(self) -> str:
        """The last extension of the name, with its dot."""
        stem, dot, extension = self.name.rpartition(".")
        return dot + extension if stem and extension else ""

    def with_name(self, name: str) -> Self:
        """Give another file of the same folder."""
        return type(self)(self[: _after_separator(self)] + name)

    def of_pathlib(self) -> pathlib.Path:
        """Give it as an object of `pathlib`, for the program."""
        return _Original.path(self)

    def is_in(self, folder: str) -> bool:
        """Tell whether it is the folder, or lies in it, by the texts alone."""
        return self == folder or self.startswith(with_separator(folder))

    def relative_to(self, folder: AnyPath) -> Self:
        """Give what follows the folder; the path itself where it does not lie in it."""
        base = OS.fspath(folder)
        if not self.is_in(base):
            return self
        return type(self)(self[len(with_separator(base)) :] or ".")

    def as_posix(self) -> str:
        """Give it with slashes."""
        return self.replace("\\", "/") if sys.platform == "win32" else str(self)


def join(folder: str, name: str) -> str:
    """Join two paths as `os.path.join` does."""
    if is_absolute(name) or not folder:
        return str(name)
    return with_separator(folder) + name


def with_separator(folder: str) -> str:
    """Give a folder so that the paths in it begin with this."""
    return str(folder) if folder[-1:] in tuple(_SEPARATORS) else folder + SEPARATOR


def parent_of(path: str) -> str:
    """Give the folder of a path: "" for a name alone, the root for the root."""
    at = _after_separator(path)
    start = path[:at].rstrip(_SEPARATORS)
    is_root = not start
    if sys.platform == "win32":
        # A drive, or what a server shares.
        is_root = len(start) < len(_root_of(path.replace("/", "\\")))
    return path[:at] if is_root else start


def name_of(path: str) -> str:
    """Give what follows the last separator of a path."""
    return path[_after_separator(path) :]


def is_absolute(path: str) -> bool:
    """Tell whether a path does not depend on the current folder, or drive."""
    if sys.platform == "win32":
        return path[:2] in ("\\\\", "//") or (path[1:2] == ":" and path[2:3] in ("\\", "/"))
    return path.startswith("/")


def normalized(path: str) -> str:
    """Take `.`, `..` and doubled separators out of a path, as `os.path.normpath` does."""
    text = path.replace("/", "\\") if sys.platform == "win32" else path
    root = _root_of(text)
    kept: list[str] = []
    for part in text[len(root) :].split(SEPARATOR):
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part not in ("", ".") and not (part == ".." and root):
            kept.append(part)
    return root + SEPARATOR.join(kept) or "."


def _root_of(path: str) -> str:
    if sys.platform == "win32":
        if path.startswith("\\\\"):
            server = path.split("\\", 4)
            return "\\".join(server[:4]) + "\\"
        drive = path[:2] if path[1:2] == ":" else ""
        return drive + "\\" * (path[len(drive) : len(drive) + 1] == "\\")
    # POSIX leaves the meaning of two slashes, not of three, to the system.
    slashes = len(path) - len(path.lstrip("/"))
    return "//" if slashes == 2 else "/" * (slashes > 0)


def _after_separator(path: str) -> int:
    return max(path.rfind(separator) for separator in _SEPARATORS) + 1
