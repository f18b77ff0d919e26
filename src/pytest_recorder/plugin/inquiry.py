"""Asks pytest what it would use here, without a run: its ini file, its options, its plugins.

The files are pytest's to find and to read, so pytest does it, in a process of its own: its plugins
and the project's conftest files are loaded as for `pytest --help`.

    python -m pytest_recorder.plugin.inquiry FILE

writes the answer into FILE: what plugins print on stdout does not matter.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.errors import ErrorCode, UsageError, enverr, usage
from pytest_recorder.plugin import resolution

_REFUSED = "refused"


def ask() -> dict[str, dict[str, Any]]:
    """Give the policy of a pytest run in this folder: `policy`, and the `sources` of its fields.

    Raises UsageError (ERR_INVALID_POLICY_VALUE, ERR_INVALID_OPTION) for a value that pytest would
    refuse, and ERR_NOT_SUPPORTED where pytest does not load the plugin; EnvironmentError (ERR_IO)
    where pytest itself cannot start here.
    """
    # This package is imported before pytest there, and that process is no program.
    environ = {k: v for k, v in os.environ.items() if k != "PYTEST_RECORDER_AUTOSTART"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "answer.json")
        done = subprocess.run(
            [sys.executable, "-m", "pytest_recorder.plugin.inquiry", str(file)],
            env=environ,
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


class _Inquiry:
    """Answers in the place of a run."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int:
        """Write the answer; pytest does nothing more."""
        self._file.write_text(json.dumps(_answer(config)), encoding="utf-8")
        return 0


def _answer(config: pytest.Config) -> dict[str, Any]:
    from pytest_recorder.settings.policy import policy_of

    if not config.pluginmanager.is_registered(sys.modules["pytest_recorder.plugin"]):
        text = (
            "pytest does not load the plugin here, see `-p no:record_trace` in addopts,"
            " PYTEST_ADDOPTS and PYTEST_DISABLE_PLUGIN_AUTOLOAD"
        )
        return {_REFUSED: [ErrorCode.NOT_SUPPORTED.value, text]}
    try:
        resolved = resolution.resolve(config, os.environ)
    except UsageError as error:
        cause = f": {error.cause_text}" if error.cause_text else ""
        return {_REFUSED: [error.code.value, error.message + cause]}
    return {
        "policy": policy_of(resolved.settings).plain(),
        "sources": resolution.policy_sources(resolved.sources, {}),
    }


if __name__ == "__main__":
    # Two of this module: the plugin manager knows the one that is imported.
    pytest.main([], plugins=[_Inquiry(Path(sys.argv[1]))])
