"""The page of a trace as data: what is in it, what is escaped, and that nothing is executed."""

import base64
import hashlib
import inspect
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder import testing
from pytest_recorder.analysis.loops import find_loops
from pytest_recorder.cli import main
from pytest_recorder.errors import EnvironmentError
from pytest_recorder.format.layout import FORMAT_VERSION
from pytest_recorder.render import page
from pytest_recorder.render.explanation import explain
from pytest_recorder.render.page_data import AttemptLink, prepare
from pytest_recorder.testing import Recorded
from pytest_recorder.tracefile.reader import open_trace

HOSTILE = "</script><script>alert(1)</script><!-- \u2028\u2029 javascript:alert(1) \x1b[31m \udc80 &amp;\x00"


class Parsed(HTMLParser):
    """Collects the elements of a page as a browser sees them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self._open: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), ""))
        if tag != "meta":
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, attrs, text = self.elements[self._open[-1]]
            self.elements[self._open[-1]] = (tag, attrs, text + data)

    def of(self, tag: str, **attrs: str) -> list[str]:
        return [
            text
            for name, has, text in self.elements
            if name == tag and all(has.get(key) == value for key, value in attrs.items())
        ]


def loop(count: int) -> int:
    total = 0
    for number in range(count):
        total += number
    assert total < 0, HOSTILE
    return total


def hostile(text: str) -> str:
    print(text)
    copied = {text: [text]}
    setattr(hostile, "attribute " + text[:20], copied)
    raise ValueError(text)


def page_of(recorded: Recorded, folder: Path, **options: Any) -> tuple[str, Parsed]:
    path = folder / "page.html"
    with recorded.trace() as trace:
        size = page.write_page(trace, path, **options)
    text = path.read_text("ascii")
    assert size == len(text)
    parsed = Parsed()
    parsed.feed(text)
    parsed.close()
    return text, parsed


def test_the_head_says_what_the_browser_needs(tmp_path: Path) -> None:
    recorded = testing.record(loop, 3)
    with recorded.trace() as trace:
        data = prepare(trace)
    failure = recorded.last("raise")
    (path,) = {event.file for event in recorded.of("loop")}
    head = data.head
    assert (head["first"], head["kept"], head["events"]) == (
        0,
        len(recorded.events),
        head["kept"],
    )
    assert head["failure"] == failure.n
    assert head["manifest"]["format"] == FORMAT_VERSION
    assert head["status"] == "complete"
    start = loop.__code__.co_firstlineno
    assert [start + 2, start + 3, start + 3] in [list(one) for one in head["loops"][path]]
    assert data.attempts == [AttemptLink(1, None, is_this=True)]
    assert json.loads(json.dumps(head)) == {
        **head,
        "loops": json.loads(json.dumps(head["loops"])),
    }


def test_the_page_carries_the_blocks_of_the_trace_as_they_are(tmp_path: Path) -> None:
    recorded = testing.record(loop, 3)
    _, parsed = page_of(recorded, tmp_path)
    blocks = [
        (int(attrs["data-block"] or 0), "data-deflated" in attrs, base64.b64decode(text))
        for tag, attrs, text in parsed.elements
        if tag == "script" and "data-block" in attrs
    ]
    raw = recorded.path.read_bytes()
    assert {kind for kind, _, _ in blocks} == {2, 4, 7}
    assert all(stored in raw for _, _, stored in blocks)
    source = next(zlib.decompress(stored) for kind, _, stored in blocks if kind == 7)
    assert source.endswith(inspect.getsource(loop).encode())


@pytest.mark.parametrize(("before", "kind"), [((), 3), (("x = 'é'", ""), 7)])
def test_a_source_that_is_not_utf_8_is_given_in_utf_8(
    tmp_path: Path, before: tuple[str, ...], kind: int
) -> None:
    lines = ("# coding: latin-1", *before, "def f():", "    return 'é'", "")
    (tmp_path / "old.py").write_bytes("\n".join(lines).encode("latin-1"))
    space: dict[str, Any] = {}
    code = compile((tmp_path / "old.py").read_bytes(), str(tmp_path / "old.py"), "exec")
    exec(code, space)
    recorded = testing.record(space["f"], include=[f"{tmp_path}/old.py"])
    with recorded.trace() as trace:
        (source,) = [block for block in trace.stored_blocks() if block.kind == kind]
        assert trace.source(str(tmp_path / "old.py")) == (
            "# coding: latin-1\n" + "\n" * len(before) + "def f():\n    return 'é'\n"
        )
    assert source.is_deflated
    assert zlib.decompress(source.stored)[32:].endswith("    return 'é'\n".encode())


def test_hostile_text_never_leaves_its_element(tmp_path: Path) -> None:
    recorded = testing.record(hostile, HOSTILE)
    text, parsed = page_of(
        recorded, tmp_path, attempts=[AttemptLink(1, HOSTILE, HOSTILE, True)]
    )
    tags = [tag for tag, _, _ in parsed.elements]
    assert set(tags) == {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "pre",
        "div",
        "script",
    }
    runnable = [
        attrs for tag, attrs, _ in parsed.elements if tag == "script" and "type" not in attrs
    ]
    assert runnable == [{}]
    assert "alert(1)</script>" not in text
    assert "\x1b" not in text
    assert text.isascii()
    assert not set(text) & {chr(code) for code in range(32) if code not in (9, 10)}
    (shown,) = parsed.of("pre")
    assert "\\x1b[31m" in shown
    assert json.loads(parsed.of("script", id="attempts")[0])[0]["href"] == HOSTILE
    assert not any(
        name.startswith("on") or name == "style"
        for _, attrs, _ in parsed.elements
        for name in attrs
    )


def test_where_scripts_are_forbidden_the_page_is_the_explanation(tmp_path: Path) -> None:
    recorded = testing.record(hostile, HOSTILE)
    _, parsed = page_of(recorded, tmp_path)
    with recorded.trace() as trace:
        text = explain(trace)
    (shown,) = parsed.of("pre")
    assert "Failing source" in text
    assert shown == text
    _, parsed = page_of(recorded, tmp_path, text="another & <text>")
    assert parsed.of("pre") == ["another & <text>"]


def test_the_policy_allows_our_script_and_style_by_their_hashes_and_nothing_else(
    tmp_path: Path,
) -> None:
    _, parsed = page_of(testing.record(loop, 1), tmp_path)
    (policy,) = [
        str(attrs["content"])
        for tag, attrs, _ in parsed.elements
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = [text for tag, attrs, text in parsed.elements if tag == "script" and not attrs]
    (style,) = parsed.of("style")
    hashes = [
        base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()
        for one in (script, style)
    ]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_script_can_stand_in_a_page() -> None:
    for name in ("viewer.js", "viewer.css"):
        text = (Path(page.__file__).parent / "assets" / name).read_text("ascii")
        assert not re.search("</(script|style)|<!--|\r|\x00", text, re.IGNORECASE)
        assert "sourceMappingURL" not in text


@pytest.mark.slow
def test_a_large_trace_keeps_what_is_around_the_failure(tmp_path: Path) -> None:
    recorded = testing.record(loop, 20_000, max_bytes=1 << 20)
    with recorded.trace() as trace:
        whole = trace.event_blocks()
        assert len(whole) > 3
        most = whole[-1][2] + whole[-2][2]
        head = prepare(trace, most_stored_bytes=most).head
        assert head["failure"] == recorded.last("raise").n
        assert head["first"] == whole[-2][0]
        assert head["first"] + head["kept"] == head["events"] == len(trace)
        by_events = prepare(trace, most_events=whole[-1][1] + 1).head
        assert by_events["first"] == whole[-1][0]


def test_the_opening_is_the_exception_that_left_not_one_that_was_handled() -> None:
    def handles() -> None:
        try:
            loop(1)
        except AssertionError:
            pass
        raise KeyError("left")

    recorded = testing.record(handles)
    with recorded.trace() as trace:
        found = prepare(trace).head["failure"]
    assert found is not None
    assert recorded.events[found].exception is not None
    assert recorded.events[found].exception.type == "KeyError"


def test_a_program_that_ended_well_opens_at_its_end() -> None:
    def handles() -> None:
        try:
            loop(1)
        except AssertionError:
            pass

    with testing.record(handles).trace() as trace:
        assert prepare(trace).head["failure"] is None


@pytest.mark.slow
def test_the_opening_of_a_long_trace_is_the_same_from_its_end() -> None:
    recorded = testing.record(loop, 20_000, max_bytes=1 << 20)
    with recorded.trace() as trace:
        assert prepare(trace).head["failure"] == recorded.last("raise").n


@pytest.mark.parametrize(
    "source, loops",
    [
        ("for x in y:\n    a\n    b\n", [(1, 2, 3)]),
        ("while (a and\n  b):\n    for c in d: e\n", [(1, 3, 3), (3, 3, 3)]),
        ("async def f():\n    async for x in y:\n        pass\n", [(2, 3, 3)]),
        ("not python", []),
        ("\0", []),
    ],
)
def test_loops_are_found(source: str, loops: list[tuple[int, int, int]]) -> None:
    assert find_loops(source) == loops


def test_later_attempts_are_told_to_an_earlier_page(tmp_path: Path) -> None:
    text, _ = page_of(testing.record(loop, 1), tmp_path)
    path = tmp_path / "page.html"
    page.replace_attempts(
        path,
        [AttemptLink(1, "failed", None, True), AttemptLink(2, "failed", "../b/trace.html")],
    )
    parsed = Parsed()
    parsed.feed(path.read_text("ascii"))
    listed = json.loads(parsed.of("script", id="attempts")[0])
    assert [one["href"] for one in listed] == [None, "../b/trace.html"]
    assert len(path.read_text("ascii").splitlines()) == len(text.splitlines())


def test_a_file_that_is_no_page_of_ours_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes.html"
    path.write_bytes(b"\xff mine")
    page.replace_attempts(path, [AttemptLink(1)])
    path.write_text("mine")
    page.replace_attempts(path, [AttemptLink(1)])
    assert path.read_text() == "mine"


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    recorded = testing.record(loop, 1)
    with (
        recorded.trace() as trace,
        pytest.raises(EnvironmentError, match="cannot write the page"),
    ):
        page.write_page(trace, tmp_path / "missing" / "page.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_damaged_trace_has_a_page_of_what_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = testing.record(loop, 20_000, max_bytes=1 << 20)
    data = recorded.path.read_bytes()
    cut = tmp_path / "cut.pyrec"
    cut.write_bytes(data[: len(data) // 2])
    assert main(["html", str(cut)]) == 20
    assert capsys.readouterr().out.strip() == str(tmp_path / "cut.html")
    with open_trace(cut) as trace:
        head = prepare(trace).head
    assert head["status"] == "partial"
    assert 0 < head["kept"] < len(recorded.events)


def test_the_command_writes_beside_the_trace_or_where_it_is_told(tmp_path: Path) -> None:
    recorded = testing.record(loop, 1, folder=tmp_path)
    assert main(["html", str(recorded.path)]) == 0
    assert (tmp_path / "trace.html").is_file()
    assert main(["html", str(recorded.path), "-o", str(tmp_path / "other.html")]) == 0
    assert (tmp_path / "other.html").is_file()


@pytest.mark.parametrize("name", ["trace.pyrec", "."])
def test_the_command_never_overwrites_the_trace_nor_a_folder(tmp_path: Path, name: str) -> None:
    recorded = testing.record(loop, 1, folder=tmp_path)
    before = recorded.path.read_bytes()
    assert main(["html", str(recorded.path), "-o", str(tmp_path / name)]) == 2
    assert recorded.path.read_bytes() == before
