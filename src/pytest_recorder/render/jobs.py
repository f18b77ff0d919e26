"""Does what a run of tests needs analysis for: plain data and bytes come in, plain data goes out.

It is done by a process beside the one that runs tests (`service`), or in that one where there is no
other: so the modules of a job are imported when it is done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_recorder.diagnostics.guard import fault_of
from pytest_recorder.diagnostics.lines import error_fields
from pytest_recorder.errors import ErrorCode, RecorderError, bug
from pytest_recorder.tracefile.folder import FAILURE_NAME, PAGE_NAME
from pytest_recorder.tracefile.index import HARMLESS, Entry

if TYPE_CHECKING:
    from pytest_recorder.format.events import Event

Errors = list[tuple[dict[str, Any], str | None]]
"""What went wrong, each with the test that it is about."""


class Jobs:
    """Does jobs by their names, and remembers the sources that it was given."""

    def __init__(self) -> None:
        self._sources: dict[str, bytes] = {}

    def do(self, job: str, about: Mapping[str, Any], blobs: Sequence[bytes]) -> Any:
        """Do one; what it gives is plain data. Raises RecorderError."""
        return _JOBS[job](self, about, blobs)

    def last_steps(self, about: Mapping[str, Any], blobs: Sequence[bytes]) -> list[str]:
        """Give the lines that the report of a failing test ends with.

        `files` maps the files that ran to digests of their texts, of which `new` come first among
        the blobs; then come `definitions` blobs, then `segments` of events.
        """
        from pytest_recorder.render.steps import FailedAt, failure_lines

        new: list[str] = about["new"]
        self._sources.update(zip(new, blobs, strict=False))
        files: dict[str, str] = about["files"]

        def source_of(file: str) -> str | None:
            text = self._sources.get(files.get(file, ""))
            return text.decode("utf-8", "replace") if text is not None else None

        events = list(_events(about, blobs[len(new) :]))
        root, level = Path(about["root"]), str(about["level"])
        given = about["failed_at"]
        failed_at = FailedAt(*given) if given is not None else None
        return failure_lines(
            events,
            source_of,
            root=root,
            level=level,
            failed_at=failed_at,
            is_over=bool(about["is_over"]),
        )

    def explain(self, about: Mapping[str, Any], _: Sequence[bytes]) -> dict[str, Any] | None:
        """Write `failure.md` beside a trace; gives what went wrong."""
        return _told(_explain(Path(about["trace"])))

    def page(self, about: Mapping[str, Any], _: Sequence[bytes]) -> dict[str, Any] | None:
        """Write the page of a trace, if `is_wanted`, and link the others; gives what went wrong."""
        entries = [Entry.checked(raw) for raw in about["entries"]]
        entry = Entry.checked(about["entry"])
        return _told(_page(Path(about["folder"]), entry, entries, bool(about["is_wanted"])))

    def recover(self, about: Mapping[str, Any], _: Sequence[bytes]) -> dict[str, Any]:
        """Recover what dead processes left in a folder, with its sidecars.

        `pages` says which outcomes get a page: `all`, `failed`, `none`; or `off`.
        """
        from pytest_recorder.tracefile.recovery import recover

        folder, pages = Path(about["folder"]), about["pages"]
        found = recover(folder, is_reported=False)
        errors: Errors = [(error_fields(error), None) for error in found.errors]
        by_test: dict[str, list[Entry]] = {}
        for entry in found.entries:
            by_test.setdefault(entry.test, []).append(entry)
        for entry in found.entries:
            if entry.trace is None:
                continue
            is_harmless, same = entry.outcome in HARMLESS, by_test[entry.test]
            is_wanted = pages == "all" or (pages == "failed" and not is_harmless)
            problems = [
                _explain(folder / entry.trace) if not is_harmless else None,
                _page(folder, entry, same, is_wanted)
                if is_wanted or (pages != "off" and len(same) > 1)
                else None,
            ]
            errors += [(error_fields(error), entry.test) for error in problems if error]
        entries = [entry.plain() for entry in found.entries]
        return {"entries": entries, "alive": found.alive, "errors": errors}

    def index_page(self, about: Mapping[str, Any], _: Sequence[bytes]) -> None:
        """Write the page of a folder."""
        from pytest_recorder.render.index_page import write_index_page

        write_index_page(Path(about["folder"]))

    def crash(self, about: Mapping[str, Any], _: Sequence[bytes]) -> dict[str, Any]:
        """Tell of a recovered trace what its last steps were, and where it ends."""
        from pytest_recorder.render.steps import failure_lines
        from pytest_recorder.tracefile.end import end_of
        from pytest_recorder.tracefile.reader import open_trace

        with open_trace(about["trace"]) as trace:
            first = max(len(trace) - int(about["events"]), 0)
            root, level = Path(about["root"]), trace.manifest.level
            steps = failure_lines(trace.events(first), trace.source, root=root, level=level)
            end = end_of(trace)
            return {
                "steps": steps,
                "message": trace.message,
                "file": end.file,
                "line": end.line,
            }

    def export(self, about: Mapping[str, Any], _: Sequence[bytes]) -> dict[str, Any] | None:
        """Give the counts of a run to an exporter; gives what went wrong."""
        from pytest_recorder.diagnostics.exporters import export
        from pytest_recorder.diagnostics.metrics import Tally

        tally = Tally.from_data(about["counts"])
        failure = export(about["sink"], tally, path=about["path"], run_id=about["run_id"])
        return _told(failure.error if failure is not None else None)


_JOBS: Final[Mapping[str, Callable[[Jobs, Mapping[str, Any], Sequence[bytes]], Any]]] = {
    "last_steps": Jobs.last_steps,
    "explain": Jobs.explain,
    "page": Jobs.page,
    "recover": Jobs.recover,
    "index_page": Jobs.index_page,
    "crash": Jobs.crash,
    "export": Jobs.export,
}


def _events(about: Mapping[str, Any], blobs: Sequence[bytes]) -> "Iterator[Event]":
    from pytest_recorder.format.decode import EventDecoder
    from pytest_recorder.format.definition_tables import DefinitionTables

    tables = DefinitionTables()
    defined = int(about["definitions"])
    for data in blobs[:defined]:
        tables.feed(data)
    for (first, base_us), data in zip(about["segments"], blobs[defined:], strict=True):
        yield from EventDecoder(tables, data, first=first, base_us=base_us)


def _explain(trace: Path) -> RecorderError | None:
    def write() -> None:
        from pytest_recorder.render.sidecar import write_failure

        write_failure(trace)

    what = f"{FAILURE_NAME} could not be made"
    return fault_of(write, lambda _: bug(ErrorCode.UNKNOWN, what, hook="explain", path=trace))


def _page(
    folder: Path, entry: Entry, entries: Sequence[Entry], is_wanted: bool
) -> RecorderError | None:
    def write() -> None:
        from pytest_recorder.render.sidecar_page import write_sidecar_page

        write_sidecar_page(folder, entry, entries, is_wanted=is_wanted)

    what = f"{PAGE_NAME} could not be made"
    return fault_of(
        write, lambda _: bug(ErrorCode.UNKNOWN, what, hook="page", path=entry.trace)
    )


def _told(error: RecorderError | None) -> dict[str, Any] | None:
    return error_fields(error) if error is not None else None
