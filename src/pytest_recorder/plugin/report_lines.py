"""Turns what happened to recordings into lines for people. Pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from pytest_recorder.diagnostics.metrics import Tally
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin.quota import LeftOut
from pytest_recorder.plugin.tested_files import Unrecorded
from pytest_recorder.render.quantities import count, size_text
from pytest_recorder.settings.config import Settings
from pytest_recorder.system import files
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, join
from pytest_recorder.tracefile.index import INDEX_NAME, LEFT_OUT, Entry

SECTION_TITLE = "Recorded trace"
_UNRECORDED_SHOWN = 3
STORY_EVENTS = 4000
"""So many events before the failure are looked through for the last steps."""


def shown_path(path: AnyPath, base: AnyPath) -> str:
    """Give a path relative to where pytest was called, as long as it lies below."""
    relative = files.relative(path, base)
    return OS.fspath(path) if relative.startswith("..") else relative


def header_line(settings: Settings, engine: str, reason: str, base: AnyPath) -> str:
    """Say in one line what is recorded, where it goes and by what."""
    return (
        f"record-trace: {settings.level} per {settings.scope}, keep {settings.keep},"
        f" {engine} ({reason}), traces in {shown_path(settings.dir, base)}"
    )


def off_line(reason: str) -> str:
    """Say why nothing is recorded although it was asked for."""
    return f"record-trace: off, {reason}"


KEEP_PARTIAL = "keep it with --record-keep-partial"
_REMOVED = f"partial trace removed ({KEEP_PARTIAL})"


def section_lines(
    path: str,
    events: int,
    dropped: int,
    partial: str | None,
    story: Sequence[str],
    *,
    is_kept: bool = True,
    slower: str | None = None,
) -> list[str]:
    """Give the section of a failing test: where the trace will be, and what led to the failure.

    Of a trace that ended early it says why, how much it holds and what was lost. One that goes on
    has not all its events yet: the summary says how many they are. `slower` is what is said of a
    test that failed by a time limit.
    """
    if partial is None:
        lost = f" ({count(dropped, 'event')} dropped so far)" if dropped else ""
        lines = [f"trace: {path}{lost}"]
    elif is_kept:
        lines = [f"trace: {path}", f"partial: {partial} ({_held(events, dropped)})"]
    else:
        lines = [
            f"trace: {_REMOVED}",
            f"partial: {partial} ({_held(events, dropped)})",
        ]
    if is_kept:
        lines.append(f"open it: pytest-recorder show --at failure {path}")
    if slower is not None:
        lines.append(slower)
    if story:
        lines += ["", *story]
    return lines


def entry_properties(entry: Entry, folder: AnyPath, base: AnyPath) -> list[tuple[str, object]]:
    """Give what the properties of a report say of a trace."""
    properties: list[tuple[str, object]] = [("record_trace_status", entry.status)]
    if entry.trace is not None:
        properties.insert(
            0, ("record_trace", shown_path(join(OS.fspath(folder), entry.trace), base))
        )
    if entry.reason is not None:
        properties.append(("record_trace_reason", entry.reason))
    if entry.trace is None and entry.status == "partial":
        properties.append(("record_trace_removed", KEEP_PARTIAL))
    return [
        *properties,
        ("record_trace_events", entry.events),
        ("record_trace_dropped", entry.dropped),
        ("record_trace_size_bytes", entry.size_bytes),
    ]


def summary_lines(
    entries: Iterable[Entry],
    recovered: Iterable[Entry],
    recorded: int,
    warnings: Sequence[str],
    failures: Sequence[str],
    folder: str,
    tally: Tally,
    left_out: Sequence[LeftOut] = (),
    pages_left_out: Sequence[int] = (),
    unrecorded: Mapping[str, Unrecorded] = MappingProxyType({}),
    *,
    size_of: Callable[[Entry], int],
    verbose: bool,
) -> list[str]:
    """Give the summary of a run; nothing when all is well and nothing was kept.

    `size_of` gives the bytes of a trace with what lies beside it, `pages_left_out` has those of
    the pages that a quota has removed.
    """
    kept = [entry for entry in entries if entry.trace is not None]
    gone = [entry for entry in entries if entry.trace is None and entry.status != LEFT_OUT]
    lines: list[str] = []
    if kept or gone or verbose:
        # A worker that died has not said how many it recorded.
        number = count(max(recorded, len(kept)), "trace")
        text = f"kept {len(kept)} of {number} ({_size(kept, size_of)}) in {folder}"
        partial = sum(entry.status == "partial" for entry in kept)
        lines.append(text + (f", {partial} partial" if partial else ""))
        lines += [_kept_line(entry, folder) for entry in kept]
        lines += [f"{_label(entry)}: {_removed(entry)}" for entry in gone]
    lines += recovered_lines([e for e in recovered if e.status != LEFT_OUT], folder, size_of)
    lines += left_out_lines(left_out, folder, verbose=verbose)
    lines += pages_left_out_lines(pages_left_out)
    lines += unrecorded_lines(unrecorded)
    lines += [f"RecorderWarning: {warning}" for warning in warnings]
    lines += [f"ERROR: {failure}" for failure in failures]
    return lines + metrics_lines(tally) if verbose else lines


def metrics_lines(tally: Tally) -> list[str]:
    """Give a line for each thing that was counted, with its parts."""
    lines: list[str] = []
    for counter, samples in groupby(tally.samples(), key=lambda sample: sample[0]):
        parts = [(" ".join(labels.values()), amount) for _, labels, amount in samples]
        told = ", ".join(f"{amount:,} {words}" for words, amount in parts if words)
        text = f"{counter.name.replace('_', ' ')}: {sum(amount for _, amount in parts):,}"
        lines.append(text + (f" ({told})" if told else ""))
    return lines


def recovered_lines(
    entries: Iterable[Entry], folder: str, size_of: Callable[[Entry], int]
) -> list[str]:
    """Say what processes left that died; nothing when none did."""
    found = list(entries)
    there = [entry for entry in found if entry.trace is not None]
    if not found:
        return []
    number = count(len(there), "trace")
    dead = "a process" if len(found) == 1 else "processes"
    lines = [f"recovered {number} from {dead} that died ({_size(there, size_of)}) in {folder}"]
    lines += [_kept_line(entry, folder) for entry in there]
    lines += [f"{_label(entry)}: {_removed(entry)}" for entry in found if entry.trace is None]
    return lines


def left_out_lines(left_out: Sequence[LeftOut], folder: str, *, verbose: bool) -> list[str]:
    """Say what a quota has removed, and how to keep it; nothing where there was room for all."""
    if not left_out:
        return []
    reasons = {gone.entry.reason or "" for gone in left_out}
    options = " and ".join(f"--record-{name.replace('_', '-')}" for name in sorted(reasons))
    number = count(len(left_out), "trace")
    where = join(folder, INDEX_NAME)
    size = size_text(sum(gone.size_bytes for gone in left_out))
    line = (
        f"left out {number} ({size}), the least informative ones:"
        f" a larger {options} keeps more; {where} lists them"
    )
    rows = [f"left out: {gone.was.test} (attempt {gone.was.attempt})" for gone in left_out]
    return [line, *rows] if verbose else [line]


def pages_left_out_lines(sizes: Sequence[int]) -> list[str]:
    """Say of how many traces that stay a quota has removed the page, and how to have it again."""
    if not sizes:
        return []
    pages = f"{count(len(sizes), 'page')} ({size_text(sum(sizes))})"
    how = "a larger --record-max-total keeps more; pytest-recorder html PATH makes one"
    return [f"left out {pages} of traces that are kept: {how}"]


def unrecorded_lines(unrecorded: Mapping[str, Unrecorded]) -> list[str]:
    """Say in a line that tests recorded nothing of their own files; nothing where all did."""
    if not unrecorded:
        return []
    number = sum(found.tests for found in unrecorded.values())
    shown = [f"{file} ({found.rule})" for file, found in unrecorded.items()][:_UNRECORDED_SHOWN]
    more = len(unrecorded) - len(shown)
    rest = f", and {count(more, 'more file')}" if more else ""
    whose = "its own file" if number == 1 else "their own files"
    where = f"{', '.join(shown)}{rest}; see pytest-recorder info --covers FILE"
    return [f"{count(number, 'test')} recorded no line of {whose}: {where}"]


def _kept_line(entry: Entry, folder: str) -> str:
    return f"{_label(entry)} -> {join(folder, entry.trace or '')}"


def _size(entries: Iterable[Entry], size_of: Callable[[Entry], int]) -> str:
    return size_text(sum(size_of(entry) for entry in entries))


def _label(entry: Entry) -> str:
    attempt = f" (attempt {entry.attempt})" if entry.attempt > 1 else ""
    held = ""
    if entry.status == "partial":
        held = f" [partial: {entry.reason}, {_held(entry.events, entry.dropped)}]"
    elif entry.trace is not None:
        lost = f", {entry.dropped:,} dropped" if entry.dropped else ""
        held = f" ({count(entry.events, 'event')}{lost})"
    return f"{entry.test}{attempt}{held}"


def _removed(entry: Entry) -> str:
    if entry.status == "missing":
        return "no trace"
    return _REMOVED


def _held(events: int, dropped: int) -> str:
    return f"{count(events, 'event')}, {dropped:,} dropped"
