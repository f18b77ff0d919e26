"""Reads what is installed in a folder: which distributions are there, from where, with which files.

PYTEST_DONT_REWRITE

Only what a question needs is read: whether a distribution came from a folder (`direct_url.json`,
PEP 610) takes a try at one small file for each, the files of one (`RECORD`) are read where it is
the project's own, and all of them only to tell whose a package is that has the name of an own one.
"""

import re
import sys
from typing import Any, Final, NamedTuple, cast

from pytest_recorder.engine.project_folders import (
    GENERIC,
    INSTALLED,
    folded,
    normalized_name,
)
from pytest_recorder.errors import TargetError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files, json_text
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import join, name_of, parent_of, with_separator

_INFO: Final = ".dist-info"
_EGG_INFO: Final = ".egg-info"
_LINK: Final = ".egg-link"
_THIS_MACHINE: Final = ("", "localhost")
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def folders_of_installed(path: str) -> list[str]:
    """Give the folders of installed distributions that a file is in, the nearest first."""
    found: list[str] = []
    folder = parent_of(path)
    while (above := parent_of(folder)) != folder:
        if name_of(folder) in INSTALLED:
            found.append(folder)
        folder = above
    return found


class Distribution(NamedTuple):
    """One distribution in a folder of installed ones."""

    name: str
    """Normalized."""
    version: str
    info: str
    """Its folder with what is known of it."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


class Installed:
    """The distributions in one folder, such as `site-packages`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        try:
            names = OS.listdir(folder)
        except (OSError, ValueError):
            names = []
        self._links = [name for name in names if name.endswith(_LINK)]
        self.distributions = [
            Distribution(normalized_name(name), version, join(folder, entry))
            for entry in names
            for suffix in (_INFO, _EGG_INFO)
            if entry.endswith(suffix)
            for name, _, version in (entry.removesuffix(suffix).partition("-"),)
        ]

    def origins(self) -> list[tuple[Distribution, str]]:
        """Give the distributions that were installed from a folder which is there, with it."""
        found: list[tuple[Distribution, str]] = []
        for distribution in self.distributions:
            folder = _origin(distribution.info)
            if folder is not None:
                found.append((distribution, folder))
        for link in self._links:
            name = normalized_name(link.removesuffix(_LINK))
            folder = _read(join(self.folder, link)).partition("\n")[0].strip()
            if folder and files.is_folder(folder):
                found.append((Distribution(name, "", ""), folded(files.real(folder))))
        return found

    def contents(self, distribution: Distribution) -> "Contents":
        """Give the code files of a distribution."""
        if distribution.info.endswith(_EGG_INFO):
            tops = _read(join(distribution.info, "top_level.txt")).split()
            own = [folded(top) for top in tops if top not in GENERIC]
            return Contents(
                frozenset(join(self.folder, f"{top}.py") for top in own),
                tuple(join(self.folder, top) for top in own),
            )
        listed = [
            join(self.folder, folded(name))
            for name in _recorded(_read(join(distribution.info, "RECORD")))
            if name.endswith(".py") and not name.startswith("..") and not _is_finder(name)
        ]
        packages = {parent_of(path) for path in listed if name_of(path) == "__init__.py"}
        outermost = tuple(folder for folder in packages if parent_of(folder) not in packages)
        return Contents(frozenset(listed), outermost)

    def owners(self, name: str) -> list[Distribution]:
        """Give the distributions that have installed a file of this name, with slashes."""
        line = f"\n{name},"
        return [
            distribution
            for distribution in self.distributions
            if line in "\n" + _cased(_read(join(distribution.info, "RECORD")))
        ]


class Contents(NamedTuple):
    """The code of a distribution: files, and folders of packages with all below them."""

    files: frozenset[str]
    packages: tuple[str, ...]

    def has(self, path: str) -> bool:
        """Tell whether a file is of it."""
        if path in self.files:
            return True
        folder = parent_of(path)
        while folder not in self.packages:
            above = parent_of(folder)
            if above == folder:
                return False
            folder = above
        return True


def owner_of(path: str) -> str | None:
    """Name the distribution that has installed a file; None where it is of none."""
    found = folded(files.real(path))
    for folder in folders_of_installed(found):
        name = found[len(with_separator(folder)) :].replace("\\", "/")
        owners = Installed(folder).owners(name)
        if owners:
            return str(owners[0])
    return None


def _origin(info: str) -> str | None:
    file = join(info, "direct_url.json")
    # Few have one, and a vain try to open it takes longer than the question.
    if not files.exists(file):
        return None
    try:
        given: Any = json_text.decode(_read(file).encode("utf-8", "surrogatepass"))
    except TargetError:
        return None
    url = cast("dict[str, object]", given).get("url") if isinstance(given, dict) else None
    path = path_of_url(url) if isinstance(url, str) else None
    return folded(files.real(path)) if path is not None and files.is_folder(path) else None


def path_of_url(url: str) -> str | None:
    """Give the path that a `file:` URL names; None for any other one."""
    if not url.startswith("file://"):
        return None
    server, slash, path = url.removeprefix("file://").partition("/")
    path = _unescaped(slash + path)
    if sys.platform == "win32":
        path = path.replace("/", "\\")
        return path.lstrip("\\") if server in _THIS_MACHINE else rf"\\{server}{path}"
    return path if server in _THIS_MACHINE else None


def _unescaped(text: str) -> str:
    data = _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), text.encode())
    return data.decode("utf-8", "surrogateescape")


def _cased(text: str) -> str:
    return text.lower() if sys.platform == "win32" else text


def _is_finder(name: str) -> bool:
    """Tell whether a file is one that an editable install finds its folder by."""
    return "/" not in name and name.startswith("_") and "editable" in name


def _recorded(text: str) -> list[str]:
    names: list[str] = []
    for line in text.splitlines():
        if line.startswith('"'):
            names.append(line[1:].partition('",')[0].replace('""', '"'))
        else:
            names.append(line.partition(",")[0])
    return names


def _read(path: str) -> str:
    try:
        return files.read_bytes(path).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
