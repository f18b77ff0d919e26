"""Names traces in the reports of other plugins, attempt by attempt, where they are written.

JUnit, pytest-json-report and pytest-reportlog read the properties of a report, which every kept
trace has. pytest-html, allure and the metadata of pytest-json-report are spoken to here, and only
where the run writes such a report; nothing of theirs is imported otherwise.
"""

import os
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from pytest_recorder.diagnostics.guard import fault_of
from pytest_recorder.errors import ErrorCode, RecorderError, target
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.attempt import Attempt
from pytest_recorder.plugin.report_lines import shown_path
from pytest_recorder.system.files import is_file, relative
from pytest_recorder.system.paths import SEPARATOR, AnyPath, FilePath, is_absolute
from pytest_recorder.tracefile.folder import FAILURE_NAME, PAGE_NAME
from pytest_recorder.tracefile.index import Entry

_ALLURE = "allure_listener"
_JSON = "_json_report_extra"
_TRACE_TYPE = "application/octet-stream"


class Files(NamedTuple):
    """The files of a kept trace; None for what is not there."""

    trace: FilePath
    explanation: FilePath | None
    page: FilePath | None

    @classmethod
    def of(cls, trace: FilePath) -> "Files":
        """Look beside a trace."""
        explanation, page = trace.with_name(FAILURE_NAME), trace.with_name(PAGE_NAME)
        return cls(
            trace,
            explanation if is_file(explanation) else None,
            page if is_file(page) else None,
        )


def properties(files: Files, base: AnyPath) -> list[tuple[str, object]]:
    """Give what the properties of a report say of the files beside the trace."""
    found = (("explanation", files.explanation), ("page", files.page))
    return [
        (f"record_trace_{name}", shown_path(path, base))
        for name, path in found
        if path is not None
    ]


def say_early(item: pytest.Item, made: pytest.TestReport, attempt: Attempt) -> None:
    """Give the report of the failure the properties too, where it is sent after the teardown.

    pytest-rerunfailures 16.1 (not 16.7) sends no teardown of an attempt that is tried again.
    """
    failed = attempt.failed_report
    if failed is not None and failed is not made and hasattr(item, "execution_count"):
        ours = [pair for pair in made.user_properties if pair[0].startswith("record_trace")]
        failed.user_properties.extend(ours)


def add_links(
    item: pytest.Item, made: pytest.TestReport, attempt: Attempt, entry: Entry, files: Files
) -> RecorderError | None:
    """Tell the reports of this run of a kept trace; gives what went wrong.

    That is a matter between two plugins: for people to know, and for no policy to follow. `made`
    is the report of the teardown: what is said there belongs to this attempt.
    """

    def add() -> None:
        config = item.config
        html = config.getoption("htmlpath", None)
        if html:
            _add_to_html(item, made, attempt, files, html)
        if config.pluginmanager.hasplugin(_ALLURE):
            _add_to_allure(attempt, files)
        if isinstance(getattr(item, _JSON, None), dict):
            _add_to_json(item, entry, files, config.invocation_params.dir)

    what = "a report got no link to the trace"
    return fault_of(add, lambda _: target(ErrorCode.UNKNOWN, what, hook="links"))


def _add_to_html(
    item: pytest.Item, made: pytest.TestReport, attempt: Attempt, files: Files, html: str
) -> None:
    """Add links. The text of the failure, with the last steps, stands in its report already.

    Links and no text: pytest-html writes the text of an earlier attempt twice, the second time
    wrongly. Of a test that is run again it keeps one report of a teardown that passed, and all
    that failed; pytest-rerunfailures, which sets `execution_count`, sends them after the teardown.
    """
    is_sent_later = hasattr(item, "execution_count") and attempt.failed_report is not None
    told: Any = attempt.failed_report if is_sent_later else made
    # As pytest-html does.
    file = FilePath(os.path.expanduser(os.path.expandvars(html)))
    base = (FilePath.of(item.config.invocation_params.dir) / file).parent
    number = f" (attempt {attempt.number})" if attempt.number > 1 else ""
    named = (
        ("view trace", files.page),
        ("explanation", files.explanation),
        ("trace", files.trace),
    )
    extras: list[dict[str, str | None]] = [
        {
            "name": f"{name}{number}",
            "format_type": "url",
            "content": _href(path, base),
            "mime_type": None,
            "extension": None,
        }
        for name, path in named
        if path is not None
    ]
    told.extras = [*getattr(told, "extras", ()), *extras]


def _href(path: FilePath, base: AnyPath) -> str:
    """Give a link to a file, relative to the folder of the page unless it is on another drive."""
    way = relative(path, base)
    return (
        path.of_pathlib().as_uri() if is_absolute(way) else quote(way.replace(SEPARATOR, "/"))
    )


def _add_to_allure(attempt: Attempt, files: Files) -> None:
    """Attach the files, and the section that stands in the report of the failure."""
    # Without types of its own.
    allure: Any = import_module("allure")
    text = allure.attachment_type.TEXT
    if attempt.section:
        allure.attach(attempt.section, name="last steps", attachment_type=text)
    if files.explanation is not None:
        allure.attach.file(
            str(files.explanation), name=FAILURE_NAME, attachment_type=text, extension="md"
        )
    if files.page is not None:
        page = allure.attachment_type.HTML
        allure.attach.file(str(files.page), name=PAGE_NAME, attachment_type=page)
    allure.attach.file(
        str(files.trace), name=files.trace.name, attachment_type=_TRACE_TYPE, extension="pyrec"
    )


def _add_to_json(item: pytest.Item, entry: Entry, files: Files, base: AnyPath) -> None:
    """Add the attempt to the metadata: of the properties only those of the last one stay."""
    extra: dict[str, Any] = getattr(item, _JSON)
    attempts: list[dict[str, object]] = extra.setdefault("metadata", {}).setdefault(
        "record_trace", []
    )
    about = entry.plain(("attempt", "outcome", "status", "events"))
    about["trace"] = shown_path(files.trace, base)
    about |= {
        name.removeprefix("record_trace_"): path for name, path in properties(files, base)
    }
    attempts.append(about)
