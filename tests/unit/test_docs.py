"""Documentation that must not drift from the code."""

import argparse
import re
import runpy
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.cli import _COMMANDS, run
from pytest_recorder.diagnostics.jsonlog import LEVELS
from pytest_recorder.diagnostics.metrics import COUNTERS
from pytest_recorder.diagnostics.schema import ErrorTrailer, LogLine
from pytest_recorder.errors import ErrorCode
from pytest_recorder.format.vocabulary import REASONS
from pytest_recorder.settings import BY_KEYWORD, OPTIONS, Option
from pytest_recorder.settings.policy import POLICY_OPTIONS
from pytest_recorder.tracefile.index_schema import EntryModel

DOCS = Path(__file__).parents[2] / "docs"
TOOLS = DOCS.parent / "tools"
SOURCES = Path(pytest_recorder.__file__).parent


def test_every_error_code_has_a_section() -> None:
    headings = re.findall(r"^## (ERR_\w+)$", (DOCS / "errors.md").read_text(), re.MULTILINE)
    assert headings == [code.value for code in ErrorCode]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_is_documented(option: Option) -> None:
    rows = [
        re.split(r"(?<!\\)\|", line)[1:-1]
        for line in (DOCS / "options.md").read_text().splitlines()
        if line.startswith("| `--")
    ]
    flag = re.escape(option.flag)
    (row,) = [row for row in rows if re.search(rf"`{flag}[=`]", row[0])]
    listed = [name.strip() for name in row[-1].split(",")]
    assert (option.keyword in listed) == (option.keyword in BY_KEYWORD)


def test_the_tables_of_options_are_those_that_the_table_makes() -> None:
    tool = runpy.run_path(str(TOOLS / "option_tables.py"), run_name="option_tables")
    for made in tool["TABLES"]:
        text = (DOCS.parent / made.document).read_text()
        assert tool["with_tables"](text, made.document) == text
    shown = {option.name for option in OPTIONS}
    assert tool["NOT_IN_README"] | set(tool["MEANINGS"]) <= shown


def test_every_reason_is_in_the_format_description() -> None:
    text = " ".join((DOCS / "trace-format.md").read_text().split())
    for number, word in REASONS.items():
        assert f"{number} {word}" in text


def test_every_option_of_run_is_documented() -> None:
    parser = argparse.ArgumentParser()
    run.prepare(parser)
    text = (DOCS / "run.md").read_text()
    flags = re.findall(r"--[a-z][a-z-]+", parser.format_help())
    assert [flag for flag in set(flags) - {"--help"} if f"`{flag}" not in text] == []


@pytest.mark.parametrize("page", ["policy.md", "from-codetracer.md"])
def test_every_field_and_variable_of_the_policy_is_documented(page: str) -> None:
    text = (DOCS / page).read_text()
    for key, option in POLICY_OPTIONS.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{key}` |"))
        assert f"`PYTEST_RECORDER_{option.name.upper()}`" in row
        assert (f"`CODETRACER_{key.upper()}`" in row) == (key != "record_errors")


def test_every_counter_is_documented_with_its_labels() -> None:
    text = (DOCS / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|(.*?)\| ", text, re.MULTILINE)
    assert [(name, tuple(re.findall(r"`(\w+)`", labels))) for name, labels in rows] == [
        (counter.name, counter.labels) for counter in COUNTERS
    ]


def test_the_ci_page_names_every_key_of_an_entry_and_every_property() -> None:
    text = (DOCS / "ci.md").read_text()
    assert [name for name in EntryModel.model_fields if f"`{name}`" not in text] == []
    code = (SOURCES / "plugin" / "report_lines.py").read_text()
    names = set(re.findall(r'"(record_trace_\w+)"', code)) - {"record_trace_removed"}
    assert [name for name in names if f"`{name}`" not in text] == []
    assert [
        link for link in re.findall(r"\]\(([^)#]+)", text) if not (DOCS / link).exists()
    ] == []


@pytest.mark.parametrize(
    "path", sorted((DOCS.parent / "examples/ci").iterdir()), ids=lambda path: path.name
)
def test_the_files_for_ci_servers_use_options_and_commands_that_exist(path: Path) -> None:
    text = path.read_text()
    flags = re.findall(r"--record-[a-z-]+", text)
    assert flags
    assert set(flags) <= {option.flag for option in OPTIONS}
    assert "--record-trace" in flags
    assert "test-traces/" in text or "test-traces\n" in text
    assert set(re.findall(r"(?<!install )pytest-recorder (\w+)", text)) <= set(_COMMANDS)


def test_the_diagnostics_page_names_every_key_and_level_and_its_examples_are_valid() -> None:
    text = (DOCS / "diagnostics.md").read_text()
    log, trailer = re.findall(r"^```json\n(.*)\n```$", text, re.MULTILINE)
    assert LogLine.model_validate_json(log).error_code == ErrorCode.IO
    assert ErrorTrailer.model_validate_json(trailer).error_code == ErrorCode.IO
    heads = re.findall(r"^\| (`[a-z_`, ]+`) \|.*\|.*\|$", text, re.MULTILINE)
    assert {name for head in heads for name in re.findall(r"`(\w+)`", head)} == set(
        LogLine.model_fields
    )
    (row,) = [line for line in text.splitlines() if line.startswith("| `--record-log-level")]
    assert set(re.findall(r"`(\w+)`", row)) >= set(LEVELS)
