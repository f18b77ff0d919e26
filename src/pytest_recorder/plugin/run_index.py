"""Gathers what happened to the traces of a run, warnings and failures; writes the index."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.errors import RecorderError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.explainer import Explainer
from pytest_recorder.plugin.quota import LeftOut, Quota, choose
from pytest_recorder.plugin.tested_files import Unrecorded
from pytest_recorder.settings.config import Html
from pytest_recorder.system import clock, files
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.folder import (
    has_spools,
    page_of,
    prepare_folder,
    remove_if_empty,
    remove_page,
    remove_trace,
    size_with_sidecars,
)
from pytest_recorder.tracefile.index import (
    Entry,
    clear_earlier_run,
    close_index,
    read_index,
    update_index,
)

_FREE_NS = 1_000_000_000
_SHARE = 50
"""The index of a long run may take a second, and then a fiftieth of the run's time."""


class RunIndex:
    """The index of a run, as one process knows it.

    Only the process that owns the folder touches what is in it.
    """

    def __init__(
        self,
        folder: FilePath,
        journal: Journal,
        explainer: Explainer,
        *,
        owns_folder: bool,
        html: Html = "off",
    ) -> None:
        self.folder = folder
        self.journal = journal
        self.run_id = journal.run_id
        self._explainer = explainer
        self.recorded = 0
        self.warnings: list[str] = []
        self.attempts: dict[str, int] = {}
        """How many attempts each test had that was tried again."""
        self.left_out: list[LeftOut] = []
        """What a quota has removed."""
        self.pages_left_out: list[int] = []
        """The sizes of pages that a quota has removed from traces that stay."""
        self.failures: list[str] = []
        """Errors of ours that make the run fail and that no report could say."""
        self.unrecorded: dict[str, Unrecorded] = {}
        """By file: the tests that recorded no line of it, although they are in it."""
        self._owns_folder = owns_folder
        self._html: Html = html
        self._is_prepared = False
        self._entries: dict[tuple[str, int, str | None], Entry] = {}
        self._keys: dict[str, list[tuple[str, int, str | None]]] = {}
        self._recovered: dict[tuple[str, int, str | None], Entry] = {}
        self._warned: set[tuple[str, str]] = set()
        self._clock = clock.elapsed_ns
        self._started_ns = self._clock()
        self._spent_ns = 0
        self._is_saved = True

    @property
    def entries(self) -> list[Entry]:
        """What was kept, and what should have been."""
        return list(self._entries.values())

    def entries_of(self, test: str) -> list[Entry]:
        """Give the entries of one test, without a look at the others."""
        return [self._entries[key] for key in self._keys.get(test, ())]

    @property
    def recovered(self) -> list[Entry]:
        """What processes left that died, of this run or of an earlier one."""
        return [e for key, e in self._recovered.items() if key not in self._entries]

    def prepare(self) -> None:
        """Make the folder, recover what a dead run left and clear the rest of it; once.

        Raises UsageError or EnvironmentError where that cannot be done.
        """
        if not self._is_prepared and self._owns_folder:
            prepare_folder(self.folder)
            found, _ = self._recover()
            cleared = clear_earlier_run(self.folder, self.run_id)
            for error in cleared.errors:
                self.warn(error, None)
            self._take_recovered(cleared.untold)
            self._take_recovered(found)
            self._is_prepared = True
            self._write()

    def recover(self) -> tuple[list[Entry], list[int]]:
        """Recover what processes left that died; give it, and the processes that live."""
        entries, alive = self._recover()
        self._take_recovered(entries)
        return entries, alive

    def _recover(self) -> tuple[list[Entry], list[int]]:
        if not has_spools(self.folder):
            return [], []
        try:
            found = self._explainer.recover(self.folder, self._html)
        except RecorderError as error:
            self.warn(error, None)
            return [], []
        for problem, test in found.errors:
            self.warn(problem, test)
        return found.entries, found.alive

    def _take_recovered(self, entries: list[Entry]) -> None:
        for entry in entries:
            key = entry.test, entry.attempt, entry.trace
            is_logged = key in self._recovered
            self._recovered[key] = entry
            if is_logged:
                continue
            about = entry.plain(("test", "attempt", "trace", "status", "reason"))
            self.journal.logger("plugin").warning(
                "trace recovered from a process that died", extra={"context": about}
            )

    def count_attempt(self, test: str, attempt: int) -> None:
        """Count the attempts of a test."""
        if attempt > 1:
            self.attempts[test] = max(attempt, self.attempts.get(test, 0))

    def take(self, entry: Entry) -> None:
        """Enter an attempt; the same one can arrive twice from a worker."""
        key = entry.test, entry.attempt, entry.trace
        if key not in self._entries:
            self._keys.setdefault(entry.test, []).append(key)
        self._entries[key] = entry
        self._is_saved = False

    def has(self, entry: Entry) -> bool:
        """Whether an attempt was entered."""
        return (entry.test, entry.attempt, entry.trace) in self._entries

    def save(self) -> None:
        """Write the index if there is something new and it has not taken too much time yet.

        A run that is killed leaves an index of what it had kept by then.
        """
        if self._is_saved or not self._is_prepared:
            return
        now_ns = self._clock()
        if self._spent_ns <= _FREE_NS + (now_ns - self._started_ns) // _SHARE:
            self._write()
            self._spent_ns += self._clock() - now_ns

    def save_in_worker(self) -> None:
        """Write the entries of a worker that may die before the controller hears of them.

        Nobody has told of them then: so they stay when the controller writes what it knows.
        """
        self._write()

    def take_left(self, worker: str) -> list[Entry]:
        """Take the entries that a worker wrote before it died; gives them."""
        try:
            there = read_index(self.folder).tests
        except RecorderError as error:
            self.warn(error, None)
            return []
        left = [
            e for e in there if e.worker == worker and not e.is_reported and not self.has(e)
        ]
        for entry in left:
            self.take(entry.but(is_reported=True))
        return left

    def take_unrecorded(self, file: str, rule: str, tests: int = 1) -> None:
        """Count tests that recorded no line of their own file, and note why not."""
        known = self.unrecorded.get(file)
        self.unrecorded[file] = Unrecorded(tests + (known.tests if known else 0), rule)

    def fail(self, error: RecorderError, test: str | None) -> None:
        """Enter an error that makes the run fail, for the summary and the exit status."""
        self.journal.failure(error, "fail", by="plugin")
        self.failures.append(f"{test}: {error}" if test else str(error))

    def warn(self, error: RecorderError, test: str | None) -> None:
        """Enter a `RecorderWarning` for the summary, once per code and test.

        Not through the `warnings` module: `-W error` would turn it into an INTERNALERROR inside a
        report hook, and `--max-warnings` would count it.
        """
        key = (test or "", error.code.value)
        if key not in self._warned:
            self._warned.add(key)
            self.journal.failure(error, "warn", by="plugin")
            self.warnings.append(f"{test}: {error}" if test else str(error))

    def limit(self, quota: Quota) -> None:
        """Remove what the quota has no room for; all entries stay. At the end of the run."""
        if not quota.is_set or not self._is_prepared:
            return
        there = [*self.recovered, *self.entries]
        choice = choose(there, quota, self.attempts, self._size_without_page, self._page_size)
        for gone in choice.left_out:
            try:
                remove_trace(self.folder, gone.was.trace or "")
            except RecorderError as error:
                self.warn(error, gone.was.test)
                continue
            key = gone.was.test, gone.was.attempt, gone.was.trace
            for entries in (self._entries, self._recovered):
                if key in entries:
                    entries[key] = gone.entry
            self.left_out.append(gone)
        for entry in choice.without_page:
            size = self._page_size(entry)
            try:
                remove_page(self.folder, entry.trace or "")
            except RecorderError as error:
                self.warn(error, entry.test)
                continue
            self.pages_left_out.append(size)
        if self.left_out or self.pages_left_out:
            about = {
                "traces": str(len(self.left_out)),
                "pages": str(len(self.pages_left_out)),
            }
            self.journal.logger("plugin").info("quota left out", extra={"context": about})

    def size_of(self, entry: Entry) -> int:
        """Give the bytes of a trace with its sidecars."""
        if entry.trace is None:
            return 0
        try:
            return size_with_sidecars(self.folder / entry.trace)
        except OSError:
            return entry.size_bytes

    def _size_without_page(self, entry: Entry) -> int:
        return self.size_of(entry) - self._page_size(entry)

    def _page_size(self, entry: Entry) -> int:
        try:
            return files.size_of(page_of(self.folder / (entry.trace or "")))
        except OSError:
            return 0

    def close(self) -> None:
        """Write the index of a run that had a folder, whatever it takes."""
        if self._is_prepared:
            removed = [gone.was for gone in self.left_out]
            if self._write(partial(close_index, removed=removed)):
                self._write_page()

    def _write_page(self) -> None:
        is_empty = not self._entries and not self._recovered
        try:
            self._explainer.write_index_page(self.folder, is_empty=is_empty)
        except RecorderError as error:
            self.warn(error, None)

    def _write(self, write: Callable[[AnyPath, str, list[Entry]], None] = update_index) -> bool:
        self._is_saved = True
        try:
            write(self.folder, self.run_id, [*self.recovered, *self.entries])
        except RecorderError as error:
            self.warn(error, None)
            return False
        return True

    def tidy(self) -> None:
        """Remove the folder if the run left nothing in it."""
        if self._is_prepared:
            remove_if_empty(self.folder)

    def counts(self) -> dict[str, int]:
        """Say in numbers what happened."""
        return {
            "recorded": self.recorded,
            "kept": sum(entry.trace is not None for entry in self.entries),
            "recovered": len(self.recovered),
            "warnings": len(self.warnings),
            "failures": len(self.failures),
        }

    # What a worker says to the controller.

    def to_data(self) -> dict[str, Any]:
        """Give all of it as plain data."""
        entries = [entry.plain() for entry in self.entries]
        return {
            "recorded": self.recorded,
            "warnings": self.warnings,
            "failures": self.failures,
            "entries": entries,
            "attempts": self.attempts,
            "unrecorded": {file: list(found) for file, found in self.unrecorded.items()},
        }

    def add_data(self, data: dict[str, Any]) -> None:
        """Take in what a worker says."""
        self.recorded += data["recorded"]
        self.warnings += data["warnings"]
        self.failures += data["failures"]
        for test, attempt in data["attempts"].items():
            self.count_attempt(test, attempt)
        for file, (tests, rule) in data["unrecorded"].items():
            self.take_unrecorded(file, rule, tests)
        for raw in data["entries"]:
            self.take(Entry.checked(raw))
