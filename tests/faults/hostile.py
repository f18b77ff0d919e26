"""Makes small traces that would cost a reader much: each by another mechanism.

A block that deflates to a thousandth is a few dozen kilobytes in the file. What stands in it is right
by the format, or nearly.
"""

import json
import zlib
from collections.abc import Callable
from typing import Any

from pytest_recorder.format.layout import BLOCK, CHECKSUM, EVENTS_HEAD, MAGIC, BlockKind
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import MAX_SOURCE_LINES, Define, Op, Tag

MIB = 1 << 20
MANIFEST = {
    "format": 1,
    "run_id": "r",
    "trace_id": "t",
    "test": "test_x.py::test_a",
    "outcome": "failed",
    "python": "3.12.1",
    "engine": "monitoring",
    "engine_reason": "it is there",
    "hot_path": "python",
    "hot_path_reason": "no other",
    "level": "values",
    "root": "/p",
    "started": "2026-01-01T00:00:00+00:00",
    "pid": 1,
}
DIGEST = bytes(range(32))
SOURCE = b"def f(x):\n    y = x + 1\n    return y\n"


def block(kind: int, plain: bytes, *, deflate: bool = True) -> bytes:
    """Give a block as it lies in a file."""
    stored = zlib.compress(plain, 6) if deflate else plain
    head = BLOCK.pack(kind, int(deflate), 0, len(stored), len(plain))
    return head + CHECKSUM.pack(zlib.crc32(stored, zlib.crc32(head))) + stored


def name(number: int, what: str) -> bytes:
    return bytes((Define.NAME,)) + uv(number) + text(what)


def kind(number: int, what: str, fields: bytes = b"\0") -> bytes:
    return bytes((Define.TYPE,)) + uv(number) + text(what) + fields


def file(number: int, path: str, digest: bytes = DIGEST) -> bytes:
    return bytes((Define.FILE,)) + uv(number) + text(path) + uv(len(digest)) + digest


def code(number: int, of: int, function: str) -> bytes:
    return bytes((Define.CODE,)) + uv(number) + uv(of) + uv(1) + text(function)


DEFINITIONS = (
    name(1, "x")
    + name(2, "y")
    + kind(1, "list")
    + kind(2, "dict")
    + kind(3, "ValueError")
    + kind(4, "m.C")
    + file(1, "/p/m.py")
    + code(1, 1, "f")
    + bytes((Define.THREAD,))
    + uv(1)
    + text("MainThread")
)
CALL = bytes((Op.CALL,)) + uv(1) + uv(1) + uv(1) + uv(0) + uv(0) + uv(0)
LINE = bytes((Op.LINE,)) + zz(0)
MESSAGE = bytes((Tag.STR,)) + text("no")
RAISE = bytes((Op.RAISE,)) + zz(0) + uv(1) + uv(3) + uv(9) + MESSAGE
UNWIND = bytes((Op.UNWIND,)) + zz(0) + uv(1) + uv(3) + uv(9) + MESSAGE
END = RAISE + UNWIND


def call(frame: int, parent: int = 0, args: bytes = b"\0") -> bytes:
    head = bytes((Op.CALL,)) + uv(frame) + uv(1) + uv(1) + uv(parent) + uv(1)
    return head + args


def returned(value: bytes) -> bytes:
    return bytes((Op.RETURN,)) + zz(0) + uv(1) + value


def sequence(count: int, items: bytes, of: int = 1) -> bytes:
    return bytes((Tag.SEQUENCE,)) + uv(of) + uv(1) + uv(count) + b"\0" + uv(count) + items


def changed(records: bytes, *pairs: bytes, deleted: bytes = b"\0") -> bytes:
    """Give a record with changes behind it."""
    head = bytes((records[0] | Op.CHANGES,)) + records[1:]
    return head + uv(len(pairs)) + b"".join(pairs) + deleted


class Maker:
    """Puts a trace together."""

    def __init__(
        self,
        definitions: bytes = DEFINITIONS,
        source: bytes = SOURCE,
        version: int = 1,
        **told: Any,
    ) -> None:
        manifest = json.dumps(MANIFEST | {"format": version} | told).encode()
        self._parts = [MAGIC, block(BlockKind.MANIFEST, manifest, deflate=False)]
        self._count = 0
        self._rows: list[list[int]] = []
        self.add(BlockKind.DEFINITIONS, definitions)
        self.add(BlockKind.SOURCE, DIGEST + source)

    def add(self, kind: int, plain: bytes, *, deflate: bool = True) -> "Maker":
        self._parts.append(block(kind, plain, deflate=deflate))
        return self

    def add_stored(self, stored: bytes, times: int = 1) -> "Maker":
        self._parts += [stored] * times
        return self

    def events(self, records: bytes, count: int) -> "Maker":
        head = EVENTS_HEAD.pack(self._count, 0, count)
        self._count += count
        return self.add(BlockKind.EVENTS, head + records)

    def ended(self, *, index: bytes | None = None, **trailer: Any) -> bytes:
        if index is not None:
            self.add(BlockKind.INDEX, index)
        told = {"status": "complete", "events": self._count, **trailer}
        self.add(BlockKind.TRAILER, json.dumps(told).encode(), deflate=False)
        return b"".join(self._parts)


def failing(maker: Maker | None = None) -> Maker:
    """Add what looks like the failure that commands look for."""
    return (maker or Maker()).events(CALL + LINE + END, 4)


# Mechanisms.


def items_of_a_value() -> bytes:
    count = 4 * MIB
    record = returned(sequence(count, bytes(count)))
    return failing(Maker().events(CALL + record, 2)).ended()


def items_of_many_values() -> bytes:
    each = returned(sequence(2000, bytes((Tag.INT, 2)) * 2000))
    made = Maker()
    for _ in range(2):
        made.events(CALL + each * 1000, 1001)
    return failing(made).ended()


def entries_of_a_dict() -> bytes:
    count = 2 * MIB
    head = bytes((Tag.MAPPING,)) + uv(2) + uv(1) + uv(count) + b"\0" + uv(count)
    return failing(Maker().events(CALL + returned(head + bytes(2 * count)), 2)).ended()


def objects_in_a_value() -> bytes:
    empty = bytes((Tag.OBJECT,)) + uv(4) + uv(1) + uv(0) + b"\0" + uv(0)
    count = MIB
    return failing(Maker().events(CALL + returned(sequence(count, empty * count)), 2)).ended()


def values_of_open_frames() -> bytes:
    grid = sequence(400, bytes((Tag.INT, 2)) * 400)
    made, frame = Maker(), 10
    for _ in range(10):
        records = b"".join(call(frame + n, 0, uv(1) + uv(1) + grid) for n in range(500))
        made.events(records, 500)
        frame += 500
    return failing(made).ended()


def frames_that_never_end() -> bytes:
    made, frame = Maker(), 10
    for _ in range(6):
        made.events(b"".join(call(frame + n) for n in range(100_000)), 100_000)
        frame += 100_000
    return failing(made).ended()


def frames_in_frames() -> bytes:
    made, frame = Maker(), 10
    for _ in range(6):
        made.events(b"".join(call(frame + n, frame + n - 1) for n in range(100_000)), 100_000)
        frame += 100_000
    return made.events(END, 2).ended()


def lines_in_a_block() -> bytes:
    count = 2 * MIB
    return failing(Maker().events(CALL + LINE * count, 1 + count)).ended()


def lines_in_many_blocks() -> bytes:
    made = Maker()
    for _ in range(5):
        made.events(CALL + LINE * 130_000, 130_001)
    return failing(made).ended()


def changes_of_an_event() -> bytes:
    pairs = bytes((Op.OUTPUT,)) + zz(0) + uv(1) + b"\0" + MESSAGE
    one = changed(pairs, *[uv(1) + bytes((Tag.INT,)) + uv(n) for n in range(2)])
    made = Maker()
    for _ in range(3):
        made.events(CALL + one * 100_000, 100_001)
    return failing(made).ended()


def output_in_pieces() -> bytes:
    piece = bytes((Op.OUTPUT,)) + zz(0) + uv(1) + b"\0" + bytes((Tag.STR,)) + text("x" * 50)
    made = Maker()
    for _ in range(4):
        made.events(CALL + piece * 50_000, 50_001)
    return failing(made).ended()


def names_deleted_again_and_again() -> bytes:
    count = 5 * MIB
    gone = changed(LINE, deleted=uv(count) + uv(1) * count)
    long = DEFINITIONS + name(1, "n" * MIB)
    return failing(Maker(long).events(CALL + gone, 2)).ended()


def names_of_no_text() -> bytes:
    made = Maker()
    for at in range(2):
        made.add(
            BlockKind.DEFINITIONS,
            b"".join(name(n, "") for n in range(at * MIB, (at + 1) * MIB)),
        )
    return failing(made).ended()


def a_name_defined_again_and_again() -> bytes:
    stored = block(BlockKind.DEFINITIONS, name(7, "") * (4 * MIB))
    return failing(Maker().add_stored(stored, 6)).ended()


def a_long_name_used_again_and_again() -> bytes:
    long = DEFINITIONS + code(1, 1, "f" * (8 * MIB)) + name(1, "n" * MIB)
    made = Maker(long)
    arg = uv(1) + uv(1) + b"\0"
    made.events(call(1, 0, arg) + LINE * 20_000, 20_001)
    return failing(made).ended()


def fields_of_a_type() -> bytes:
    count = MIB
    fields = uv(count) + text("a") * count
    many = sequence(0, b"", 5)
    made = Maker(DEFINITIONS + kind(5, "m.Pair", fields))
    made.events(CALL + returned(sequence(1000, many * 1000)), 2)
    return failing(made).ended()


def types_with_fields() -> bytes:
    made = Maker()
    for at in range(2):
        types = b"".join(kind(at * MIB + n, "", uv(4) + b"\0" * 4) for n in range(MIB // 2))
        made.add(BlockKind.DEFINITIONS, types)
    return failing(made).ended()


def codes_of_a_long_path() -> bytes:
    long = DEFINITIONS + file(2, "/p/" + "d" * (8 * MIB))
    long += b"".join(code(10 + n, 2, "f") for n in range(1000))
    made = Maker(long)
    head = bytes((Op.CALL,)) + uv(5) + uv(10) + uv(1) + uv(0) + uv(0) + uv(0)
    made.events(head + LINE * 20_000, 20_001)
    return failing(made).ended()


def files_without_end() -> bytes:
    made = Maker()
    for at in range(1):
        made.add(
            BlockKind.DEFINITIONS,
            b"".join(file(at * MIB // 2 + n + 2, f"{n}", b"") for n in range(MIB // 2)),
        )
    return failing(made).ended()


def empty_blocks() -> bytes:
    made = Maker()
    made.add_stored(block(BlockKind.DEFINITIONS, b"", deflate=False), 100_000)
    return failing(made).ended()


def a_source_of_many_statements() -> bytes:
    return failing(Maker(source=b"def f(x):\n" + b" x\n" * (3 * MIB))).ended()


def a_source_of_one_line() -> bytes:
    return failing(Maker(source=b"def f(x): " + b"x;" * (3 * MIB))).ended()


def a_source_nested_deep() -> bytes:
    return failing(Maker(source=b"def f(x): return " + b"-" * 1_000_000 + b"x\n")).ended()


def a_source_of_deep_calls() -> bytes:
    return failing(Maker(source=b"def f(x): return x" + b".a()" * 500_000 + b"\n")).ended()


def a_source_of_sums() -> bytes:
    return failing(Maker(source=b"def f(x): return x" + b"+x" * 500_000 + b"\n")).ended()


def a_source_of_bytes_in_utf32() -> bytes:
    return failing(Maker(source=b"# coding: unicode_escape\n" + b"\\x41" * (8 * MIB))).ended()


def sources_without_end() -> bytes:
    stored = block(BlockKind.SOURCE, DIGEST + b"x\n" * (8 * MIB))
    return failing(Maker().add_stored(stored, 40)).ended()


def excerpt(digest: bytes, *spans: tuple[int, int], text: bytes = b"") -> bytes:
    """Give lines of a source; of each span how many were left out, and how many are there."""
    numbers = b"".join(uv(gap) + uv(kept) for gap, kept in spans)
    return digest + uv(len(spans)) + numbers + text


def an_excerpt_without_end() -> bytes:
    made = Maker(DEFINITIONS + file(2, "/p/o.py", b"o" * 32))
    made.add(BlockKind.EXCERPT, excerpt(DIGEST, (1 << 60, 1), text=b"x\n"))
    return failing(made.add(BlockKind.EXCERPT, excerpt(b"o" * 32, (1 << 40, 0)))).ended()


def an_excerpt_of_many_spans() -> bytes:
    spans = uv(16 * MIB) + b"\1\1" * (16 * MIB)
    return failing(Maker().add(BlockKind.EXCERPT, DIGEST + spans + b"\n" * (16 * MIB))).ended()


def excerpts_that_leave_out_all() -> bytes:
    digests = [bytes((n % 256, n // 256)) * 16 for n in range(1, 3000)]
    files = b"".join(file(n, f"/p/m{n}.py", digest) for n, digest in enumerate(digests, 2))
    made = Maker(DEFINITIONS + files)
    for digest in (DIGEST, *digests):
        made.add(BlockKind.EXCERPT, excerpt(digest, (MAX_SOURCE_LINES, 0)))
    return failing(made).ended()


def many_files_with_a_source() -> bytes:
    files = b"".join(file(n, f"/p/m{n}.py") for n in range(2, 300))
    made = Maker(DEFINITIONS + files, source=b"def f(x):\n" + b" x\n" * 300_000)
    return failing(made).ended()


def an_index_of_empty_lists() -> bytes:
    rows = b'{"calls_cut": false, "exceptions": [], "steps": [' + b"[]," * (8 * MIB) + b"[]]}"
    return failing().ended(index=rows)


def an_index_of_steps() -> bytes:
    rows = b'{"calls_cut": false, "exceptions": [], "steps": [' + b"[1,0,1,1,1,1]," * (2 * MIB)
    return failing().ended(index=rows + b"[1,0,1,1,1,1]]}")


def an_index_nested_deep() -> bytes:
    return failing().ended(index=b'{"steps": ' + b"[" * MIB + b"]" * MIB + b"}")


def a_deflated_trailer() -> bytes:
    made = failing()
    told = json.dumps({"status": "complete", "events": 4, "errors": "@"})
    errors = b"[" + b"{}," * (8 * MIB) + b"{}]"
    return made.add(BlockKind.TRAILER, told.encode().replace(b'"@"', errors)).ended()


def a_long_text() -> bytes:
    size = 60 * MIB
    value = bytes((Tag.STR,)) + uv(size) + b"x" * (size - 4) + "😀".encode()
    return failing(Maker().events(CALL + returned(value), 2)).ended()


def long_bytes() -> bytes:
    size = 60 * MIB
    return failing(
        Maker().events(CALL + returned(bytes((Tag.BYTES,)) + uv(size) + bytes(size)), 2)
    ).ended()


def many_texts() -> bytes:
    one = returned(bytes((Tag.STR,)) + text("\x01" * 60_000))
    return failing(Maker().events(CALL + one * 1000, 1001)).ended()


def large_ints() -> bytes:
    one = returned(bytes((Tag.BIG_INT, 0)) + uv(65_536) + b"\xff" * 65_536)
    return failing(Maker().events(CALL + one * 500, 501)).ended()


def a_long_message() -> bytes:
    long = bytes((Tag.STR,)) + text("e" * (16 * MIB))
    body = zz(0) + uv(1) + uv(3) + uv(9) + long
    records = CALL + LINE + bytes((Op.RAISE,)) + body + bytes((Op.UNWIND,)) + body
    return Maker().events(records, 4).ended()


def exceptions_without_end() -> bytes:
    return failing(Maker().events(CALL + RAISE * 200_000, 200_001)).ended()


def spans_without_end() -> bytes:
    span = bytes((Op.SPAN,)) + uv(1) + uv(1) + b"\1\0" + text("s" * 10) + text("")
    return failing(Maker().events(span * 200_000, 200_000)).ended()


def states_of_frames() -> bytes:
    grid = sequence(2000, bytes((Tag.INT, 2)) * 2000)
    frame = bytes((Op.FRAME,)) + uv(1) + uv(1) + uv(1) + uv(0) + uv(1)
    state = bytes((Op.STATE,)) + uv(1) + uv(1) + grid
    made = Maker()
    for _ in range(5):
        records = b"".join(
            bytes((Op.FRAME,)) + uv(n) + uv(1) + uv(1) + uv(0) + uv(1) + state + LINE
            for n in range(1, 100)
        )
        made.events(records, 99)
    return failing(made.events(frame + state * 500 + LINE, 1)).ended()


def frames_made_again() -> bytes:
    frame = b"".join(
        bytes((Op.FRAME,)) + uv(n) + uv(1) + uv(1) + uv(0) + uv(1) for n in range(MIB // 2)
    )
    return failing(Maker().events(CALL + frame, 1)).ended()


REFERENCE = bytes((Tag.REFERENCE,))


def whole(number: int, items: bytes = b"", count: int = 0) -> bytes:
    """Give a record of all that a list holds."""
    head = bytes((Op.OBJECT, Tag.SEQUENCE)) + uv(1) + uv(number) + uv(count)
    return head + b"\0" + uv(count) + items


def put_in_front(number: int, length: int, item: bytes) -> bytes:
    """Give a record of a list that got an item before all others."""
    head = bytes((Op.ITEMS,)) + uv(number) + uv(length)
    return head + b"\0\0" + uv(0) + uv(0) + uv(1) + item


def references_without_end() -> bytes:
    made = Maker(version=2)
    held = changed(LINE, uv(1) + REFERENCE + uv(1))
    made.events(
        CALL + whole(1, (REFERENCE + uv(1)) * (4 * MIB), 4 * MIB) + held * 100_000, 100_001
    )
    return failing(made).ended()


def an_object_told_again_and_again() -> bytes:
    made = Maker(version=2)
    told = (whole(1) + changed(LINE, uv(1) + REFERENCE + uv(1))) * 100_000
    for _ in range(5):
        made.events(CALL + told, 100_001)
    return failing(made).ended()


def parts_that_move_again_and_again() -> bytes:
    made, length = Maker(version=2), 100_000
    records = [CALL, whole(1, b"\0" * length, length)]
    records += [put_in_front(1, length + n + 1, b"\1") + LINE for n in range(length)]
    made.events(b"".join(records), length + 1)
    return failing(made).ended()


def objects_in_objects() -> bytes:
    """Each of 2,000 objects holds the 60 behind it, and a variable holds each."""
    made, count = Maker(version=2), 2_000
    records = [CALL]
    for n in range(count, 0, -1):
        items = [REFERENCE + uv(m) for m in range(n + 1, min(n + 61, count + 1))]
        records.append(whole(n, b"".join(items), len(items)))
    records += [changed(LINE, uv(1) + REFERENCE + uv(n)) for n in range(1, count + 1)]
    made.events(b"".join(records), count + 1)
    return failing(made).ended()


def levels_of_frames_without_end() -> bytes:
    made, frame = Maker(version=2), 10
    for _ in range(6):
        records = (
            bytes((Op.LEVELS,)) + uv(number) + uv(1) for number in range(frame, frame + 100_000)
        )
        made.events(call(frame) + b"".join(records) + LINE, 2)
        frame += 100_000
    return failing(made).ended()


def more_levels_than_a_block_may_have() -> bytes:
    records = CALL + (bytes((Op.LEVELS,)) + uv(1) + uv(1)) * (4 * MIB) + LINE
    return failing(Maker(version=2).events(records, 2)).ended()


MECHANISMS: dict[str, Callable[[], bytes]] = {
    made.__name__: made
    for made in (
        items_of_a_value,
        items_of_many_values,
        entries_of_a_dict,
        objects_in_a_value,
        values_of_open_frames,
        references_without_end,
        an_object_told_again_and_again,
        parts_that_move_again_and_again,
        objects_in_objects,
        frames_that_never_end,
        frames_in_frames,
        lines_in_a_block,
        lines_in_many_blocks,
        changes_of_an_event,
        output_in_pieces,
        names_deleted_again_and_again,
        names_of_no_text,
        a_name_defined_again_and_again,
        a_long_name_used_again_and_again,
        fields_of_a_type,
        types_with_fields,
        codes_of_a_long_path,
        files_without_end,
        empty_blocks,
        a_source_of_many_statements,
        a_source_of_one_line,
        a_source_nested_deep,
        a_source_of_deep_calls,
        a_source_of_sums,
        a_source_of_bytes_in_utf32,
        sources_without_end,
        many_files_with_a_source,
        an_excerpt_without_end,
        an_excerpt_of_many_spans,
        excerpts_that_leave_out_all,
        an_index_of_empty_lists,
        an_index_of_steps,
        an_index_nested_deep,
        a_deflated_trailer,
        a_long_text,
        long_bytes,
        many_texts,
        large_ints,
        a_long_message,
        exceptions_without_end,
        spans_without_end,
        states_of_frames,
        frames_made_again,
        levels_of_frames_without_end,
        more_levels_than_a_block_may_have,
    )
}
