"""Recorded text in Markdown stays text, whatever is in it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.render.markdown import code, fenced

HOSTILE = (
    st.text(alphabet=st.sampled_from("`~ab<>|\n\r\t\x1b\u2028\u202e\ud800 \\[]()#*"))
    | st.text()
)


@given(HOSTILE)
def test_a_code_span_ends_where_it_is_meant_to(text: str) -> None:
    span = code(text)
    assert span.isprintable()
    if span == "(empty)":
        return
    ticks = re.match("`+", span)
    assert ticks is not None
    inside = span[len(ticks[0]) : -len(ticks[0])]
    assert span.endswith(ticks[0])
    assert ticks[0] not in re.findall("`+", inside)


@given(st.lists(HOSTILE, max_size=5))
def test_a_fence_ends_where_it_is_meant_to(lines: list[str]) -> None:
    first, *inside, last = fenced(lines)
    assert len(inside) == len(lines)
    assert first == f"{last}text"
    assert re.fullmatch("`{3,}", last)
    for line in inside:
        assert "\n" not in line
        assert line.isprintable()
        assert last not in line


def test_a_code_span_that_begins_with_a_backtick_has_a_space() -> None:
    assert code("`a`") == "`` `a` ``"
    assert code("a") == "`a`"
    assert code("a``b") == "```a``b```"
    assert code(" ") == "(empty)"
