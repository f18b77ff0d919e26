"""The index as a page, and its published schema."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.errors import ErrorCode, RecorderError
from pytest_recorder.render.index_page import index_page, write_index_page
from pytest_recorder.tracefile.index import (
    Entry,
    Index,
    clear_earlier_run,
    read_index,
    write_index,
)
from pytest_recorder.tracefile.index_schema import SCHEMA_NAME, schema_text
from pytest_recorder.tracefile.naming import folder_name, is_safe_name

DOCS = Path(__file__).parents[3] / "docs"
RUN = "1" * 32
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "\x1b[31mred\x1b[0m\u2028\u2029\u202e\0",
    "a&b\"c'd<e>",
    "\ud800",
)
TEXT = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(HOSTILE)


class Reader(HTMLParser):
    """What a browser would make of a page: tags with attributes, and the text of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def entry(test: str, **facts: Any) -> Entry:
    plain = {"attempt": 1, "outcome": "failed", "trace": None, "status": "complete"}
    return Entry.checked({"test": test, **plain, **facts})


def page_of(*entries: Entry, folder: Path = Path("/nowhere")) -> str:
    return index_page(Index(RUN, tests=entries), folder)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


SHAPE = [tag for tag, _ in read(page_of(entry("a"))).tags]


@given(st.builds(dict, test=TEXT, outcome=TEXT, phase=TEXT, exception=TEXT, message=TEXT,
                 place=TEXT, status=st.just("complete") | TEXT, reason=TEXT, trace=st.none() | TEXT))  # fmt: skip
def test_nothing_recorded_becomes_markup(facts: dict[str, Any]) -> None:
    page = page_of(Entry.checked({"attempt": 1, **facts}))
    page.encode("utf-8")
    reader = read(page)
    assert [tag for tag, _ in reader.tags if tag != "a"] == SHAPE
    assert page.count("<script") == page.count("</script") == 1
    for tag, attributes in reader.tags:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a":
            target = attributes["href"] or ""
            assert target.startswith("./")
            assert "/../" not in f"{target}/"
    table = page.partition("<table>")[2].partition("</table>")[0]
    assert all(char.isprintable() or char == "\n" for char in table)


def test_the_policy_allows_this_script_and_this_style_only_and_nothing_is_loaded() -> None:
    page = page_of(entry("a", trace="a/trace.pyrec"))
    (policy,) = [a["content"] for t, a in read(page).tags if a.get("http-equiv")]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"""\s(src|style|srcset|action)=|url\(|@import|https?:""", page)


def test_failures_stand_first_and_links_lead_to_what_there_is(tmp_path: Path) -> None:
    for name in ("bad-1", "good-1"):
        (tmp_path / name).mkdir()
    (tmp_path / "bad-1/failure.md").write_text("why")
    page = page_of(
        entry("t.py::good", outcome="passed", trace="good-1/trace.pyrec"),
        entry("t.py::stopped", outcome="interrupted", trace="s/trace.pyrec", status="partial", reason="ERR_TRACE_INCOMPLETE"),
        entry("t.py::gone", trace=None, status="left_out", reason="max_kept"),
        entry("t.py::bad", trace="bad-1/trace.pyrec", exception="KeyError", message="KeyError: 7", place="t.py:3"),
        folder=tmp_path,
    )  # fmt: skip
    reader = read(page)
    assert [row[1] for row in reader.rows] == [
        "test",
        "t.py::bad",
        "t.py::gone",
        "t.py::stopped",
        "t.py::good",
    ]
    assert reader.rows[1][4:6] == ["KeyError: 7", "t.py:3"]
    assert reader.rows[2][-1].strip() == "left out by --record-max-kept"
    assert "partial: ERR_TRACE_INCOMPLETE" in reader.rows[3][-1]
    assert [a["href"] for t, a in reader.tags if t == "a"] == [
        "./bad-1/failure.md",
        "./bad-1/trace.pyrec",
        "./s/trace.pyrec",
        "./good-1/trace.pyrec",
    ]


@pytest.mark.parametrize(
    "entries, said",
    [
        ([], "No traces were kept."),
        (
            [entry("a", trace="a/trace.pyrec"), entry("b", status="left_out")],
            "2 failures: 1 kept, 1 left out.",
        ),
        (
            [entry("a", status="missing"), entry("b", trace="b/trace.pyrec", outcome="passed")],
            "1 failure: 1 without a trace; 1 other: 1 kept.",
        ),
        (
            [entry(n, trace=f"{n}/trace.pyrec", outcome="passed") for n in "ab"],
            "2 attempts: 2 kept.",
        ),
    ],
)
def test_the_page_counts_failures_and_what_is_there_of_them(
    entries: list[Entry], said: str
) -> None:
    assert f"<p>{said}</p>" in page_of(*entries)


def test_a_page_that_is_not_ours_stays(tmp_path: Path) -> None:
    write_index(tmp_path, RUN, [entry("a")])
    (tmp_path / "index.html").write_text("<html>mine</html>")
    with pytest.raises(RecorderError, match="is not a page of ours and stays") as caught:
        write_index_page(tmp_path)
    assert caught.value.code is ErrorCode.TRACE_DIR_CONFLICT
    clear_earlier_run(tmp_path, "2" * 32)
    assert (tmp_path / "index.html").read_text() == "<html>mine</html>"


def test_a_new_run_removes_the_page_of_the_one_before(tmp_path: Path) -> None:
    write_index(tmp_path, RUN, [entry("a")])
    write_index_page(tmp_path)
    assert write_index_page(tmp_path).exists()
    clear_earlier_run(tmp_path, "2" * 32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no Chromium")
def test_the_script_runs_from_a_file_and_adds_search_and_sorting(tmp_path: Path) -> None:
    write_index(tmp_path, RUN, [entry(text, trace=text) for text in HOSTILE[:-1]])
    page = write_index_page(tmp_path)
    done = subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert '<input type="search"' in done.stdout
    assert done.stdout.count('<button type="button">') == 10
    assert "Content Security Policy" not in done.stderr
    assert "CONSOLE" not in done.stderr


def test_the_published_schema_is_that_of_the_model() -> None:
    # `just schemas` writes the file.
    assert (DOCS / SCHEMA_NAME).read_text() == schema_text()


def test_what_is_written_fits_the_schema(tmp_path: Path) -> None:
    schema = json.loads((DOCS / SCHEMA_NAME).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    entries = [
        entry("a", trace="a/trace.pyrec", phase="call", place="a.py:1", is_reported=False),
        entry("b", run_id="2" * 32, pid=7, status="missing", reason="ERR_IO"),
    ]
    write_index(tmp_path, RUN, entries)
    content = json.loads((tmp_path / "index.json").read_text())
    jsonschema.validate(content, schema)
    assert {"$schema", "title", "properties", "$defs"} <= set(schema)
    with pytest.raises(jsonschema.ValidationError, match="is a required property"):
        jsonschema.validate({"schema": 1}, schema)
    assert read_index(tmp_path).tests[1].pid == 7


@given(st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(["aux.py::a", "NUL", "con"]), st.integers(1, 10**6), st.integers(1, 99))  # fmt: skip
def test_names_of_folders_suit_every_store(test: str, attempt: int, twin: int) -> None:
    name = folder_name(test, attempt, twin)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,198}[A-Za-z0-9_]", name)
    assert name.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}
    assert is_safe_name(name)
