"""Gives an input to readers, and says what is wrong with how they take it.

Any input gives what can be read of it, or an error with a code.
"""

import contextlib
import io
import itertools
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pytest_recorder import cli
from pytest_recorder.errors import EnvironmentError, RecorderError, TargetError
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import EVENTS_HEAD
from pytest_recorder.format.object_changes import ObjectFollower
from pytest_recorder.format.object_scan import scan_objects
from pytest_recorder.format.vocabulary import MAX_BLOCK_EVENTS
from pytest_recorder.system import compiled
from pytest_recorder.tracefile.object_index import ObjectIndex
from pytest_recorder.tracefile.reader import Trace, open_trace
from pytest_recorder.tracefile.scan import NativeScan, ObjectScan, PureScan, Scan
from tests.fuzz import seeds
from tests.fuzz.mutation import Mutation, mutate_bytes, mutate_spool, mutate_trace

NATIVE_SCAN = compiled.load("pytest_recorder.tracefile._scan").module
_FOLDER = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
_PATH = Path(_FOLDER.name) / "a.pyrec"
_TINY = 4
HEAD = bytes(EVENTS_HEAD.size)


class WrongError(AssertionError):
    """A reader gave something else than a prefix or an error with a code."""


def _ensure(is_right: bool, what: object) -> None:
    if not is_right:
        raise WrongError(what)


# Decoders.


def decoders(data: bytes) -> None:
    """Definitions and the records of a block, to all that decode them."""
    size = int.from_bytes(data[:2], "little")
    definitions, records = data[2 : 2 + size], data[2 + size :]
    tables = DefinitionTables(1 << 22)
    try:
        tables.feed(definitions)
    except Malformed:
        tables = DefinitionTables(1 << 22)
        good = tables.feed_prefix(definitions)
        _ensure(good < len(definitions), "a prefix was taken of what is damaged")
    _events(tables, records)
    _objects(tables, records)
    _ensure_scans_agree(tables, records)


def _events(tables: DefinitionTables, records: bytes) -> None:
    whole, error = _decoded(tables, records, has_values=True)
    passed, other = _decoded(tables, records, has_values=False)
    _ensure(len(whole) <= len(records), "more events than bytes")
    _ensure(error is not None or other is None, "only what passes over values fails")
    _ensure(passed[: len(whole)] == whole, "another event where values are passed over")


def _decoded(
    tables: DefinitionTables, records: bytes, *, has_values: bool
) -> tuple[list[tuple[Any, ...]], str | None]:
    found: list[tuple[Any, ...]] = []
    try:
        events = EventDecoder(tables, records, has_values=has_values)
        # Those before a fault are there.
        found.extend((e.n, e.kind, e.frame, e.line, e.time_us, e.exception) for e in events)
    except Malformed as error:
        return found, error.message
    return found, None


def _objects(tables: DefinitionTables, records: bytes) -> None:
    """What is found of objects without decoding is where the events are, as far as these go."""
    found = scan_objects(records, tables.codes, 0, MAX_BLOCK_EVENTS)
    if NATIVE_SCAN is not None:
        native = ObjectScan(tables).find(records, 0, MAX_BLOCK_EVENTS, 0)
        _ensure(native.columns() == found.columns(), "other objects in C")
    follower, lines = ObjectFollower(), []
    with contextlib.suppress(Malformed):
        decoder = EventDecoder(tables, records)
        for event in decoder:
            lines.append((event.frame or 0, event.line or 0))
            for record in event.objects:
                follower.take(event.n, record, decoder.objects.type_of)
    least = min(len(lines), len(found.frames))
    for n in range(least):
        frame, line = lines[n]
        if frame and -(1 << 63) <= line < 1 << 63:
            _ensure((found.frames[n], found.lines[n]) == (frame, line), ("place", n))
    _ensure(len(found.frames) >= len(lines), "fewer events where values are passed over")
    index = ObjectIndex(tables, [range(len(found.frames))], lambda _: HEAD + records, 3)
    for number in range(3):
        life = index.life(number)
        changes = sum(1 for _ in itertools.islice(index.changes(number), len(records) + 1))
        _ensure(changes <= len(records), "more changes than bytes")
        if life is not None:
            index.holders(number)
            index.names_at(number, life.last)
            index.maker(life.last)


def _ensure_scans_agree(tables: DefinitionTables, records: bytes) -> None:
    if NATIVE_SCAN is None:
        return
    for most in (50_000, 1):
        pure = _scanned(PureScan(tables, most_calls=most), records)
        native = _scanned(NativeScan(NATIVE_SCAN, tables, most_calls=most), records)
        _ensure(pure == native, (pure, native))


def _scanned(scan: Scan, records: bytes) -> tuple[object, ...]:
    fault: object
    try:
        fault = scan.feed(records, 0)
    except Malformed as error:
        fault = error.message
    return fault, scan.rows(), scan.steps(), scan.found()


# Files.


def files(data: bytes) -> None:
    """A trace file, to the reader, by each of its methods."""
    _PATH.write_bytes(data)
    _read(_PATH)


def spools(data: bytes) -> None:
    """A spool, to what makes a trace of it, and that trace to the reader."""
    path = _PATH.with_suffix(".pyspool")
    path.write_bytes(data)
    _read(path)


def _read(path: Path) -> None:
    try:
        with open_trace(path) as trace:
            read_all(trace)
    except (TargetError, EnvironmentError) as error:
        _ensure(not isinstance(error, Malformed), error)


def read_all(trace: Trace) -> int:
    """Read a trace by each method; gives the number of events."""
    count = 0
    for event in trace.events():
        _ensure(event.n == count, "a hole in the numbers")
        count += 1
    _ensure(count == len(trace) or trace.status == "partial", (count, len(trace)))
    for file in trace.files()[:_TINY]:
        text = trace.source(file)
        gaps = trace.left_out(file)
        _ensure(text is not None or not gaps, "lines of no text are left out")
    trace.outline()
    trace.call_tree()
    for block in range(len(trace.block_ranges())):
        trace.read_block(block)
    list(trace.stored_blocks())
    _ensure(sum(1 for _ in trace.events_with_objects()) == count, "other events with objects")
    for number in range(1, _TINY):
        if trace.objects.life(number) is not None:
            list(trace.objects.changes(number))
            trace.objects.holders(number)
    if count:
        with contextlib.suppress(RecorderError):
            trace.values_at(count - 1)
    return count


def damage(data: bytes) -> None:
    """Bytes that changed on the way: what is read is what was written, up to there."""
    chance = random.Random(data)
    whole = chance.choice(seeds.traces())
    right = _events_of(whole)[0]
    found, status = _events_of(mutate_bytes(chance, whole, whole))
    _ensure(found == right[: len(found)], "another event than was written")
    _ensure(status != "complete" or found == right, "complete, and not whole")


def _events_of(data: bytes) -> tuple[list[Any], str | None]:
    _PATH.write_bytes(data)
    try:
        with open_trace(_PATH) as trace:
            return list(trace.events()), trace.status
    except (TargetError, EnvironmentError):
        return [], None


# Commands.

COMMANDS = {
    "info": ["info", "{}"],
    "info-policy": ["info", "--policy", "{}"],
    "info-json": ["info", "--json", "{}"],
    "show": ["show", "--lines", "{}"],
    "show-failure": ["show", "--at", "failure", "{}"],
    "show-objects": ["show", "--lines", "--objects", "{}"],
    "show-grep": ["show", "--grep", "a", "--file", "*", "{}"],
    "explain": ["explain", "{}"],
    "explain-json": ["explain", "--json", "{}"],
    "why": ["why", "{}", "x"],
    "values": ["values", "--json", "{}", "x"],
    "object": ["object", "--json", "{}", "1"],
    "object-text": ["object", "{}", "2"],
    "calls": ["calls", "{}", "*"],
    "at": ["at", "--json", "{}", "m.py:2"],
    "export": ["export", "{}"],
    "export-objects": ["export", "--objects", "{}"],
    "html": ["html", "{}", "-o", str(_PATH.with_suffix(".html"))],
}


EACH = ("at", "object")
"""Those that print an object on each line."""


def command(name: str) -> Callable[[bytes], None]:
    """Give the target that runs a command on a trace."""
    argv = [part.format(_PATH) for part in COMMANDS[name]]

    def run(data: bytes) -> None:
        _PATH.write_bytes(data)
        _ensure_known_status(argv)

    return run


def recover(data: bytes) -> None:
    """The spool of a dead process in a folder, to `recover` and `ls`."""
    with tempfile.TemporaryDirectory(dir=_FOLDER.name) as folder:
        (Path(folder) / "0123456789ab-1-abcdef.pyspool").write_bytes(data)
        _ensure_known_status(["recover", folder])
        _ensure_known_status(["ls", folder])


def indexes(data: bytes) -> None:
    """The index of a folder, to `ls` and `show`."""
    with tempfile.TemporaryDirectory(dir=_FOLDER.name) as folder:
        (Path(folder) / "index.json").write_bytes(data)
        for argv in (["ls", folder], ["ls", "--markdown", folder], ["show", folder]):
            _ensure_known_status(argv)


def _ensure_known_status(argv: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(argv)
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
    if status not in (0, 2, 10, 20):
        raise WrongError(f"{argv[0]} ends with {status}: {err.getvalue()[-2000:]}")
    _ensure("\x1b" not in out.getvalue() + err.getvalue(), "a terminal escape")
    if status == 0 and "--json" in argv:
        for line in out.getvalue().splitlines() if argv[0] in EACH else [out.getvalue()]:
            json.loads(line)


class Target(NamedTuple):
    """What is run, on what."""

    run: Callable[[bytes], None]
    mutate: Mutation
    seeds: Callable[[], list[bytes]]


TARGETS = {
    "decoders": Target(decoders, mutate_bytes, seeds.records),
    "files": Target(files, mutate_trace, seeds.traces),
    "damage": Target(damage, mutate_bytes, seeds.traces),
    "spools": Target(spools, mutate_spool, seeds.spools),
    "recover": Target(recover, mutate_spool, seeds.spools),
    "indexes": Target(indexes, mutate_bytes, seeds.indexes),
    **{name: Target(command(name), mutate_trace, seeds.traces) for name in COMMANDS},
}
