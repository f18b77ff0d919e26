"""Reads what the recorder logged and complained, and checks every line against its model."""

import json
from pathlib import Path

from pytest_recorder.diagnostics.schema import ErrorTrailer, LogLine


def log_lines(text: str) -> list[LogLine]:
    """Give the log lines among the lines of a stream or file; nothing else may look like one."""
    return [
        LogLine.model_validate_json(line)
        for line in text.split("\n")
        if line.startswith("{") and "level" in json.loads(line)
    ]


def trailers(text: str) -> list[ErrorTrailer]:
    """Give the trailers among the lines of a stream."""
    assert text.count('"error_kind"') == text.count('\n{"') + text.startswith('{"'), text
    return [
        ErrorTrailer.model_validate_json(line)
        for line in text.split("\n")
        if line.startswith("{") and "level" not in json.loads(line)
    ]


def log_file(path: Path) -> list[LogLine]:
    """Give the lines of a log file, which holds nothing else."""
    text = path.read_text()
    found = log_lines(text)
    assert len(found) == text.count("\n")
    return found


def codes(found: list[ErrorTrailer] | list[LogLine]) -> list[str | None]:
    """Give their error codes."""
    return [record.error_code and record.error_code.value for record in found]
