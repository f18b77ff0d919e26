"""Decides which code is recorded, once per code object, from its file and its module.

In scope by default is the project under test: code under its root outside virtual environments,
and its own packages wherever the imported copy lies. Out are the standard library, other installed
packages, this package, and code without a file.
"""

import os
import re
import sys
import sysconfig
import tomllib
import warnings
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from types import CodeType

from pytest_recorder.settings.parse import glob_class

_INSTALLED = frozenset(("site-packages", "dist-packages"))
_TOOL_FOLDERS = frozenset((".tox", ".nox", "node_modules", "__pypackages__", ".eggs"))
_OWN_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_NEVER_OWN = frozenset(("pytest", "_pytest", "pluggy", "conftest", "setup", "tests", "test"))

TEXT_FILE = "<string>"
"""The file name of the code of `python -c`."""


class Scope:
    """The rules of one recording. `decide` may be called from any thread and keeps its answers."""

    def __init__(
        self,
        root: Path,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        *,
        also: Iterable[Path] = (),
        own_packages: Iterable[str] | None = None,
        text: str | None = None,
    ) -> None:
        self.root = Path(os.path.realpath(root))
        roots = (self.root, *(Path(os.path.realpath(path)) for path in also))
        self._roots = tuple(_with_separator(str(path)) for path in roots)
        self._include = [_compile(pattern, self.root) for pattern in include]
        self._exclude = [_compile(pattern, self.root) for pattern in exclude]
        own = find_own_packages(self.root) if own_packages is None else own_packages
        self.own_packages = frozenset(own)
        paths = sysconfig.get_paths()
        stdlib = {paths["stdlib"], paths["platstdlib"], os.path.realpath(paths["stdlib"])}
        self._stdlib = tuple(_with_separator(path) for path in stdlib)
        self._prefixes = tuple(
            _with_separator(prefix)
            for prefix in {sys.prefix, os.path.realpath(sys.prefix)}
            if sys.prefix != sys.base_prefix
        )
        self._answers: dict[tuple[str, str | None], bool] = {}
        self._venvs: dict[str, bool] = {}
        self._texts = _codes_of(text) if text is not None else frozenset[CodeType]()

    def decide_code(self, code: CodeType, module: str | None) -> bool:
        """Tell whether a code object is recorded: by its file, or as a part of `python -c`."""
        if self._texts and code.co_filename == TEXT_FILE and code in self._texts:
            return True
        return self.decide(code.co_filename, module)

    def decide(self, filename: str, module: str | None) -> bool:
        """Tell whether code of this file, in a module of this name, is recorded."""
        key = (filename, module)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._decide(filename, module)
        return answer

    def _decide(self, filename: str, module: str | None) -> bool:
        if filename.startswith("<") or not filename:
            return False
        path = os.path.realpath(filename)
        if path.startswith(_OWN_PACKAGE):
            return False
        if any(pattern(path, module) for pattern in self._exclude):
            return False
        if any(pattern(path, module) for pattern in self._include):
            return True
        return self._is_project(path, module)

    def _is_project(self, path: str, module: str | None) -> bool:
        is_installed = not _INSTALLED.isdisjoint(path.split(os.sep))
        if is_installed:
            return module is not None and module.partition(".")[0] in self.own_packages
        if path.startswith(self._stdlib) or not path.startswith(self._roots):
            return False
        return not self._is_in_environment(path)

    def _is_in_environment(self, path: str) -> bool:
        """Tell whether a folder between the root and the file is a virtual environment."""
        if path.startswith(self._prefixes):
            return True
        folder = os.path.dirname(path)
        known = self._venvs.get(folder)
        if known is None:
            inside = [folder, *map(str, Path(folder).parents)]
            below = [part for part in inside if _with_separator(part).startswith(self._roots)]
            known = self._venvs[folder] = any(
                os.path.basename(part) in _TOOL_FOLDERS
                or (part + os.sep not in self._roots and _has_environment_file(part))
                for part in below
            )
        return known


def _codes_of(text: str) -> frozenset[CodeType]:
    """Give the code objects of what `python -c` runs.

    By their content, for Python has compiled them itself. The name of their file does not tell:
    what `dataclasses` and others make by `exec` has the same one.
    """
    try:
        with warnings.catch_warnings():
            # Python says them, once.
            warnings.simplefilter("ignore")
            todo = [compile(text, TEXT_FILE, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[CodeType] = set()
    while todo:
        code = todo.pop()
        found.add(code)
        todo += [part for part in code.co_consts if type(part) is CodeType]
    return frozenset(found)


def find_own_packages(root: Path) -> set[str]:
    """Name the top-level modules of the project: under its root, under `src`, and as installed."""
    found = _modules_in(root / "src", namespace=True) | _modules_in(root, namespace=False)
    name = _distribution_name(root)
    if name is not None:
        found |= _modules_of_distribution(name)
    return {name for name in found if name not in _NEVER_OWN}


def find_project_root(start: Path) -> Path:
    """Give the nearest folder upwards that looks like a project's, or `start` itself."""
    for folder in (start, *start.parents):
        if any((folder / name).exists() for name in ("pyproject.toml", "setup.py", ".git")):
            return folder
    return start


def _modules_in(folder: Path, *, namespace: bool) -> set[str]:
    found: set[str] = set()
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return found
    for entry in entries:
        stem, extension = os.path.splitext(entry.name)
        if not stem.isidentifier() or stem in sys.stdlib_module_names:
            continue
        if extension == ".py" or (
            not extension and _is_package(entry.path, namespace=namespace)
        ):
            found.add(stem)
    return found


def _is_package(path: str, *, namespace: bool) -> bool:
    if os.path.isfile(os.path.join(path, "__init__.py")):
        return True
    return namespace and os.path.isdir(path)


def _distribution_name(root: Path) -> str | None:
    try:
        with open(root / "pyproject.toml", "rb") as file:
            name = tomllib.load(file).get("project", {}).get("name")
    except (OSError, tomllib.TOMLDecodeError, AttributeError, UnicodeDecodeError):
        return None
    return name if isinstance(name, str) else None


def _modules_of_distribution(name: str) -> set[str]:
    try:
        files = metadata.distribution(name).files or []
    except (metadata.PackageNotFoundError, ValueError):
        return set()
    tops = {file.parts[0] for file in files if file.suffix == ".py" and ".." not in file.parts}
    return {top.removesuffix(".py") for top in tops if top.removesuffix(".py").isidentifier()}


def _with_separator(path: str) -> str:
    return path.rstrip(os.sep) + os.sep


def _has_environment_file(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "pyvenv.cfg"))


class _Pattern:
    """One include or exclude: a path glob, or a dotted module name with all below it."""

    def __init__(self, expression: re.Pattern[str], *, is_path: bool) -> None:
        self._match = expression.fullmatch
        self._is_path = is_path

    def __call__(self, path: str, module: str | None) -> bool:
        subject = path.replace(os.sep, "/") if self._is_path else module
        return subject is not None and self._match(subject) is not None


def _compile(pattern: str, root: Path) -> _Pattern:
    if "/" not in pattern and not pattern.endswith(".py"):
        dotted = ".*".join(re.escape(part) for part in pattern.split("*"))
        return _Pattern(re.compile(rf"{dotted}(?:\..*)?"), is_path=False)
    base = "" if pattern.startswith("/") else str(root).replace(os.sep, "/") + "/"
    glob = pattern.removeprefix("./")
    if "/" not in glob:
        glob = f"**/{glob}"
    below = "" if glob.endswith(".py") else "(?:/.*)?"
    return _Pattern(
        re.compile(re.escape(base) + _translate(glob.rstrip("/")) + below), is_path=True
    )


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
