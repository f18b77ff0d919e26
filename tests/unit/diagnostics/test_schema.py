"""What a log line and a trailer hold, and how they become one line of JSON."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.diagnostics.lines import MOST_BYTES, encode
from pytest_recorder.diagnostics.schema import SCHEMAS, ErrorTrailer, LogLine, schema_text
from pytest_recorder.errors import ErrorCode, ErrorKind

DOCS = Path(__file__).parents[3] / "docs"
SHORT = st.text(st.characters(codec=None, exclude_categories=()))
ANY_TEXT = SHORT | SHORT.map(lambda text: text * 500)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_that_of_the_model(name: str) -> None:
    # `just schemas` writes the files.
    assert (DOCS / name).read_text() == schema_text(name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_has_every_key_as_a_required_one_and_allows_no_other(name: str) -> None:
    schema = json.loads(schema_text(name))
    assert schema["required"] == list(schema["properties"])
    assert schema["additionalProperties"] is False


@pytest.mark.slow
@given(
    message=ANY_TEXT,
    cause=ANY_TEXT,
    test=st.none() | ANY_TEXT,
    context=st.dictionaries(st.text(max_size=9), ANY_TEXT, max_size=3),
)
def test_any_text_makes_one_line_of_ascii_that_fits_into_a_pipe(
    message: str, cause: str, test: str | None, context: dict[str, str]
) -> None:
    trailer = ErrorTrailer(
        error_code=ErrorCode.IO,
        error_kind=ErrorKind.ENVIRONMENT,
        message=message,
        cause=cause,
        context=context,
        run_id="0" * 32,
        trace_id=None,
        test=test,
    )
    line = encode(trailer.model_dump(mode="json"))
    assert len(line) <= MOST_BYTES - 2
    assert all(32 <= byte < 128 for byte in line)
    read = ErrorTrailer.model_validate_json(line)
    assert read.error_code is ErrorCode.IO
    if len(message) + len(cause) + len(test or "") + sum(map(len, context.values())) < 300:
        assert read == trailer


def test_a_long_text_is_cut_and_its_length_is_said() -> None:
    found = json.loads(
        encode(
            LogLine(
                ts="2026-01-02T03:04:05.678901Z",
                level="ERROR",
                logger="pytest_recorder.recorder",
                message="x" * 70_000,
                run_id="0" * 32,
                trace_id=None,
                test="t" * 10,
                error_code=None,
                error_kind=None,
                context={"path": "p" * 10_000},
                cause="",
                file="pytest_recorder/recorder.py",
                line=1,
                function="f",
                pid=1,
            ).model_dump(mode="json")
        )
    )
    assert found["message"].endswith("x... (70000 characters)")
    assert found["context"]["path"].endswith("p... (10000 characters)")
    assert found["test"] == "t" * 10


def test_a_context_of_very_many_entries_is_left_out() -> None:
    trailer = ErrorTrailer(
        error_code=ErrorCode.IO,
        error_kind=ErrorKind.ENVIRONMENT,
        message="m",
        context={str(number): "value" for number in range(1000)},
        run_id="0" * 32,
        trace_id=None,
        test=None,
    )
    assert json.loads(encode(trailer.model_dump(mode="json")))["context"] == {}
