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
from types import CodeType, ModuleType
from typing import Final, NamedTuple

from pytest_recorder.compat import TEXT_FILE
from pytest_recorder.engine.distributions import folders_of_installed
from pytest_recorder.engine.installed_copies import InstalledCopies, installed_from
from pytest_recorder.engine.project_folders import (
    INSTALLED,
    TOOL_FOLDERS,
    folded,
    is_environment,
    is_home_or_root,
    is_in_any,
    package_of,
    project_of,
)
from pytest_recorder.engine.scope_patterns import Pattern
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import (
    SEPARATOR,
    AnyPath,
    is_absolute,
    join,
    name_of,
    normalized,
    parent_of,
    with_separator,
)


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
        self._places = [
            _Place(folder, f"below rootdir {self.root}")
            for folder in dict.fromkeys(map(folded, (self.root, files.absolute(root))))
        ]
        for path in also:
            folder = folded(files.real(path))
            self._places.append(_Place(folder, f"below the folder of the program {folder}"))
        self._files: set[str] = set()
        self._test_folders: set[str] = set()
        self._copies = InstalledCopies()
        self._copies.add_project(self.root)
        self._texts = _codes_of(text) if text is not None else frozenset[CodeType]()
        self._answers: dict[tuple[str, str | None], Decision] = {}
        self._barriers: dict[tuple[str, str], Decision | None] = {}
        self._environments: dict[str, bool] = {}

    @property
    def has_answered(self) -> bool:
        """Whether something was decided, which more tests could change."""
        return bool(self._answers)

    def decide_code(self, code: CodeType, module: str | None) -> bool:
        """Tell whether a code object is recorded: by its file, or as a part of `python -c`."""
        filename = code.co_filename
        if type(filename) is not str:
            # A subclass of the program's has methods of its own.
            filename = str.__getitem__(filename, slice(None))
        elif self._texts and filename == TEXT_FILE and code in self._texts:
            return _TEXT.is_in_scope
        return self.decide(filename, module).is_in_scope

    def decide(self, filename: str, module: str | None) -> Decision:
        """Tell whether code of this file, in a module of this name, is recorded, and why."""
        if filename.startswith("<"):
            # Not kept: generated code has names without end.
            return _NO_FILE
        key = (filename, module)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._decide(filename, module)
        return answer

    def add_tests(
        self,
        paths: Iterable[AnyPath] = (),
        *,
        packages: Iterable[AnyPath] = (),
        functions: Iterable[AnyPath] = (),
    ) -> bool:
        """Take in files of tests, and files or folders of the packages that `--pyargs` names.

        `functions` are the files of test functions, which a class may have inherited from a
        package that is another's: a file of these is in scope alone.

        Tells whether that can change an answer. Answers from before are forgotten then.
        """
        before = len(self._files), len(self._places), self._copies.projects
        for path in packages:
            found = folded(files.real(path))
            self._add_place(found, f"in the package that --pyargs names, {found}")
        for path in paths:
            self._add_test(OS.fspath(path))
        for path in functions:
            self._add_file(*self._spellings(OS.fspath(path)))
        if before == (len(self._files), len(self._places), self._copies.projects):
            return False
        self._copies.begin_anew()
        self._answers.clear()
        return True

    def _add_test(self, path: str) -> None:
        if parent_of(folded(self._absolute(path))) in self._test_folders:
            # In a place, as it was spelled: links are followed once for a folder of tests.
            return
        spoken, found = self._spellings(path)
        if found in self._files:
            return
        folder = parent_of(found)
        if folder not in self._test_folders:
            self._add_project(found)
            package = package_of(found)
            if package is not None:
                self._add_place(package, f"in the package of a test, {package}")
            elif name_of(folder) not in INSTALLED and not is_home_or_root(folder):
                self._add_place(folder, f"beside a test, in {folder}")
        self._add_file(spoken, found)
        for beside in (folder, parent_of(spoken)):
            if self._is_in_places(join(beside, "?")):
                self._test_folders.add(beside)

    def _add_file(self, spoken: str, found: str) -> None:
        if not self._is_in_places(found):
            self._files.update((found, spoken))

    def _add_project(self, path: str) -> None:
        found = project_of(path)
        if found is None:
            return
        folder = folded(found)
        if self._copies.add_project(folder):
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

    # One decision.

    def _decide(self, filename: str, module: str | None) -> Decision:
        if not filename:
            return _NO_FILE
        spoken, path = self._spellings(filename)
        if path.startswith(_PYTHON.ours):
            return _OURS
        spellings = [path] if spoken == path else [path, spoken]
        if not files.exists(path):
            moved_to = _moved_to(filename, module)
            spellings += () if moved_to is None else self._spellings(moved_to)
        for pattern in self._exclude:
            if pattern.matches(spellings, module):
                return Decision(False, f"excluded by --record-exclude={pattern.text!r}")
        for pattern in self._include:
            if pattern.matches(spellings, module):
                return Decision(True, f"included by --record-include={pattern.text!r}")
        answer = self._by_path(path)
        if answer.is_in_scope or len(spellings) == 1:
            return answer
        # A link in the project to a file elsewhere; the project may be known by another link.
        spellings.append(join(folded(files.real(parent_of(spoken))), name_of(spoken)))
        others = map(self._by_path, spellings[1:])
        return next((found for found in others if found.is_in_scope), answer)

    def _spellings(self, path: str) -> tuple[str, str]:
        """Give a path as it is said, from the root on, and with all links followed."""
        spoken = folded(self._absolute(path))
        return spoken, folded(files.real(spoken))

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
        folders = folders_of_installed(path)
        for folder in folders:
            rule = self._copies.rule_for(folder, path)
            if rule is not None:
                return Decision(True, rule)
        if folders:
            return _OTHER
        if is_in_any(path, _PYTHON.standard):
            return _STANDARD
        for origin in self._copies.origins():
            if is_in_any(path, (origin,)) and self._barrier(origin, path) is None:
                return Decision(True, installed_from(origin))
        # A decision against something counts as false.
        return barrier if barrier is not None else self._environment_of(path)

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
            below = {path for path in own if is_in_any(path, (place,))}
            if is_in_any(folder, below):
                return answer
        return None

    def _environment_of(self, path: str) -> Decision:
        folder = parent_of(path)
        while parent_of(folder) != folder:
            if self._is_environment(folder):
                return _in_environment(folder)
            folder = parent_of(folder)
        return _ELSEWHERE

    def _is_environment(self, folder: str) -> bool:
        known = self._environments.get(folder)
        if known is None:
            known = self._environments[folder] = is_environment(folder)
        return known


def _in_environment(folder: str) -> Decision:
    return Decision(False, f"in an environment, {folder}")


def _moved_to(filename: str, module: str | None) -> str | None:
    """Give the file of the module that code is of, where its own was moved after it was compiled.

    So it is with a `.pyc` that came without its source, and with a cache of rewritten tests that
    was copied along with them.
    """
    found = sys.modules.get(module) if module is not None else None
    if type(found) is not ModuleType:
        return None
    file = vars(found).get("__file__")
    if type(file) is not str:
        return None
    stem, _, extension = name_of(file).rpartition(".")
    is_same = extension in ("py", "pyc") and name_of(filename) == f"{stem}.py"
    return parent_of(file) + SEPARATOR + name_of(filename) if is_same else None


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
