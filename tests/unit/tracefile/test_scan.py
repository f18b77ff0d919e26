"""The scan in C finds what the scan in Python finds, in whole blocks and in damaged ones."""

import itertools
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_recorder.format import object_scan
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import EVENTS_HEAD
from pytest_recorder.format.object_scan import scan_objects
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import (
    MAX_BLOCK_EVENTS,
    MAX_BLOCK_FRAMES,
    MAX_NESTING,
    Define,
    Op,
    Tag,
)
from pytest_recorder.system import compiled
from pytest_recorder.testing import record
from pytest_recorder.tracefile import scan
from pytest_recorder.tracefile.reader import open_trace
from pytest_recorder.tracefile.scan import NativeScan, PureScan, Scan
from pytest_recorder.tracefile.skeleton import rows_of
from tests.engines.support import ENGINES, PROGRAMS, run
from tests.unit.format import records

NAME = "pytest_recorder.tracefile._scan"
MODULE = compiled.load(NAME).module
EXAMPLES = int(os.environ.get("SCAN_EXAMPLES", "300"))
needs_native = pytest.mark.skipif(MODULE is None, reason="installed without the parts in C")

Block = tuple[int, bytes]


def outcome(
    made: Scan, blocks: list[Block]
) -> tuple[list[int], str | None, list[list[int]], list[list[Any]], bool, int, str | None]:
    """All that a scan says of some blocks, up to the first fault."""
    counts: list[int] = []
    fault = None
    try:
        for first, data in blocks:
            counts.append(made.feed(data, first))
    except Malformed as error:
        fault = error.message
    assert rows_of(orjson.loads(made.steps())) == made.rows()
    return counts, fault, made.rows(), *made.found()


def compare(
    definitions: DefinitionTables, blocks: list[Block], most_calls: int = 50_000
) -> Any:
    pure = outcome(PureScan(definitions, most_calls=most_calls), blocks)
    assert outcome(NativeScan(MODULE, definitions, most_calls=most_calls), blocks) == pure
    return pure


# Real recordings.


@cache
def recorded(program: str, engine: str, level: str) -> tuple[DefinitionTables, list[Block]]:
    with open_trace(run(program, engine, level).path) as trace:
        blocks = [
            (block.first, trace._blocks.read(block.place)[EVENTS_HEAD.size :])
            for block in trace._events
        ]
        return trace._definitions, blocks


@needs_native
@pytest.mark.parametrize("level", ["calls", "lines", "values"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_both_find_the_same_in_a_recorded_program(program: str, level: str) -> None:
    for engine in ENGINES:
        definitions, blocks = recorded(program, engine, level)
        counts, fault, rows, _, is_cut, *_ = compare(definitions, blocks)
        assert fault is None
        assert sum(counts) == len(run(program, engine, level).events)
        assert rows
        assert not is_cut
        assert compare(definitions, blocks, most_calls=2)[4] is (len(rows) > 2)


@pytest.mark.slow
@needs_native
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_both_stop_at_the_same_fault_of_a_damaged_recording(data: st.DataObject) -> None:
    program = data.draw(st.sampled_from(PROGRAMS))
    definitions, blocks = recorded(program, ENGINES[0], "values")
    first, block = data.draw(st.sampled_from(blocks))
    compare(definitions, [(first, data.draw(damaged(block)))])


@pytest.mark.slow
@needs_native
def test_both_stop_at_the_same_place_however_a_block_is_cut() -> None:
    definitions, ((first, block),) = recorded("exceptions", ENGINES[0], "values")
    for size in range(0, len(block), 3):
        compare(definitions, [(first, block[:size])])


@st.composite
def damaged(draw: st.DrawFn, block: bytes) -> bytes:
    changed = bytearray(block)
    for _ in range(draw(st.integers(0, 3))):
        if changed:
            at = draw(st.integers(0, len(changed) - 1))
            changed[at] = draw(st.integers(0, 255))
    end = draw(st.one_of(st.none(), st.integers(0, len(changed))))
    return bytes(changed[:end])


# Made-up records: right, nearly right, and wrong.

HUGE = 2**63


def make_definitions() -> DefinitionTables:
    definitions = DefinitionTables()
    for number in (1, 2, 70_000, HUGE):
        definitions.feed(bytes((Define.NAME,)) + uv(number) + text(f"name{number}"))
        definitions.feed(bytes((Define.TYPE,)) + uv(number) + text(f"type{number}") + uv(0))
        definitions.feed(bytes((Define.FILE,)) + uv(number) + text(f"{number}.py") + uv(0))
        code = uv(number) + uv(number) + uv(1) + text(f"f{number}")
        definitions.feed(bytes((Define.CODE,)) + code)
    return definitions


DEFINITIONS = make_definitions()
START = bytes((Op.CALL,)) + uv(1) + uv(1) + uv(1) + uv(0) + uv(0) + uv(0)


class Maker:
    """Makes blocks of records by chance; `wrong` is how often a part is not as it should be.

    Strategies of hypothesis did the same at eight examples a second, this does two thousand.
    """

    _NEARLY_UTF8 = (
        0x41,
        0x80,
        0x8F,
        0x90,
        0x9F,
        0xA0,
        0xBF,
        0xC1,
        0xC2,
        0xE0,
        0xE1,
        0xED,
        0xEF,
    )
    _LEADS = (0xF0, 0xF1, 0xF4, 0xF5, 0xFF)

    def __init__(self, seed: int, wrong: float) -> None:
        self.random = random.Random(seed)
        self.wrong = wrong
        self.seen = [uv(1)]

    def blocks(self) -> list[Block]:
        first = self.random.choice((0, 7, 2**40))
        count = self.random.randint(1, 3)
        return [(first + 100 * number, self.block()) for number in range(count)]

    def block(self) -> bytes:
        start = b"" if self.is_wrong() else START
        self.seen = [uv(1)]
        block = start + b"".join(self.record() for _ in range(self.random.randint(0, 8)))
        if self.is_wrong():
            at = self.random.randrange(len(block) or 1)
            block = block[:at] + self.random.randbytes(1) + block[at + 1 :]
        if self.is_wrong():
            block = block[: self.random.randint(0, len(block))]
        return block

    def record(self) -> bytes:
        op = self.random.choice((*range(1, 16), Op.LEVELS))
        if self.is_wrong():
            op = self.random.randint(0, 16)
        flags = self.random.choice((0, 0, 0, 0x40, Op.CHANGES))
        record = bytes((op | flags,)) + self.body(op)
        if flags == Op.CHANGES and Op.STATE < op < Op.OBJECT:
            record += self.pairs() + self.counted(self.known)
        return record

    def body(self, op: int) -> bytes:
        number, frame, known = self.number, self.frame, self.known
        if op == Op.FRAME:
            code = self.random.choice((known(), uv(0)))
            self.seen.append(frame())
            return (
                self.seen[-1]
                + code
                + number()
                + self.random.choice((frame(), uv(0)))
                + number()
            )
        if op == Op.SWITCH:
            return frame() if self.is_wrong() else self.random.choice(self.seen)
        if op == Op.STATE:
            return self.pairs()
        if op == Op.CALL:
            parent = self.random.choice((frame(), uv(0)))
            self.seen.append(frame())
            return self.seen[-1] + known() + number() + parent + number() + self.pairs()
        if op == Op.LEVELS:
            return frame() + number()
        if op == Op.SPAN:
            words = bytes((self.below(4), self.below(2)))
            return number() + number() + words + self.sized() + self.sized()
        if op == Op.GAP:
            return number() + number() + known()
        line = zz(self.random.choice((1, -1, 0, 2**63 - 1, -(2**63))))
        if op == Op.LINE:
            return line
        if op in (Op.RETURN, Op.YIELD):
            return line + number() + self.value()
        if op in (Op.THROW, Op.RAISE, Op.UNWIND):
            return line + number() + known() + number() + self.message()
        if op == Op.OUTPUT:
            return line + number() + bytes((self.below(2),)) + self.value()
        if op == Op.LOG:
            return line + number() + known() + known() + self.value()
        return line + number()

    def is_wrong(self) -> bool:
        return self.random.random() < self.wrong

    def below(self, end: int) -> int:
        return self.random.randrange(end + 1 if self.is_wrong() else end)

    def number(self) -> bytes:
        number = self.random.choice((0, 1, 127, 128, 300, 2**32, 2**64 - 1))
        if self.is_wrong():
            number = self.random.choice((2**64, 2**70 - 1, 2**70))
        # Longer than it needs to be, which is allowed.
        return uv(number) if number > 0 or not self.is_wrong() else bytes((0x80, 0x80, 0))

    def known(self) -> bytes:
        if self.is_wrong():
            return uv(self.random.choice((0, 3, 70_001, HUGE + 1)))
        return uv(self.random.choice((1, 1, 1, 1, 2, 2, 70_000, HUGE)))

    def frame(self) -> bytes:
        return uv(self.random.choice((1, 1, 1, 1, 2, 3, 2**64 - 1)))

    def sized(self) -> bytes:
        if self.random.random() < 0.7:
            return text(self.random.choice(("", "x", "a longer text", "\x7f\x80é", "\ud800😀")))
        bytes_ = (*self._NEARLY_UTF8, *self._LEADS)
        data = bytes(self.random.choices(bytes_, k=self.random.randint(0, 5)))
        # Only where it matters: most of it is no UTF-8.
        return uv(len(data)) + (data if self.is_wrong() else bytes(len(data)))

    def counted(self, *parts: Callable[[], bytes]) -> bytes:
        count = self.random.choice((0, 0, 1, 1, 2, 3))
        body = b"".join(part() for _ in range(count) for part in parts)
        return uv(count + 1 if self.is_wrong() else count) + body

    def pairs(self) -> bytes:
        return self.counted(self.known, self.value)

    def message(self) -> bytes:
        if self.is_wrong():
            return self.value()
        tag = self.random.choice((Tag.STR, Tag.STR_CUT, Tag.BYTES, Tag.COMPLEX, Tag.SUBCLASS))
        return self.tagged(tag, self.message)

    def value(self) -> bytes:
        tag = self.random.randint(0, 20 if self.is_wrong() else 18)
        if tag in (Tag.SEQUENCE, Tag.MAPPING, Tag.OBJECT) and self.random.random() < 0.5:
            tag = Tag.INT
        return self.tagged(tag, self.value)

    def tagged(self, tag: int, inner: Callable[[], bytes]) -> bytes:
        number = self.number
        body = b""
        if tag == Tag.INT:
            body = number()
        elif tag == Tag.BIG_INT:
            body = b"\1" + self.sized()
        elif tag == Tag.HUGE_INT:
            body = b"\0" + number()
        elif tag == Tag.FLOAT:
            numbers = (1.5, -0.0, float("nan"), float("inf"), -float("inf"), 1.7e308, 2e-310)
            body = struct.pack("<d", self.random.choice(numbers))
        elif tag == Tag.COMPLEX:
            body = bytes(16)
        elif tag in (Tag.STR, Tag.BYTES):
            body = self.sized()
        elif tag in (Tag.STR_CUT, Tag.BYTES_CUT):
            body = number() + self.sized()
        elif tag > Tag.BYTES_CUT:
            body = self.known()
            if tag != Tag.REDACTED:
                body += number()
            if tag in (Tag.TEXT, Tag.SUBCLASS):
                body += inner()
            elif tag == Tag.OPAQUE:
                body += bytes((self.below(7) + 1,))
            elif tag in (Tag.SEQUENCE, Tag.MAPPING, Tag.OBJECT):
                parts = [self.value]
                if tag != Tag.SEQUENCE:
                    parts.insert(0, self.value if tag == Tag.MAPPING else self.known)
                body += number() + bytes((self.below(8),)) + self.counted(*parts)
        return bytes((tag,)) + body


@pytest.mark.slow
@needs_native
@settings(max_examples=EXAMPLES)
@given(
    seed=st.integers(0, 2**64 - 1),
    wrong=st.sampled_from((0.0, 0.005, 0.02, 0.1)),
    most_calls=st.sampled_from((50_000, 50_000, 0, 1, 2)),
)
def test_both_find_the_same_in_made_up_records(
    seed: int, wrong: float, most_calls: int
) -> None:
    for number in range(10):
        blocks = Maker(seed + number, wrong).blocks()
        fault = compare(DEFINITIONS, blocks, most_calls)[1]
        assert wrong or fault is None
        for _, data in blocks:
            compare_objects(DEFINITIONS, data)


@needs_native
@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=200))
def test_both_stop_at_the_same_place_of_any_bytes(data: bytes) -> None:
    compare(DEFINITIONS, [(0, data)])
    compare(DEFINITIONS, [(0, START + data)])


# What examples by chance would miss.


def call(frame: int, parent: int = 0) -> bytes:
    return bytes((Op.CALL,)) + uv(frame) + uv(1) + uv(1) + uv(parent) + uv(0) + uv(0)


def returned(value: bytes = b"\0") -> bytes:
    return bytes((Op.RETURN,)) + zz(1) + uv(1) + value


def raised(message: bytes) -> bytes:
    return bytes((Op.RAISE,)) + zz(1) + uv(1) + uv(2) + uv(9) + message


def test_rows_are_frame_parent_code_first_last_and_end() -> None:
    block = call(1) + call(2, 1) + raised(b"\x08" + text("no")) + returned()
    counts, fault, rows, exceptions, is_cut, dropped, _ = outcome(
        scan.make_scan(DEFINITIONS), [(10, block)]
    )
    assert (counts, fault, is_cut, dropped) == ([4], None, False, 0)
    assert rows == [[1, 0, 1, 10, 10, 0], [2, 1, 1, 11, 13, 1]]
    assert exceptions == [[12, 2, "type2", "no"]]


def test_gaps_are_summed_past_64_bits() -> None:
    gap = bytes((Op.GAP,)) + uv(0) + uv(2**64 - 1) + uv(1)
    made = scan.make_scan(DEFINITIONS)
    made.feed(gap * 3, 0)
    assert made.found().dropped == 3 * (2**64 - 1)


@needs_native
@pytest.mark.parametrize("depth", [98, 99, 100, 101, 102, 5000])
@pytest.mark.parametrize("tag", [Tag.OBJECT, Tag.SEQUENCE, Tag.SUBCLASS, Tag.MAPPING])
def test_nesting_is_bounded_alike(tag: int, depth: int) -> None:
    shell = bytes((tag,)) + uv(1) + uv(1)
    if tag != Tag.SUBCLASS:
        shell += uv(1) + b"\0" + uv(1) + {Tag.OBJECT: uv(1), Tag.MAPPING: b"\0"}.get(tag, b"")
    nested = shell * depth + b"\x08" + text("x")
    compare(DEFINITIONS, [(0, call(1) + returned(nested))])
    compare(DEFINITIONS, [(0, call(1) + raised(nested))])
    output = bytes((Op.OUTPUT,)) + zz(0) + uv(0) + b"\0" + nested
    _, fault, *_ = compare(DEFINITIONS, [(0, call(1) + output)])
    assert (fault == "a value is nested too deep") is (depth > MAX_NESTING)


def nearly_utf8() -> Iterator[bytes]:
    """Each border of what UTF-8 allows, in each place."""
    borders = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)
    leads = (0x41, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1)
    for lead in (*leads, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF):
        for count in range(3):
            for more in itertools.product(borders, repeat=count):
                yield bytes((lead, *more))
        for second in borders:
            for last in itertools.product((0x7F, 0x80, 0xBF, 0xC0), repeat=2):
                yield bytes((lead, second, *last))


@needs_native
def test_a_text_is_what_python_decodes() -> None:
    for data in nearly_utf8():
        try:
            data.decode("utf-8", "surrogatepass")
            expected = None
        except UnicodeDecodeError:
            expected = "a text is not UTF-8"
        # The scan takes eight letters at a time.
        for before in (0, 1, 7, 8, 9):
            string = b"a" * before + data
            span = bytes((Op.SPAN, 0, 0, 0, 0)) + uv(len(string)) + string + uv(0)
            fault = outcome(NativeScan(MODULE, DEFINITIONS), [(0, span)])[1]
            assert (string, fault) == (string, expected)


@needs_native
@pytest.mark.parametrize("size", [65_535, 65_536, 65_537])
def test_the_largest_int_is_the_same(size: int) -> None:
    value = bytes((Tag.BIG_INT, 1)) + uv(size) + bytes(size)
    _, fault, *_ = compare(DEFINITIONS, [(0, call(1) + returned(value))])
    assert (fault is None) is (size <= 65_536)


@needs_native
def test_a_thousand_exceptions_are_kept() -> None:
    block = call(1) + b"".join(raised(b"\x08" + text(str(n))) for n in range(1500))
    exceptions = compare(DEFINITIONS, [(0, block), (1501, block)])[3]
    assert len(exceptions) == 1000
    assert exceptions[-1] == [1000, 1, "type2", "999"]


@needs_native
def test_many_frames_in_any_order_find_their_rows() -> None:
    numbers = [n * 2**32 for n in range(3000)] + [n << 48 for n in range(1, 3000)]
    block = b"".join(call(n) for n in numbers)
    back = b"".join(bytes((Op.SWITCH,)) + uv(n) + returned() for n in reversed(numbers))
    rows = compare(DEFINITIONS, [(0, block + back)])[2]
    assert len(rows) == len(set(numbers))
    compare(DEFINITIONS, [(0, block + back), (9000, block)], most_calls=100)
    again = [bytes((Op.FRAME,)) + uv(n) + uv(1) + uv(1) + uv(0) + uv(1) for n in numbers]
    later = b"".join(frame + returned() for frame in again)
    compare(DEFINITIONS, [(0, block), (9000, later), (18000, back)])


@pytest.mark.slow
@needs_native
def test_a_frame_of_an_earlier_block_is_unknown_until_it_is_introduced() -> None:
    switch = bytes((Op.SWITCH,)) + uv(1)
    _, fault, *_ = compare(DEFINITIONS, [(0, call(1)), (1, switch)])
    assert fault == "frame 1 is not defined"
    # More frames than are kept for the next block.
    many = b"".join(call(n) for n in range(1, 70_000))
    _, fault, *_ = compare(DEFINITIONS, [(0, many), (70_000, switch)])
    assert fault == "frame 1 is not defined"


@needs_native
def test_definitions_that_come_later_are_seen() -> None:
    definitions = make_definitions()
    gap = bytes((Op.GAP,)) + uv(0) + uv(5) + uv(17)
    made = NativeScan(MODULE, definitions)
    with pytest.raises(Malformed, match="name 17 is not defined"):
        made.feed(gap, 0)
    definitions.feed(bytes((Define.NAME,)) + uv(17) + text("limit"))
    assert made.feed(gap, 0) == 1
    assert made.found().dropped == 5


@needs_native
def test_wrong_arguments_are_refused() -> None:
    assert MODULE is not None
    with pytest.raises(TypeError, match="dict"):
        MODULE.Scanner(1, {}, {}, Malformed, 1, 1)
    with pytest.raises(TypeError, match="exception class"):
        MODULE.Scanner({}, {}, {}, 3, 1, 1)
    with pytest.raises(ValueError, match="most_calls"):
        MODULE.Scanner({}, {}, {}, Malformed, -1, 1)
    with pytest.raises(TypeError, match="keywords"):
        MODULE.Scanner({}, {}, {}, Malformed, 1, 1, more=1)
    with pytest.raises(TypeError, match="bytes-like"):
        MODULE.Scanner({}, {}, {}, Malformed, 1, 1).feed("text", 0)


@needs_native
def test_a_scan_gives_back_all_that_it_held() -> None:
    definitions = make_definitions()
    held = (definitions.names, definitions.types, definitions.codes)
    block = call(1) + raised(b"\x08" + text("no")) * 20 + b"\x3f"
    before = [sys.getrefcount(item) for item in (*held, Malformed)]
    for _ in range(50):
        outcome(NativeScan(MODULE, definitions), [(0, block)])
    assert [sys.getrefcount(item) for item in (*held, Malformed)] == before


@needs_native
def test_a_lookup_in_a_table_leaves_no_object_behind() -> None:
    # Past the numbers that the scan remembers, each lookup makes an int.
    block = START + bytes((Op.STATE,)) + uv(5000) + (uv(70_000) + b"\0") * 5000
    made = NativeScan(MODULE, DEFINITIONS)
    made.feed(block, 0)
    before = sys.getallocatedblocks()
    made.feed(block, 0)
    assert sys.getallocatedblocks() - before < 100


# Which of the two is used.


def say(**variables: str) -> str:
    program = (
        f"from pytest_recorder.system import compiled; print(compiled.load({NAME!r}).why_not)"
    )
    environ = {k: v for k, v in os.environ.items() if k != compiled.PURE_VARIABLE}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, env=environ | variables, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("word", ["1", "yes", "TRUE"])
def test_the_variable_chooses_the_twin_in_python(word: str) -> None:
    assert say(PYTEST_RECORDER_PURE=word) == "PYTEST_RECORDER_PURE asks for pure Python"


@needs_native
@pytest.mark.parametrize("word", ["", "0", "off"])
def test_a_variable_that_says_no_chooses_nothing(word: str) -> None:
    assert say(PYTEST_RECORDER_PURE=word) == "None"


def test_a_part_that_is_not_there_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(compiled.PURE_VARIABLE, raising=False)
    assert compiled.load("pytest_recorder.tracefile._nothing") == (
        None,
        "it was installed without the parts in C",
    )


def test_a_part_that_cannot_be_loaded_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(compiled.PURE_VARIABLE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_part.py").write_text("raise ImportError('built for another')")
    assert compiled.load("broken_part") == (
        None,
        "the part in C cannot be loaded: built for another",
    )


def test_a_trace_is_the_same_with_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def inner(n: int) -> int:
        return n * 2

    def program() -> int:
        return sum(inner(n) for n in range(20))

    def index(folder: str) -> Any:
        (tmp_path / folder).mkdir()
        with record(program, folder=tmp_path / folder).trace() as trace:
            assert trace._index is not None
            return trace._blocks.json(trace._index)["steps"]

    found = index("fastest")
    monkeypatch.setattr(scan, "_NATIVE", None)
    assert index("pure") == found
    assert len(found) > 20


# Objects.


def compare_objects(definitions: DefinitionTables, data: bytes, at: int = 0) -> None:
    pure = scan_objects(data, definitions.codes, 0, MAX_BLOCK_EVENTS, at)
    native = scan.ObjectScan(definitions).find(data, 0, MAX_BLOCK_EVENTS, at)
    assert native.columns() == pure.columns()


@needs_native
@pytest.mark.parametrize("level", ["calls", "lines", "values"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_both_find_the_same_objects_in_a_recorded_program(program: str, level: str) -> None:
    for engine in ENGINES:
        definitions, blocks = recorded(program, engine, level)
        for _, data in blocks:
            compare_objects(definitions, data)


@needs_native
def test_both_find_the_same_objects_wherever_a_block_is_cut_or_damaged() -> None:
    definitions, blocks = recorded("mutation", ENGINES[0], "values")
    (_, data) = blocks[0]
    chance = random.Random(5)
    for cut in range(0, len(data), 7):
        compare_objects(definitions, data[:cut], min(3, cut))
    for _ in range(EXAMPLES):
        at = chance.randrange(len(data))
        compare_objects(definitions, data[:at] + chance.randbytes(3) + data[at + 3 :])


@needs_native
def test_both_cut_the_same_objects_and_take_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    definitions, blocks = recorded("mutation", ENGINES[0], "values")
    for module in (scan, object_scan):
        monkeypatch.setattr(module, "MAX_SIGHTINGS", 20)
    compare_objects(definitions, blocks[0][1])
    most = 2**64 - 1
    frame = bytes((Op.FRAME,)) + uv(most) + uv(0) + uv(1) + uv(most) + uv(most)
    line = bytes((Op.LINE,))
    told = bytes((Op.OBJECT, Tag.SEQUENCE)) + uv(most) + uv(most) + uv(0) + b"\0" + uv(0)
    compare_objects(
        definitions, frame + (told + line + zz(2**63 - 1)) * 3 + line + zz(-(2**63))
    )


@needs_native
def test_both_say_where_values_stand_that_are_written_in_place() -> None:
    inner = bytes((Tag.SEQUENCE,)) + uv(1) + uv(8) + uv(0) + b"\0" + uv(0)
    whole = bytes((Tag.SEQUENCE,)) + uv(1) + uv(7) + uv(1) + b"\0" + uv(1) + inner
    shown = records.line(y=inner, x=records.refer(8))
    data = b"." + records.call(1, x=whole) + shown + records.returned(whole)
    compare_objects(records.tables(), data, 1)
    found = scan_objects(data, records.tables().codes, 0, MAX_BLOCK_EVENTS, 1)
    places = {n: [one.at for _, one in found.at_event(n)] for n in range(3)}
    assert places == {
        0: [data.index(whole), 0],
        1: [data.index(inner, data.index(whole) + len(whole)), 0],
        2: [data.rindex(whole), 0],
    }


@needs_native
def test_both_take_as_many_records_of_levels_as_a_block_may_have() -> None:
    most = uv(2**64 - 1)
    told = bytes((Op.LEVELS,)) + most + most
    line = bytes((Op.LINE,)) + zz(1)
    start = START + told + line + (told[:1] + uv(1) + uv(2)) * (MAX_BLOCK_FRAMES - 1) + line
    assert compare(DEFINITIONS, [(0, start)])[:2] == ([3], None)
    compare_objects(DEFINITIONS, start)
    counts, fault, *_ = compare(DEFINITIONS, [(0, start), (3, start + told + line)])
    assert (counts, fault) == ([3], "a block says more of levels than one may")
    compare_objects(DEFINITIONS, start + told + line)


@needs_native
def test_what_is_no_place_in_the_data_is_refused() -> None:
    scanner = MODULE.Scanner({}, {}, {}, Malformed, 0, 0)
    for start in (-1, 2):
        with pytest.raises(ValueError, match="a place in the data"):
            scanner.objects(b"a", start, {}, 1, 1)
