"""An option that is added to the table is there wherever an option can be given."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TABLES = Path(__file__).parents[2] / "tools" / "option_tables.py"
SCRIPT = """
import json
import sys

sys.path[:0] = json.loads(sys.argv[1])
from dataclasses import field, make_dataclass
from pytest_recorder import settings as table
from pytest_recorder.settings import config

# What a person writes: a row of the table, and the line that gives the field its type.
row = table.Option(
    "ink",
    "choice",
    "black",
    "what to write with (default: {default})",
    choices=("black", "blue", "red"),
    in_marker=True,
    in_manifest=True,
    for_programs=True,
    run_help="what to write with",
)
table.OPTIONS += (row,)
table.BY_NAME["ink"] = row
table.BY_KEYWORD["ink"] = row
config._OPTIONS["ink"] = row
bases = (config.Settings,)
new = [("ink", str, field(default=row.default))]
config.Settings = make_dataclass("Settings", new, bases=bases, frozen=True)

import argparse
from pathlib import Path
from _pytest.config import _prepareconfig
from pytest_recorder.cli import run
from pytest_recorder import plugin as options
from pytest_recorder.plugin import resolution
from pytest_recorder.recording import file_recording, manifest_facts, process


class Registering:
    def pytest_addoption(self, parser):
        options.add_options(parser)


def resolved(*args, **environ):
    args = ["-p", "no:record_trace", "-c", "pytest.ini", *args]
    config = _prepareconfig(args, plugins=[Registering()])
    found = resolution.resolve(config, environ)
    return found.settings.ink, found.sources["ink"]


def programs(*args, **environ):
    options, program = run.split([*args, "script.py"])
    parser = argparse.ArgumentParser()
    run.prepare(parser)
    args = parser.parse_args(options, argparse.Namespace(program=program, is_json_asked=False))
    request = {}
    run._ask(request, args, program)
    asked = json.loads(request["PYTEST_RECORDER_RUN"])["options"]
    given = process.given_by(environ) | {name: tuple(found) for name, found in asked.items()}
    settings = file_recording.settings_from(Path("traces"), given)
    return settings.ink, given.get("ink", ("", "default"))[1]


open("pytest.ini", "w").write("[pytest]\\n")
answer = {
    "default": resolved(),
    "command line": resolved("--record-ink=blue"),
    "environment": resolved(PYTEST_RECORDER_INK="red"),
    "programs, default": programs(),
    "programs, command line": programs("--ink", "blue"),
    "programs, environment": programs(PYTEST_RECORDER_INK="red"),
    "manifest": "ink" in manifest_facts._OPTIONS,
}
off = config.Settings(root=Path("/r"), dir=Path("/d"))
answer["marker"] = resolution.resolve_marker(off, (), {"ink": "blue"}).ink
open("pytest.ini", "w").write("[pytest]\\nrecord_ink = blue\\n")
answer["ini"] = resolved()
for name, give in {
    "plugin": lambda: resolved("--record-ink=green"),
    "program": lambda: programs("--ink=green"),
    "marker": lambda: resolution.resolve_marker(off, (), {"ink": "green"}),
}.items():
    try:
        give()
    except Exception as error:
        answer[f"refused, {name}"] = str(error)
sys.argv = ["tables"]
import runpy
tables = runpy.run_path(sys.orig_argv[-1], run_name="tables")
answer["documents"] = [
    line
    for made in tables["TABLES"]
    for line in tables["markdown"](made.rows(table.OPTIONS)).splitlines()
    if "INK" in line or "-ink" in line
]
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(sys.path), str(TABLES)],
        cwd=tmp_path_factory.mktemp("project"),
        env={k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CODETRACER"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "where, found",
    [
        ("default", ["black", "default"]),
        ("command line", ["blue", "--record-ink (command line)"]),
        ("environment", ["red", "PYTEST_RECORDER_INK (environment)"]),
        ("ini", ["blue", "record_ink (ini)"]),
        ("marker", "blue"),
        ("programs, default", ["black", "default"]),
        ("programs, command line", ["blue", "--ink"]),
        ("programs, environment", ["red", "PYTEST_RECORDER_INK (environment)"]),
        ("manifest", True),
    ],
)
def test_it_can_be_given_there(answer: dict[str, Any], where: str, found: object) -> None:
    assert answer[where] == found


@pytest.mark.parametrize(
    "where, source",
    [
        ("plugin", "--record-ink (command line)"),
        ("program", "--ink"),
        ("marker", "ink (marker)"),
    ],
)
def test_a_bad_value_is_refused_there(answer: dict[str, Any], where: str, source: str) -> None:
    assert answer[f"refused, {where}"] == (
        f"[ERR_INVALID_OPTION] bad value 'green' for {source}, expected black, blue or red"
    )


def test_it_stands_in_the_documents(answer: dict[str, Any]) -> None:
    default, meaning = "`black`", "what to write with"
    row = rf"| `--record-ink=black\|blue\|red` | {default} | {meaning} |"
    variable = "`PYTEST_RECORDER_INK`"
    for_programs = rf"| `--ink=black\|blue\|red` | {variable} | {default} | {meaning} |"
    assert answer["documents"] == [row, f"{row} ink |", for_programs]
