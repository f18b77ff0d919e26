"""Decides which code is recorded, once per code object, from its file and its module.

PYTEST_DONT_REWRITE

In scope is what was included, and the project under test: code under its root, the files of the
tests with their packages and projects, what `--pyargs` names, and the project's own packages
wherever the imported copy lies. Out are what was excluded, the standard library, other
distributions, virtual environments, this package, and code without a file. Each answer names its
rule; the recorder and `pytest-recorder info --covers` ask the same function.

Where an installed copy lies is decided by its path. A name such as `tests` proves nothing, for any
distribution may install a package of that name.
"""

import sys
import sysconfig
import warnings
from collections.abc import Iterable
from types import CodeType
from typing import Final, NamedTuple

from pytest_recorder.engine.distributions import Contents, Installed
from pytest_recorder.engine.project_folders import (
    INSTALLED,
    TOOL_FOLDERS,
    Module,
    Project,
    folded,
    is_environment,
    is_home_or_root,
    package_of,
    project_of,
    repository_of,
)
from pytest_recorder.engine.scope_patterns import Pattern
from pytest_recorder.system import files
from pytest_recorder.system.files import AnyPath
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import (
    SEPARATOR,
    is_absolute,
    join,
    name_of,
    normalized,
    parent_of,
    with_separator,
)

TEXT_FILE: Final = "<string>"
"""The file name of the code of `python -c`."""


class Decision(NamedTuple):
    """Whether code is recorded, and the rule that says so: the end of a sentence."""

    is_in_scope: bool
    rule: str

    def __bool__(self) -> bool:
        return self.is_in_scope


_NO_FILE: Final = Decision(False, "code without a file (a name in angle brackets)")
_OURS: Final = Decision(False, "code of the recorder itself")
_TEXT: Final = Decision(True, "the text of python -c")
_STANDARD: Final = Decision(False, "the standard library")
_SCRIPTS: Final = Decision(False, "a script of the environment")
_OTHER: Final = Decision(False, "an installed distribution that is not of this project")
_ELSEWHERE: Final = Decision(False, "in no folder of the project")


class _Place(NamedTuple):
    """A folder, or a file, whose code is in scope; environments in it are not."""

    path: str
    rule: str

    def has(self, path: str) -> bool:
        return path == self.path or path.startswith(with_separator(self.path))


class _Python:
    """Where this Python keeps its own, looked up once: `sysconfig` can be patched later."""

    def __init__(self) -> None:
        paths = sysconfig.get_paths()
        beside_os = parent_of(getattr(sys.modules["os"], "__file__", "") or paths["stdlib"])
        standard = {paths["stdlib"], paths["platstdlib"], beside_os}
        self.standard = {folded(spelled) for path in standard for spelled in _spellings(path)}
        self.scripts = {folded(spelled) for spelled in _spellings(paths["scripts"])}
        self.ours = folded(with_separator(parent_of(parent_of(files.real(__file__)))))


def _spellings(path: str) -> tuple[str, str]:
    return files.absolute(path), files.real(path)


_PYTHON: Final = _Python()


class Scope:
    """The rules of one recording. `decide` may be called from any thread and keeps its answers."""

    def __init__(
        self,
        root: AnyPath,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        *,
        also: Iterable[AnyPath] = (),
        text: str | None = None,
    ) -> None:
        self.root = folded(files.real(root))
        # What a relative file name starts from: the program may go to another folder, or remove it.
        self._start = files.current_folder() or self.root
        self._include = [Pattern(pattern, self.root) for pattern in include]
        self._exclude = [Pattern(pattern, self.root) for pattern in exclude]
        self._places = [_Place(self.root, f"below rootdir {self.root}")]
        for path in also:
            folder = folded(files.real(path))
            self._places.append(_Place(folder, f"below the folder of the program {folder}"))
        self._files: set[str] = set()
        self._test_folders: set[str] = set()
        self._projects = {self.root: Project(self.root)}
        self._repositories = {folded(repository_of(self.root))}
        self._search_path: dict[str, None] = {}
        self._texts = _codes_of(text) if text is not None else frozenset[CodeType]()
        self._answers: dict[tuple[str, str | None], Decision] = {}
        self._barriers: dict[tuple[str, str], Decision | None] = {}
        self._environments: dict[str, bool] = {}
        self._installed: dict[str, Installed] = {}
        self._own: dict[str, list[tuple[Contents, str]]] = {}
        self._others: dict[tuple[str, str], bool] = {}
        self._editable: list[_Place] | None = None
        self._remember_search_path()

    @property
    def has_answered(self) -> bool:
        """Whether something was decided, which more tests could change."""
        return bool(self._answers)

    def decide_code(self, code: CodeType, module: str | None) -> bool:
        """Tell whether a code object is recorded: by its file, or as a part of `python -c`."""
        if self._texts and code.co_filename == TEXT_FILE and code in self._texts:
            return _TEXT.is_in_scope
        return self.decide(code.co_filename, module).is_in_scope

    def decide(self, filename: str, module: str | None) -> Decision:
        """Tell whether code of this file, in a module of this name, is recorded, and why."""
        key = (filename, module)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._decide(filename, module)
        return answer

    def add_tests(self, paths: Iterable[AnyPath], packages: Iterable[AnyPath] = ()) -> bool:
        """Take in files of tests, and files or folders of the packages that `--pyargs` names.

        Tells whether that can change an answer. Answers from before are forgotten then.
        """
        before = len(self._files), len(self._places), len(self._projects)
        for path in packages:
            found = folded(files.real(path))
            self._add_place(found, f"in the package that --pyargs names, {found}")
        for path in paths:
            self._add_test(OS.fspath(path))
        if before == (len(self._files), len(self._places), len(self._projects)):
            return False
        self._remember_search_path()
        for known in (self._answers, self._own, self._others):
            known.clear()
        self._editable = None
        return True

    def _add_test(self, path: str) -> None:
        spoken = folded(self._absolute(path))
        found = folded(files.real(spoken))
        if found in self._files:
            return
        folder = parent_of(found)
        if folder not in self._test_folders:
            self._test_folders.add(folder)
            self._add_project(found)
            package = package_of(found)
            if package is not None:
                self._add_place(package, f"in the package of a test, {package}")
            elif name_of(folder) not in INSTALLED and not is_home_or_root(folder):
                self._add_place(folder, f"beside a test, in {folder}")
        if not self._is_in_places(found):
            self._files.update((found, spoken))

    def _add_project(self, path: str) -> None:
        found = project_of(path)
        if found is None:
            return
        folder = folded(found)
        if folder not in self._projects:
            self._projects[folder] = Project(folder)
            self._repositories.add(folded(repository_of(folder)))
            self._add_place(folder, f"in the project of a test, {folder}")

    def _add_place(self, path: str, rule: str) -> None:
        # One that is in another one says nothing new; there are few, and a walk past many costs.
        if not self._is_in_places(join(path, "?")):
            self._places.append(_Place(path, rule))

    def _is_in_places(self, path: str) -> bool:
        return any(
            place.has(path) and self._barrier(place.path, path) is None
            for place in self._places
        )

    def _remember_search_path(self) -> None:
        """Note where modules come from: a test can have changed it when somebody asks."""
        self._search_path.update((path, None) for path in tuple(sys.path) if type(path) is str)

    # One decision.

    def _decide(self, filename: str, module: str | None) -> Decision:
        if filename.startswith("<") or not filename:
            return _NO_FILE
        spoken = folded(self._absolute(filename))
        path = folded(files.real(spoken))
        if path.startswith(_PYTHON.ours):
            return _OURS
        spellings = (path,) if spoken == path else (path, spoken)
        for pattern in self._exclude:
            if pattern.matches(spellings, module):
                return Decision(False, f"excluded by --record-exclude={pattern.text!r}")
        for pattern in self._include:
            if pattern.matches(spellings, module):
                return Decision(True, f"included by --record-include={pattern.text!r}")
        answer = self._by_path(path)
        if not answer.is_in_scope and spoken != path:
            # A link in the project to a file elsewhere.
            by_link = self._by_path(spoken)
            return by_link if by_link.is_in_scope else answer
        return answer

    def _absolute(self, path: str) -> str:
        return path if is_absolute(path) else normalized(join(self._start, path))

    def _by_path(self, path: str) -> Decision:
        if path in self._files:
            return Decision(True, "the file of a test")
        barrier: Decision | None = None
        for place in self._places:
            if place.has(path):
                barrier = self._barrier(place.path, path)
                if barrier is None:
                    return Decision(True, place.rule)
        folders = _folders_of_installed(path)
        for folder in folders:
            rule = self._own_copy(folder, path)
            if rule is not None:
                return Decision(True, rule)
        if folders:
            return _OTHER
        if _is_in_any(path, _PYTHON.standard):
            return _STANDARD
        for place in self._editable_places():
            if place.has(path) and self._barrier(place.path, path) is None:
                return Decision(True, place.rule)
        return barrier or self._environment_of(path) or _ELSEWHERE

    # What in a folder is not of it.

    def _barrier(self, place: str, path: str) -> Decision | None:
        """Give what stands between a place and code in it: installed, or of an environment."""
        key = place, parent_of(path)
        if key not in self._barriers:
            self._barriers[key] = self._find_barrier(*key)
        return self._barriers[key]

    def _find_barrier(self, place: str, folder: str) -> Decision | None:
        if name_of(place) in INSTALLED:
            return _OTHER
        inside = folder[len(with_separator(place)) :].split(SEPARATOR)
        at = place
        for name in filter(None, inside):
            at = join(at, name)
            if name in INSTALLED:
                return _OTHER
            if name in TOOL_FOLDERS or self._is_environment(at):
                return _in_environment(at)
        for own, answer in ((_PYTHON.standard, _STANDARD), (_PYTHON.scripts, _SCRIPTS)):
            # Those of a Python that lies in the place; a place can also lie in them.
            below = {path for path in own if _is_in_any(path, {place})}
            if _is_in_any(folder, below):
                return answer
        return None

    def _environment_of(self, path: str) -> Decision | None:
        folder = parent_of(path)
        while parent_of(folder) != folder:
            if self._is_environment(folder):
                return _in_environment(folder)
            folder = parent_of(folder)
        return None

    def _is_environment(self, folder: str) -> bool:
        known = self._environments.get(folder)
        if known is None:
            known = self._environments[folder] = is_environment(folder)
        return known

    # What is installed.

    def _own_copy(self, folder: str, path: str) -> str | None:
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
            found = []
            for distribution, origin in installed.origins():
                if self._is_in_repository(origin):
                    rule = f"installed from {origin}, in the same repository"
                    found.append((installed.contents(distribution), rule))
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

    def _editable_places(self) -> list[_Place]:
        """Give the folders in the repository that something was installed from."""
        if self._editable is None:
            self._editable = [
                _Place(origin, f"installed from {origin}, in the same repository")
                for path in self._search_path
                for _, origin in self._installed_in(folded(files.real(path))).origins()
                if self._is_in_repository(origin)
            ]
        return self._editable

    def _installed_in(self, folder: str) -> Installed:
        known = self._installed.get(folder)
        if known is None:
            known = self._installed[folder] = Installed(folder)
        return known

    def _is_in_repository(self, folder: str) -> bool:
        return _is_in_any(folder, self._repositories)


def _in_environment(folder: str) -> Decision:
    return Decision(False, f"in an environment, {folder}")


def _is_in_any(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(with_separator(folder)) for folder in folders)


def _folders_of_installed(path: str) -> list[str]:
    """Give the folders of installed distributions that a file is in, the nearest first."""
    found: list[str] = []
    folder = parent_of(path)
    while (above := parent_of(folder)) != folder:
        if name_of(folder) in INSTALLED:
            found.append(folder)
        folder = above
    return found


def _unit_of(parts: list[str], module: Module) -> str:
    """Give the file that tells whose an installed module is, with slashes.

    That of the module; of a namespace, which is many's, of the part below it.
    """
    depth = 2 if module.is_namespace else 1
    if len(parts) <= depth:
        return "/".join(parts)
    return "/".join((*parts[:depth], "__init__.py"))


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
