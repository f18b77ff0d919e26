"""Adds a section to the report of a failing phase, where it is shown whatever the options say."""

from typing import Any

import pytest
from _pytest._code.code import ReprExceptionInfo, ReprFileLocation, ReprTracebackNative

from pytest_recorder.original_builtins import __builtins__


def add_section(made: pytest.TestReport, title: str, text: str) -> None:
    """End what a report says about its failure with a section.

    Not `report.sections`: `--show-capture=no` hides them, and JUnit does not take them. A strict
    xpass has plain text there, which has no sections; and more lines of it would stand in the
    short summary under CI. So it becomes what an exception's is.
    """
    longrepr: Any = made.longrepr
    if isinstance(longrepr, str):
        path, line, _ = made.location
        longrepr = ReprExceptionInfo(
            ReprTracebackNative([longrepr + "\n"]),
            ReprFileLocation(path, (line or 0) + 1, longrepr),
        )
        made.longrepr = longrepr
    if hasattr(longrepr, "addsection"):
        longrepr.addsection(title, text)
    else:
        made.sections.append((f"{title} ({made.when})", text))
