"""Asks pytest what it would use and record here, without a run: its files, options, plugins, tests.

The files are pytest's to find and to read, so pytest does it, in a process of its own: its plugins
and the project's conftest files are loaded as for `pytest --help`, and where it is asked about code
the tests are collected as for `pytest --collect-only`. Nothing is recorded and nothing written.

    python -m pytest_recorder.plugin.inquiry FILE [COVERED [ARGUMENT...]]

writes the answer into FILE: what plugins print on stdout does not matter.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.engine.distributions import folders_of_installed, owner_of
from pytest_recorder.engine.project_folders import is_in_any, package_of
from pytest_recorder.engine.scope import Scope
from pytest_recorder.errors import ErrorCode, UsageError, enverr, usage
from pytest_recorder.plugin import resolution, tested_files
from pytest_recorder.settings import PREFIX
from pytest_recorder.settings.policy import policy_of

_REFUSED = "refused"


def ask() -> dict[str, dict[str, Any]]:
    """Give the policy of a pytest run in this folder: `policy`, and the `sources` of its fields.

    Raises UsageError (ERR_INVALID_POLICY_VALUE, ERR_INVALID_OPTION) for a value that pytest would
    refuse, and ERR_NOT_SUPPORTED where pytest does not load the plugin; EnvironmentError (ERR_IO)
    where pytest itself cannot start here.
    """
    return _ask({})


def ask_scope(path: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Tell whether a run of pytest with these arguments would record the code of a file.

    Gives `is_in_scope` and the `rule`, the `module` that the file is taken for, the `distribution`
    that has installed it, `rootdir`, `config_file`, the number of `tests` that were collected, and
    that of the `errors` meanwhile. Raises as `ask` does.
    """
    # Options that say to record must not begin a run, which would clear the folder of the last one.
    return _ask({PREFIX: "0"}, path, *arguments)


def _ask(environ: dict[str, str], *words: str) -> dict[str, Any]:
    # This package is imported before pytest there, and that process is no program.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTEST_RECORDER_AUTOSTART"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "answer.json")
        done = subprocess.run(
            [sys.executable, "-m", "pytest_recorder.plugin.inquiry", str(file), *words],
            env=inherited | environ,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if not file.exists():
            said = " ".join((done.stderr.strip() or done.stdout.strip()).split())
            raise enverr(ErrorCode.IO, f"pytest does not start here: {said}")
        answer: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if _REFUSED in answer:
        code, message = answer[_REFUSED]
        raise usage(ErrorCode(code), message)
    return answer


class _Quiet:
    """Keeps plugins from what they do at the start of a run."""

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Generator[None]:
        """Let pytest-cov leave the data of the last run alone: it erases them first of all."""
        early_config.known_args_namespace.no_cov = True
        return (yield)


class _Inquiry(_Quiet):
    """Answers in the place of a run."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        """Write the answer; pytest does nothing more."""
        self._file.write_text(json.dumps(_answer(config)), encoding="utf-8")
        return 0


class _ScopeInquiry(_Quiet):
    """Answers at the end of the collection, and ends there."""

    def __init__(self, file: Path, covered: str) -> None:
        self._file = file
        self._covered = covered

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the answer."""
        answer = _refusal(session.config) or _scope_answer(session, self._covered)
        self._file.write_text(json.dumps(answer), encoding="utf-8")


def _refusal(config: pytest.Config) -> dict[str, Any] | None:
    """Give why there is no answer here."""
    if not config.pluginmanager.is_registered(sys.modules["pytest_recorder.plugin"]):
        text = (
            "pytest does not load the plugin here, see `-p no:record_trace` in addopts,"
            " PYTEST_ADDOPTS and PYTEST_DISABLE_PLUGIN_AUTOLOAD"
        )
        return {_REFUSED: [ErrorCode.NOT_SUPPORTED.value, text]}
    try:
        resolution.resolve(config, os.environ)
    except UsageError as error:
        cause = f": {error.cause_text}" if error.cause_text else ""
        return {_REFUSED: [error.code.value, error.message + cause]}
    return None


def _answer(config: pytest.Config) -> dict[str, Any]:
    refused = _refusal(config)
    if refused is not None:
        return refused
    resolved = resolution.resolve(config, os.environ)
    return {
        "policy": policy_of(resolved.settings).plain(),
        "sources": resolution.policy_sources(resolved.sources, {}),
    }


def _scope_answer(session: pytest.Session, covered: str) -> dict[str, Any]:
    settings = resolution.resolve(session.config, os.environ).settings
    scope = Scope(settings.root, settings.include, settings.exclude)
    collected = tested_files.tests_of(session)
    functions = {path for item in session.items for path in tested_files.paths_of(item)[1:]}
    scope.add_tests(collected.paths, packages=collected.packages, functions=functions)
    module = _module_of(covered)
    decision = scope.decide(covered, module)
    return {
        "is_in_scope": decision.is_in_scope,
        "rule": decision.rule,
        "module": module,
        "distribution": owner_of(covered),
        "rootdir": str(session.config.rootpath),
        "config_file": str(session.config.inipath) if session.config.inipath else None,
        "tests": len(session.items),
        "errors": session.testsfailed,
    }


def _module_of(path: str) -> str:
    """Give the name that a file has as a module: as it was imported, else as an import would."""
    real = os.path.realpath(path)
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and os.path.realpath(file) == real and name != "__main__":
            return name
    stem = os.path.splitext(os.path.relpath(real, _import_folder_of(real)))[0]
    return stem.replace(os.sep, ".").removesuffix(".__init__")


def _import_folder_of(path: str) -> str:
    """Give the folder that an import of a file starts from.

    A package can lie in a namespace, which no file shows: the search path does. Where pytest put
    a folder of a namespace there, for the tests in it, what is installed keeps its whole name.
    """
    outside = os.path.dirname(package_of(path) or path)
    installed = folders_of_installed(path)
    if installed:
        return installed[0]
    searched = {os.path.realpath(folder) for folder in sys.path}
    return max(
        (folder for folder in searched if is_in_any(outside, (folder,))),
        key=len,
        default=outside,
    )


if __name__ == "__main__":
    answer_file, *asked = sys.argv[1:]
    # Two of this module: the plugin manager knows the one that is imported.
    if asked:
        collect = ["--collect-only", "--quiet", *asked[1:]]
        pytest.main(collect, plugins=[_ScopeInquiry(Path(answer_file), asked[0])])
    else:
        pytest.main([], plugins=[_Inquiry(Path(answer_file))])
