"""Writes the tables of options in the documents, from `pytest_recorder.settings`.

`python tools/option_tables.py` writes them, `--check` names the documents that are not up to date
and ends with 1 if there is one.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from pytest_recorder.settings import OPTIONS, Option

ROOT = Path(__file__).parent.parent
BEGIN = "<!-- begin: {} (written by `just docs`) -->"
END = "<!-- end: {} -->"

# What the documents say in the place of the help: they have links, and room for more.
MEANINGS = {
    "rerun_failed": "the run is not recorded; after its last test each failed test is run again,"
    " recorded ([nothing while it is green](options.md#failed-tests-run-again))",
    "scope": "a trace for each attempt of a test, or one for the run",
    "keep": "which traces stay, decided after the teardown; interrupted or died: kept"
    " ([what stays](options.md#what-stays))",
    "level": "calls with arguments and results; plus lines; plus every change of a local or"
    " attribute",
    "values": "bounds of one value, and of the `objects` in view of a frame before it shows fewer"
    " levels; the true size is always kept",
    "dir": "where traces go; relative to where pytest was started (in an ini file: to rootdir)",
    "include": "also record this: with a `/` or ending in `.py` a glob on the path, else a module"
    " with all below it ([what is recorded](options.md#what-is-recorded)); repeatable",
    "exclude": "do not record this; wins over includes; repeatable",
    "max_bytes": "bound of one trace before packing; when reached, the start and the latest part"
    " stay and the gap is marked",
    "max_kept": "keep at most so many traces of a run, the most informative ones"
    " ([what stays](options.md#what-stays))",
    "max_total": "keep so much of them in all, with what lies beside them",
    "on_error": "what an error of the recorder does: fail, or warn ([policy](policy.md))",
    "require_trace": "a test that should have been recorded and has no usable trace is an error",
    "keep_partial": "whether traces stay that ended early",
    "html": "whether kept traces get a [page](viewer.md) beside them, `trace.html`; `auto`: those"
    " of tests that neither passed nor were skipped, where the variable `CI` is set",
    "log_level": "how much is logged ([diagnostics](diagnostics.md)); without a file to stderr",
    "log_file": "a log as lines of JSON",
    "metrics_file": "write what was counted to this file, for Prometheus, or as OpenMetrics if it"
    " ends in `.om` ([metrics](metrics.md))",
    "metrics_otel": "send what was counted to OpenTelemetry ([metrics](metrics.md))",
    "engine": "where events come from ([engines](engines.md))",
    "redact": "also hide values with this name ([secrets](options.md#secrets)); repeatable",
    "no_redact": "do not hide values with this name; repeatable",
}
MEANINGS_FOR_PROGRAMS = {"require_trace": "a trace that is empty or not whole is an error"}
NOT_IN_README = {"engine", "redact", "no_redact", "metrics_file", "metrics_otel"}

Rows = list[tuple[str, ...]]


class Table(NamedTuple):
    """A table between two marks of a document."""

    document: str
    name: str
    rows: Callable[[Iterable[Option]], Rows]


def rows_of_options(options: Iterable[Option]) -> Rows:
    """Give the table of docs/options.md: the options of pytest."""
    rows: Rows = [("option", "default", "meaning", "marker")]
    for option in options:
        keyword = option.keyword if option.in_marker else ""
        rows.append((_flags(option), _default(option), _meaning(option), keyword))
    return rows


def rows_of_readme(options: Iterable[Option]) -> Rows:
    """Give the table of README.md: the same, shorter."""
    shown = (option for option in options if option.name not in NOT_IN_README)
    # Its links begin one folder above.
    return [
        tuple(cell.replace("](", "](docs/") for cell in row[:-1])
        for row in rows_of_options(shown)
    ]


def rows_of_programs(options: Iterable[Option]) -> Rows:
    """Give the table of docs/run.md: what counts for programs."""
    rows: Rows = [("option", "variable", "default", "meaning")]
    for option in options:
        if option.for_programs or option.policy_key:
            flags = _flags_of(option.run_flag, option.run_negative, option)
            default = _default(option, for_programs=True)
            meaning = MEANINGS_FOR_PROGRAMS.get(option.name) or _meaning(option)
            rows.append((flags, f"`{option.variables[0]}`", default, meaning))
    return rows


def rows_of_sources(options: Iterable[Option]) -> Rows:
    """Give the table of docs/policy.md: where each field of the policy comes from."""
    head = "field", "option of pytest", "option of `pytest-recorder run`", "variable"
    rows: Rows = [(*head, "read after it")]
    for option in options:
        if option.policy_key:
            names = (option.policy_key, option.flag, option.run_flag, *option.variables)
            cells = [f"`{name}`" for name in names]
            rows.append((*cells, *[""] * (len(rows[0]) - len(cells))))
    return rows


TABLES = (
    Table("README.md", "options", rows_of_readme),
    Table("docs/options.md", "options", rows_of_options),
    Table("docs/policy.md", "sources", rows_of_sources),
    Table("docs/run.md", "options", rows_of_programs),
)


def with_tables(text: str, document: str, options: Iterable[Option] = OPTIONS) -> str:
    """Give the text of a document with its tables as they should be."""
    for table in TABLES:
        if table.document == document:
            begin, end = BEGIN.format(table.name), END.format(table.name)
            before, _, rest = text.partition(begin)
            _, found, after = rest.partition(end)
            if not found:
                sys.exit(f"{document} has no lines {begin!r} and {end!r}")
            text = f"{before}{begin}\n\n{markdown(table.rows(options))}\n{end}{after}"
    return text


def markdown(rows: Rows) -> str:
    """Write a table in Markdown; the first row is its head."""
    lines = [
        f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |") for row in rows
    ]
    return "\n".join((lines[0], "|" + "---|" * len(rows[0]), *lines[1:])) + "\n"


def _flags(option: Option) -> str:
    return _flags_of(option.flag, option.negative, option)


def _flags_of(flag: str, negative: str, option: Option) -> str:
    if not flag:
        return ""
    if negative:
        return f"`{flag}`, `{negative}`"
    return f"`{flag}={option.metavar}`".replace("|", r"\|")


def _default(option: Option, *, for_programs: bool = False) -> str:
    if for_programs and option.policy_default != option.default:
        return f"`{option.policy_default}`"
    is_word = option.form == "bool" or option.default_text == option.unset
    return option.default_text if is_word else f"`{option.default_text}`"


def _meaning(option: Option, texts: Mapping[str, str] = MEANINGS) -> str:
    # The default has a column.
    plain = option.help.replace(f" (default: {option.default_text})", "")
    return texts.get(option.name) or plain


def main(arguments: list[str]) -> int:
    """Write the documents, or check them."""
    stale: list[str] = []
    for document in dict.fromkeys(table.document for table in TABLES):
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        wanted = with_tables(text, document)
        if wanted == text:
            continue
        stale.append(document)
        if arguments != ["--check"]:
            path.write_text(wanted, encoding="utf-8")
    if arguments == ["--check"]:
        for document in stale:
            print(f"{document} is not up to date with the table of options, run `just docs`")
        return 1 if stale else 0
    print("written:", ", ".join(stale) or "nothing had changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
