"""Finds the project, the package and the repository that a file belongs to, and names their parts.

PYTEST_DONT_REWRITE

Files are looked at when somebody first asks, which may be in the middle of a test: by the calls of
the operating system alone. An answer is kept, for the folder of a project does not move.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS, variable
from pytest_recorder.system.paths import FilePath, join, name_of, parent_of, with_separator

INSTALLED: Final = frozenset(("site-packages", "dist-packages"))
"""Folders that distributions are installed in."""
TOOL_FOLDERS: Final = frozenset((".tox", ".nox", "node_modules", "__pypackages__", ".eggs"))
"""Folders in which tools keep what is not the project's."""
GENERIC: Final = frozenset(
    ("conftest", "docs", "examples", "noxfile", "scripts", "setup", "tasks", "test", "tests")
)
"""Names that say nothing of the project: others install modules of these names too."""

_REPOSITORY: Final = (".git", ".hg", ".svn", ".jj", ".bzr")
_PROJECT_FILES: Final = ("pyproject.toml", "setup.py", "setup.cfg")
# A file that only sets up tools (`tests/pyproject.toml` for a linter) does not make a project.
_REAL_TOML: Final = re.compile(
    rb"^\s*\[\s*(project|build-system|tool\.(poetry|flit)\b)", re.MULTILINE
)
_REAL_CFG: Final = re.compile(rb"^\s*\[\s*metadata\s*\]", re.MULTILINE)
_CFG_NAME: Final = re.compile(r"name\s*[=:]\s*([A-Za-z0-9._-]+)\s*")
_SEPARATORS: Final = re.compile(r"[-_.]+")


def folded(path: str) -> str:
    """Give a path so that two spellings of one file are one text: Windows does not tell case."""
    return path.replace("/", "\\").lower() if sys.platform == "win32" else path


def find_project_root(start: Any) -> Any:
    """Give the nearest folder upwards that looks like a project's, or `start` itself.

    `start` is a path with `parents`; the answer is one of its kind.
    """
    for folder in (start, *start.parents):
        if any(files.exists(folder / name) for name in ("pyproject.toml", "setup.py", ".git")):
            return folder
    return start


def normalized_name(name: str) -> str:
    """Give the name of a distribution as all its spellings have in common (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def package_of(path: str) -> FilePath | None:
    """Give the folder of the outermost package that a file is in; None where it is in none."""
    found, folder = None, parent_of(path)
    while files.is_file(join(folder, "__init__.py")):
        found, above = folder, parent_of(folder)
        if above == folder:
            break
        folder = above
    return FilePath(found) if found is not None else None


def project_of(path: str) -> FilePath | None:
    """Give the folder of the nearest project above a file.

    That is one with project files, or the top of a repository. It does not reach out of an
    environment or a folder of installed packages, up to the home folder, or to the root.
    """
    weak: str | None = None
    folder = parent_of(path)
    while name_of(folder) not in INSTALLED and not is_home_or_root(folder):
        if any(files.exists(join(folder, name)) for name in _REPOSITORY) or _is_project(folder):
            return FilePath(folder)
        if is_environment(folder):
            break
        if weak is None and any(files.is_file(join(folder, n)) for n in _PROJECT_FILES):
            weak = folder
        folder = parent_of(folder)
    return FilePath(weak) if weak is not None else None


def repository_of(folder: str) -> FilePath:
    """Give the top of the repository that a folder lies in, or the folder itself."""
    at = folder
    while not is_home_or_root(at):
        if any(files.exists(join(at, name)) for name in _REPOSITORY):
            return FilePath(at)
        at = parent_of(at)
    return FilePath(folder)


def is_in_any(path: str, folders: Iterable[str]) -> bool:
    """Tell whether a path is one of these, or lies in one."""
    return any(path == folder or path.startswith(with_separator(folder)) for folder in folders)


def is_environment(folder: str) -> bool:
    """Tell whether a folder is a virtual environment."""
    return files.is_file(join(folder, "pyvenv.cfg"))


def is_home_or_root(folder: str) -> bool:
    """Tell whether a folder holds all projects: a repository of settings there makes it none."""
    if parent_of(folder) == folder:
        return True
    home = variable("HOME") or variable("USERPROFILE") or ""
    return bool(home) and folder in (folded(files.absolute(home)), folded(files.real(home)))


def _is_project(folder: str) -> bool:
    if files.is_file(join(folder, "setup.py")):
        return True
    if _REAL_TOML.search(_read(join(folder, "pyproject.toml"))):
        return True
    return _REAL_CFG.search(_read(join(folder, "setup.cfg"))) is not None


def _read(path: str) -> bytes:
    try:
        return files.read_bytes(path)
    except (OSError, ValueError):
        return b""


# What a project installs.


class Module(NamedTuple):
    """A top-level module or package of a project."""

    base: str
    """The folder that it lies in."""
    is_namespace: bool


class Project:
    """A project as its files describe it, read when first asked for."""

    def __init__(self, folder: str) -> None:
        self.folder = FilePath(folder)
        self._modules: dict[str, Module] | None = None
        self._names: frozenset[str] | None = None

    @property
    def modules(self) -> dict[str, Module]:
        """Its top-level modules and packages: in its folder, and under `src`."""
        if self._modules is None:
            found = _modules_in(self.folder, namespace=False)
            found.update(_modules_in(self.folder / "src", namespace=True))
            self._modules = {name: made for name, made in found.items() if name not in GENERIC}
        return self._modules

    @property
    def names(self) -> frozenset[str]:
        """The names that its distribution is given, normalized; none where they are computed."""
        if self._names is None:
            read = (_names_in_toml, _names_in_cfg, _names_in_setup)
            found = [name for names in read for name in names(self.folder)]
            self._names = frozenset(map(normalized_name, found))
        return self._names


def _modules_in(folder: str, *, namespace: bool) -> dict[str, Module]:
    found: dict[str, Module] = {}
    try:
        entries = OS.listdir(folder)
    except (OSError, ValueError):
        return found
    for entry in entries:
        stem, dot, extension = entry.partition(".")
        if not stem.isidentifier() or stem in sys.stdlib_module_names:
            continue
        if dot and extension == "py":
            found[folded(stem)] = Module(folder, is_namespace=False)
        elif not dot:
            path = join(folder, entry)
            if files.is_file(join(path, "__init__.py")):
                found[folded(stem)] = Module(folder, is_namespace=False)
            elif namespace and files.is_folder(path):
                found[folded(stem)] = Module(folder, is_namespace=True)
    return found


def _names_in_toml(folder: str) -> list[str]:
    try:
        given: Any = tomllib.loads(_read(join(folder, "pyproject.toml")).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return []
    tool = _table(given, "tool")
    flit = _table(_table(tool, "flit"), "metadata")
    names = [
        _table(given, "project").get("name"),
        _table(tool, "poetry").get("name"),
        flit.get("dist-name", flit.get("module")),
    ]
    return [name for name in names if isinstance(name, str)]


def _table(given: dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _names_in_cfg(folder: str) -> list[str]:
    text = _read(join(folder, "setup.cfg")).decode("utf-8", "replace")
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip()
        found = _CFG_NAME.fullmatch(line)
        if found is not None and section == "[metadata]":
            return [found[1]]
    return []


def _names_in_setup(folder: str) -> list[str]:
    """Read the name that `setup.py` gives as a text; one that it computes is not known."""
    try:
        tree = ast.parse(_read(join(folder, "setup.py")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        given.value.value
        for call in calls
        if (isinstance(call.func, ast.Name) and call.func.id == "setup")
        or (isinstance(call.func, ast.Attribute) and call.func.attr == "setup")
        for given in call.keywords
        if given.arg == "name"
        and isinstance(given.value, ast.Constant)
        and isinstance(given.value.value, str)
    ]
