"""Says which files the tests of a run are in, and which tests recorded no line of theirs."""

import importlib.util
from types import FunctionType, MethodType
from typing import NamedTuple

import pytest

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.recording.setup import Tests
from pytest_recorder.system import files
from pytest_recorder.system.paths import join, parent_of


def tests_of(session: pytest.Session) -> Tests:
    """Give the files of collected tests, and the packages that `--pyargs` names."""
    paths = dict.fromkeys(str(item.path) for item in session.items)
    return Tests(tuple(paths), tuple(named_packages(session.config)))


def test_of(item: pytest.Item) -> Tests:
    """Give the files of a test that begins: its own, and that of its function."""
    own, *written_in = paths_of(item)
    return Tests((own,), functions=tuple(written_in))


def paths_of(item: pytest.Item) -> tuple[str, ...]:
    """Give the file of a test, and that of its function where a class has inherited it."""
    own = str(item.path)
    file, line, _ = item.location
    written_in = str(files.absolute(join(str(item.config.rootpath), file)))
    if line is None or written_in == own or file.startswith("<") or _is_generated(item):
        return (own,)
    return own, written_in


def _is_generated(item: pytest.Item) -> bool:
    """Tell whether a function made the test's, as pytest-bdd does: its file is a library's."""
    # Not the property: it can make an instance of a test class.
    function = vars(item).get("_obj")
    if type(function) is MethodType:
        function = function.__func__
    return type(function) is FunctionType and "<locals>" in function.__qualname__


def named_packages(config: pytest.Config) -> list[str]:
    """Give the files and folders of the packages that `--pyargs` names.

    Of a name with dots the outermost package that is none of many: not the whole of a namespace.
    """
    if not config.getoption("pyargs", False):
        return []
    found: list[str] = []
    for argument in config.args:
        name = str(argument).partition("::")[0].partition("[")[0]
        parts = name.split(".")
        if all(part.isidentifier() for part in parts):
            found += _places_of(parts)
    return found


def _places_of(parts: list[str]) -> list[str]:
    try:
        spec = importlib.util.find_spec(parts[0])
    except (ImportError, ValueError, AttributeError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [spec.origin] if spec.has_location and spec.origin else []
    if spec.origin is not None and spec.has_location:
        return [parent_of(spec.origin)]
    return [
        place
        for folder in spec.submodule_search_locations
        for place in _below(folder, parts[1:])
    ]


def _below(folder: str, parts: list[str]) -> list[str]:
    """Give the first package or module below a part of a namespace."""
    if not parts:
        return []
    inside = join(folder, parts[0])
    if files.is_file(join(inside, "__init__.py")):
        return [inside]
    return [f"{inside}.py"] if files.is_file(f"{inside}.py") else _below(inside, parts[1:])


class Unrecorded(NamedTuple):
    """How many tests of a file recorded no line of it, and the rule of its scope."""

    tests: int
    rule: str


class OwnFiles:
    """Looks, at the end of each test, whether lines of its own file were recorded."""

    def __init__(self) -> None:
        self._recorded: set[str] = set()

    def rule_for(self, item: pytest.Item, recorder: Recorder) -> str | None:
        """Give the rule for the file of a test that ran and of which no line was recorded.

        None where some was, and for what is not written in Python in a file: doctests, items of
        other plugins, functions in C, functions that others have made.
        """
        if str(item.path) in self._recorded or not isinstance(item, pytest.Function):
            return None
        paths = [path for path in paths_of(item) if path.endswith(".py")]
        if item.location[1] is None or not paths or _is_generated(item):
            return None
        if any(recorder.has_recorded(path) for path in paths):
            self._recorded.add(str(item.path))
            return None
        module = getattr(item.getparent(pytest.Module), "obj", None)
        name = getattr(module, "__name__", None)
        decision = recorder.scope_rule(paths[-1], name if type(name) is str else None)
        return decision.rule if decision is not None else None
