"""Has texts, pages and exports made by a process that starts when it is needed and stays.

Nothing of the analysis or of an exporter is imported here then, no time limit of a test applies to
it, and what it takes of memory is its own. Where no such process can be had, the same is done in
this one, and the log says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pytest_recorder.diagnostics.guard import is_strict, translated
from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.diagnostics.lines import error_from
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError, bug, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import is_on
from pytest_recorder.recording.recorder import Recorder
from pytest_recorder.render import messages
from pytest_recorder.render.jobs import Jobs
from pytest_recorder.settings.config import Html
from pytest_recorder.system import detached, files
from pytest_recorder.system.originals import OS, environment
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.folder import FAILURE_NAME, PAGE_NAME
from pytest_recorder.tracefile.index import HARMLESS, Entry

_SERVICE: Final = "pytest_recorder.render.service"
_PACKAGE_FOLDER: Final = FilePath(__file__).parents[2]
_WITHIN_S: Final = 120.0
"""What is made of one trace has a budget of work that ends long before."""
_MOST_ENDED: Final = 2
"""So often may it die before none is started any more."""
_WITHIN_FOLDER_S: Final = 1800.0
"""The same of what a whole folder holds."""


class Crash(NamedTuple):
    """What a recovered trace tells of the end of its process."""

    steps: list[str]
    message: str | None
    file: str | None
    line: int | None


class Recovered(NamedTuple):
    """What dead processes have left: entries, the living ones, what went wrong with which test."""

    entries: list[Entry]
    alive: list[int]
    errors: list[tuple[RecorderError, str | None]]


class Explainer:
    """Asks that process, or does it here. One for each process of a run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._process: detached.Detached | None = None
        self._is_to_be_had = True
        self._ended = 0
        self._pid = OS.getpid()
        self._sent: set[str] = set()
        """The digests of the sources that it has."""
        self._jobs: Jobs | None = None
        """What does it in this process."""

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None:
            self._process.close()
            self._process = None
        self._jobs = None

    # What it is asked for.

    def last_steps(
        self,
        recorder: Recorder,
        most_events: int,
        *,
        root: AnyPath,
        level: str,
        failed_at: tuple[str, int, str, str] | None = None,
        is_over: bool = False,
    ) -> list[str]:
        """Give the last steps before a failure, of a recording that goes on, as lines.

        `failed_at` is where it failed, for one that no recorded code has seen; `is_over`: the
        recording has ended early.
        """
        definitions, segments = recorder.last_records(most_events)
        sources = recorder.sources()
        about: dict[str, Any] = {
            "root": str(root),
            "level": level,
            "failed_at": failed_at,
            "is_over": is_over,
            "definitions": len(definitions),
            "segments": [(segment.first, segment.base_us) for segment in segments],
            "files": {file: digest.hex() for file, (digest, _) in sources.items()},
        }
        texts = {digest.hex(): text for digest, text in sources.values()}
        blobs = [*definitions, *(segment.data for segment in segments)]
        lines: list[str] = self._ask("last_steps", about, blobs, texts=texts)
        return lines

    def explain(self, trace: AnyPath, outcome: str | None) -> RecorderError | None:
        """Write `failure.md` beside the kept trace of a test that did not pass; gives what failed.

        The trace stays as it is: without its explanation it tells the same.
        """
        if outcome in HARMLESS:
            return None
        what = f"{FAILURE_NAME} could not be made"
        return self._problem("explain", {"trace": str(trace)}, what)

    def add_page(
        self, folder: AnyPath, entry: Entry, entries: Sequence[Entry], html: Html
    ) -> RecorderError | None:
        """Write the page of a trace that was kept, if it is to have one; gives what went wrong.

        `entries` are those of the test: the pages of earlier attempts are told of this one. The
        trace stays as it is, with or without its page.
        """
        is_wanted = _wants_page(html, entry.outcome)
        has_others = html != "off" and len(entries) > 1
        if entry.trace is None or not (is_wanted or has_others):
            return None
        about: dict[str, Any] = {
            "folder": str(folder),
            "entry": entry.plain(),
            "entries": [each.plain() for each in entries],
            "is_wanted": is_wanted,
        }
        return self._problem("page", about, f"{PAGE_NAME} could not be made")

    def recover(self, folder: AnyPath, html: Html) -> Recovered:
        """Recover what dead processes left, with its texts and pages. Raises RecorderError."""
        pages = {
            "on": "all",
            "off": "off",
            "auto": "failed" if _wants_page("auto", None) else "none",
        }
        about = {"folder": str(folder), "pages": pages[html]}
        found: dict[str, Any] = self._ask("recover", about, within_s=_WITHIN_FOLDER_S)
        return Recovered(
            [Entry.checked(raw) for raw in found["entries"]],
            list(found["alive"]),
            [(error_from(fields), test) for fields, test in found["errors"]],
        )

    def write_index_page(self, folder: AnyPath, *, is_empty: bool) -> None:
        """Write the page of the folder; one that is empty is made here. Raises RecorderError."""
        about = {"folder": str(folder)}
        is_here = is_empty and self._process is None
        self._ask("index_page", about, within_s=_WITHIN_FOLDER_S, is_here=is_here)

    def crash(self, trace: AnyPath, most_events: int, root: AnyPath) -> Crash:
        """Tell of the end of a process by the trace that was recovered. Raises RecorderError."""
        about = {"trace": str(trace), "events": most_events, "root": str(root)}
        return Crash(**self._ask("crash", about))

    def export(
        self, sink: str, counts: list[list[str | int]], *, path: str | None, run_id: str
    ) -> RecorderError | None:
        """Give the counts of the run to an exporter; gives what went wrong.

        What the exporter imports stays out of this process, unless only this one can import it.
        """
        about = {"sink": sink, "counts": counts, "path": path, "run_id": run_id}
        place = (files.current_folder(), detached.without_ours(environment()))
        try:
            fields: dict[str, Any] | None = self._ask("export", {**about, "place": place})
            if fields is not None and fields["error_code"] == ErrorCode.NOT_SUPPORTED.value:
                self._say(f"{fields['message']}, in the process beside this one")
                fields = self._ask("export", about, is_here=True)
        except RecorderError as error:
            return error
        return error_from(fields) if fields is not None else None

    def _problem(self, job: str, about: Mapping[str, Any], what: str) -> RecorderError | None:
        """Ask for something whose failure must stop nothing."""
        try:
            fields: dict[str, Any] | None = self._ask(job, about)
        except RecorderError as error:
            problem = bug(ErrorCode.UNKNOWN, what, hook=job)
            problem.__cause__ = error
            return problem
        return _raised_if_strict(error_from(fields)) if fields is not None else None

    # How it is done.

    def _ask(
        self,
        job: str,
        about: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        texts: Mapping[str, bytes] | None = None,
        within_s: float = _WITHIN_S,
        is_here: bool = False,
    ) -> Any:
        process = None if is_here else self._running()
        if process is not None:
            request = self._request(job, about, blobs, texts, self._sent)
            try:
                data = process.exchange(messages.pack(*request), within_s=within_s)
            except detached.Unavailable as error:
                self._ended += 1
                self._is_to_be_had = self._ended < _MOST_ENDED
                self._say(f"the process beside this one has ended: {error.message}")
            except detached.TooLate as error:
                raise enverr(
                    ErrorCode.IO, f"no answer within {within_s:.0f} s", job=job
                ) from error
            else:
                return _found(messages.read_answer(data))
            finally:
                if not process.is_open:
                    self._process = None
                    self._sent.clear()
        if self._jobs is None:
            self._jobs = Jobs()
        jobs, request = self._jobs, self._request(job, about, blobs, texts, set())
        found: Any = translated(lambda: jobs.do(*request), recorder_error)
        return found

    @staticmethod
    def _request(
        job: str,
        about: Mapping[str, Any],
        blobs: Sequence[bytes],
        texts: Mapping[str, bytes] | None,
        sent: set[str],
    ) -> tuple[str, Mapping[str, Any], Sequence[bytes]]:
        """Put a request together; of the texts only those that were not sent before."""
        if texts is None:
            return job, about, blobs
        new = [digest for digest in texts if digest not in sent]
        sent.update(new)
        return job, {**about, "new": new}, [*(texts[digest] for digest in new), *blobs]

    def _running(self) -> detached.Detached | None:
        """Give the process; None where none can be had."""
        if self._process is None and self._is_to_be_had and self._pid == OS.getpid():
            try:
                self._process = detached.start(_SERVICE, [_PACKAGE_FOLDER])
            except detached.Unavailable as error:
                self._is_to_be_had = False
                self._say(f"no process beside this one can be started: {error.message}")
        process = self._process
        return process if process is not None and process.is_open else None

    def _say(self, what: str) -> None:
        self._journal.logger("plugin").warning(f"{what}; its work is done in this process")


def _found(answer: dict[str, Any]) -> Any:
    fields = answer.get("error")
    if fields is not None:
        raise _raised_if_strict(error_from(fields))
    return answer["found"]


def _raised_if_strict(error: RecorderError) -> RecorderError:
    """Give an error, or raise it where our own bugs are to be seen."""
    if is_strict() and error.kind is ErrorKind.INTERNAL:
        raise error
    return error


def _wants_page(html: Html, outcome: str | None) -> bool:
    """Tell whether a kept trace gets a page.

    `auto` means where the variable `CI` is set, and not for what nobody has to look into.
    """
    if html == "auto":
        return outcome not in HARMLESS and is_on("CI", environment())
    return html == "on"
