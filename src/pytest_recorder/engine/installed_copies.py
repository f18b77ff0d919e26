"""Tells which installed code is the project's own, wherever the copy lies: by path, not by name.

PYTEST_DONT_REWRITE

A name such as `tests` or `utils` proves nothing, for any distribution may install a package of that
name: what counts is which distribution has installed a file, and where that came from. Looked up
when code in a folder of distributions is first met.
"""

import sys

from pytest_recorder.engine.distributions import Contents, Installed
from pytest_recorder.engine.project_folders import (
    INSTALLED,
    TOOL_FOLDERS,
    Module,
    Project,
    folded,
    is_environment,
    is_in_any,
    repository_of,
)
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.paths import SEPARATOR, join, name_of, parent_of, with_separator


def installed_from(folder: str) -> str:
    """Say that something was installed from a folder of ours."""
    return f"installed from {folder}, in the same repository"


class InstalledCopies:
    """What of the installed distributions belongs to the projects of a run."""

    def __init__(self) -> None:
        self._projects: dict[str, Project] = {}
        self._repositories: set[str] = set()
        self._installed: dict[str, Installed] = {}
        self._own: dict[str, list[tuple[Contents, str]]] = {}
        self._others: dict[tuple[str, str], bool] = {}
        self._origins: list[str] | None = None
        self._search_path: dict[str, None] = {}
        self.begin_anew()

    @property
    def projects(self) -> int:
        """How many projects the run is known to have."""
        return len(self._projects)

    def add_project(self, folder: str) -> bool:
        """Take a project in; tells whether it is new."""
        if folder in self._projects:
            return False
        self._projects[folder] = Project(folder)
        self._repositories.add(folded(repository_of(folder)))
        return True

    def begin_anew(self) -> None:
        """Forget the answers, and note where modules come from now: a test can change that."""
        self._search_path.update((path, None) for path in tuple(sys.path) if type(path) is str)
        self._own.clear()
        self._others.clear()
        self._origins = None

    def rule_for(self, folder: str, path: str) -> str | None:
        """Give the rule by which a file in a folder of distributions is the project's own."""
        for contents, rule in self._own_distributions(folder):
            if contents.has(path):
                return rule
        parts = path[len(with_separator(folder)) :].split(SEPARATOR)
        for project in tuple(self._projects.values()):
            if self._is_copy(folder, parts, project):
                return f"an installed copy of {parts[0]}, a part of {project.folder}"
        return None

    def _is_copy(self, folder: str, parts: list[str], project: Project) -> bool:
        """Tell whether a file is of an own module that no other distribution has installed."""
        module = project.modules.get(parts[0].removesuffix(".py"))
        if module is None:
            return False
        if not project.names:
            # Nobody knows what its distribution is called.
            return files.is_file(join(module.base, SEPARATOR.join(parts)))
        if module.is_namespace and not files.exists(
            join(module.base, SEPARATOR.join(parts[:2]))
        ):
            return False
        return not self._is_of_others(folder, _unit_of(parts, module))

    def _own_distributions(self, folder: str) -> list[tuple[Contents, str]]:
        """Give what of a folder's distributions is the project's, each with the rule."""
        found = self._own.get(folder)
        if found is None:
            installed = self._installed_in(folder)
            found = list[tuple[Contents, str]]()
            for distribution, origin in installed.origins():
                if self._is_in_repository(origin):
                    found.append((installed.contents(distribution), installed_from(origin)))
            for project in tuple(self._projects.values()):
                for distribution in installed.distributions:
                    if distribution.name in project.names:
                        rule = f"of {distribution}, the distribution of {project.folder}"
                        found.append((installed.contents(distribution), rule))
            self._own[folder] = found
        return found

    def _is_of_others(self, folder: str, unit: str) -> bool:
        """Tell whether a distribution has installed this, besides the project's own."""
        key = folder, unit
        if key not in self._others:
            # The project's own was looked for before.
            self._others[key] = bool(self._installed_in(folder).owners(unit))
        return self._others[key]

    def origins(self) -> list[str]:
        """Give the folders in the repository that something was installed from."""
        if self._origins is None:
            self._origins = [
                origin
                for path in self._search_path
                for _, origin in self._installed_in(folded(files.real(path))).origins()
                if self._is_in_repository(origin)
            ]
        return self._origins

    def _installed_in(self, folder: str) -> Installed:
        known = self._installed.get(folder)
        if known is None:
            known = self._installed[folder] = Installed(folder)
        return known

    def _is_in_repository(self, folder: str) -> bool:
        return any(
            is_in_any(folder, (top,)) and not _is_foreign(folder, top)
            for top in self._repositories
        )


def _is_foreign(folder: str, top: str) -> bool:
    """Tell whether a folder in a repository is not of it: in an environment, or another clone.

    `pip install -e git+...` clones into the environment. A submodule has a file for `.git`.
    """
    while folder != top:
        if name_of(folder) in INSTALLED | TOOL_FOLDERS or is_environment(folder):
            return True
        if files.is_folder(join(folder, ".git")):
            return True
        folder = parent_of(folder)
    return False


def _unit_of(parts: list[str], module: Module) -> str:
    """Give the file that tells whose an installed module is, with slashes.

    That of the module; of a namespace, which is many's, of the part below it.
    """
    depth = 2 if module.is_namespace else 1
    if len(parts) <= depth:
        return "/".join(parts)
    return "/".join((*parts[:depth], "__init__.py"))
