"""Finds out which CI server runs the tests, and gives the plugins that tell it of traces."""

from collections.abc import Mapping

import pytest

from pytest_recorder.diagnostics.guard import Guard
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import is_on
from pytest_recorder.plugin.github import GitHub
from pytest_recorder.plugin.junit import Attachments, path_style
from pytest_recorder.plugin.run_index import RunIndex
from pytest_recorder.system.paths import AnyPath


def plugins(
    config: pytest.Config,
    run_index: RunIndex,
    root: AnyPath,
    guard: Guard,
    environ: Mapping[str, str],
) -> list[object]:
    """Give the plugins for this environment: none elsewhere."""
    found: list[object] = []
    if is_on("GITHUB_ACTIONS", environ):
        found.append(GitHub(config, run_index, environ, root, guard))
    name_of = path_style(environ)
    if name_of is not None:
        found.append(Attachments(config, run_index.folder, name_of, guard))
    return found
