"""Makes blocks of records that tell of objects, by hand and by chance, and says what Python reads.

Each case has the bytes of its definitions and of its events, the bound on depth, and of each event
what it changed and what its frame held then.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.primitives import text, uv, zz

NAMES = ("a", "b", "c", "d")
TYPES = ("list", "dict", "Node", "bytearray")
LIST, DICT, NODE, BYTES = 1, 2, 3, 4
_NONE = b"\0"
_WIDTH = {LIST: 1, DICT: 2, NODE: 2}
_TAGS = {LIST: 12, DICT: 13, NODE: 14}

DEFINITIONS = (
    b"".join(b"\1" + uv(at) + text(name) for at, name in enumerate(NAMES, 1))
    + b"".join(b"\2" + uv(at) + text(name) + uv(0) for at, name in enumerate(TYPES, 1))
    + b"\3" + uv(1) + text("m.py") + uv(0) + b"\4" + uv(1) + uv(1) + uv(1) + text("f")
)  # fmt: skip
CALL = b"\4" + uv(1) + uv(1) + uv(1) + uv(0) + uv(0) + uv(0)


def reference(number: int) -> bytes:
    """Give an object that stands in a value."""
    return b"\x13" + uv(number)


def integer(number: int) -> bytes:
    """Give an int."""
    return b"\3" + zz(number)


def container(
    kind: int, number: int, parts: list[bytes], full: int = -1, why: int = 0
) -> bytes:
    """Give what a container or object holds; a part is one item, or a key or name and its value."""
    size = uv(len(parts) if full < 0 else full)
    head = bytes((_TAGS[kind],)) + uv(kind) + uv(number) + size + bytes((why,))
    return head + uv(len(parts)) + b"".join(parts)


def buffer(number: int, data: bytes) -> bytes:
    """Give a bytearray."""
    return b"\x10" + uv(BYTES) + uv(number) + b"\n" + uv(len(data)) + data


def whole(value: bytes) -> bytes:
    """Tell of an object."""
    return b"\x10" + value


def change(
    kind: int, number: int, at: int, gone: int, came: list[bytes], full: int, why: int = 0
) -> bytes:
    """Tell what changed in an object."""
    head = bytes((_TAGS[kind] + 5,)) + uv(number) + uv(full) + bytes((why, 0))
    return head + uv(at) + uv(gone) + uv(len(came)) + b"".join(came)


def line(changes: dict[int, bytes], deleted: tuple[int, ...] = ()) -> bytes:
    """Run a line that changed variables, by the numbers of their names."""
    pairs = b"".join(uv(name) + value for name, value in changes.items())
    gone = b"".join(uv(name) for name in deleted)
    return b"\x85" + zz(1) + uv(len(changes)) + pairs + uv(len(deleted)) + gone


def levels(count: int, frame: int = 1) -> bytes:
    """Say how many levels of its values a frame shows from here on."""
    return b"\x17" + uv(frame) + uv(count)


def hand_made() -> Iterator[tuple[str, bytes, int]]:
    """Give names, events and bounds on depth."""
    one = whole(container(LIST, 1, [integer(1)]))
    use = line({1: reference(1)})
    inside = whole(container(LIST, 2, [reference(1)])) + one
    yield (
        "an item that is replaced",
        CALL + one + use + change(LIST, 1, 0, 1, [_NONE], 1) + use,
        3,
    )
    yield "a reference before its object", CALL + inside + line({1: reference(2)}), 3
    yield "a buffer in a list", (
        CALL + inside.replace(one, whole(buffer(1, b"a"))) + line({1: reference(2)})
        + whole(buffer(1, b"ab")) + line({1: reference(2)})
    ), 3  # fmt: skip
    yield "an object that becomes another kind", (
        CALL + inside + line({1: reference(2)})
        + whole(container(DICT, 1, [])) + line({1: reference(2)})
    ), 3  # fmt: skip
    yield "no object", CALL + line({1: reference(1)}), 3
    yield "no object in an object", CALL + whole(container(LIST, 2, [reference(7)])) + use, 3
    yield "an object that comes too late", CALL + use + one + use, 3
    yield "a change of no object", CALL + change(LIST, 1, 0, 0, [], 0) + use, 3
    yield "a change of another kind", CALL + one + change(DICT, 1, 0, 0, [], 0) + use, 3
    yield "a change of a buffer", CALL + whole(buffer(1, b"")) + change(LIST, 1, 0, 0, [], 0), 3
    yield "a change behind the end", CALL + one + change(LIST, 1, 2, 0, [], 1) + use, 3
    yield "a change over the end", CALL + one + change(LIST, 1, 0, 2, [], 1) + use, 3
    yield (
        "a change over the largest end",
        CALL + one + change(LIST, 1, 1, (1 << 64) - 1, [], 1),
        3,
    )
    yield "a change for no reason", CALL + one + change(LIST, 1, 0, 0, [], 1, 99) + use, 3
    yield "an object for no reason", CALL + whole(container(LIST, 1, [], 1, 99)) + use, 3
    yield "a record of a scalar", CALL + whole(_NONE) + use, 3
    yield "a record of a reference", CALL + one + whole(reference(1)) + use, 3
    yield "a record of a secret", CALL + whole(b"\x12" + uv(1)) + use, 3
    yield "a place nobody defined", CALL + b"\x14" + uv(5) + use, 3
    yield "a level that is none", CALL + b"\x15" + uv(1) + uv(1) + b"\x03", 3
    yield "a change that is cut", CALL + one + change(LIST, 1, 0, 0, [_NONE], 1)[:-1], 3
    yield "values at a later block", (
        b"\1" + uv(1) + uv(1) + uv(1) + uv(0) + uv(4) + one
        + b"\3" + uv(2) + uv(1) + reference(1) + uv(2) + _NONE + line({1: reference(1)}, (3,))
    ), 3  # fmt: skip
    shared = b"".join(whole(container(LIST, n, [reference(n + 1)] * 2)) for n in range(1, 91))
    shared += whole(container(LIST, 91, [_NONE]))
    yield (
        "what is shared doubles",
        CALL + shared + line({1: reference(1), 2: reference(80)}),
        100,
    )
    ring = list(range(1, 7))
    meshed = b"".join(whole(container(LIST, n, [reference(m) for m in ring])) for n in ring)
    yield "all refer to all", CALL + meshed + line({1: reference(1), 2: reference(2)}), 4
    wide = whole(container(LIST, 1, [integer(n) for n in range(70_000)]))
    wide += whole(container(LIST, 2, [integer(5), reference(1), integer(6)]))
    yield "more parts than are shown", CALL + wide + line({1: reference(2)}), 3
    nested = container(LIST, 3, [container(DICT, 4, [_NONE + reference(1)]), reference(1)])
    yield "a container in place", CALL + one + line({1: nested}), 1
    deep = b"".join(whole(container(LIST, n, [reference(n + 1)])) for n in range(1, 6))
    deep += whole(container(LIST, 6, [integer(1)]))
    fewer = (line({n: reference(n)}) + levels(4 - n) for n in range(1, 5))
    yield "fewer levels from event to event", CALL + deep + b"".join(fewer) + line({}), 3
    yield "fewer levels from the call on", levels(2) + deep + CALL + use + line({}), 3
    yield "fewer levels of another frame", levels(2, 9) + deep + CALL + use, 3
    yield "more levels than there are", levels((1 << 64) - 1) + deep + CALL + use, 3
    yield (
        "more levels again",
        CALL + levels(1) + deep + use + levels(3) + use + levels(2) + use,
        3,
    )
    yield "fewer levels at a later block", (
        levels(1) + b"\1" + uv(1) + uv(1) + uv(1) + uv(0) + uv(4) + deep
        + b"\3" + uv(1) + uv(1) + reference(1) + levels(2) + line({2: nested})
    ), 3  # fmt: skip
    yield "fewer levels of more parts than are shown", (
        CALL + wide + levels(1) + line({1: reference(2)}) + line({2: reference(1)})
    ), 3  # fmt: skip
    marked = change(LIST, 1, 1, 0, [_NONE], 40, 2)
    yield "a change that is not whole", CALL + one + use + marked + use, 3


def by_chance(seed: int) -> tuple[str, bytes, int]:
    """Give a block in which objects refer to each other and change at random."""
    random = Random(seed)
    count = random.randint(1, 9)
    kinds: dict[int, int] = {}
    sizes: dict[int, int] = {}

    def part(depth: int = 0) -> bytes:
        kind = random.random()
        if kind < 0.55:
            return reference(random.randint(1, count))
        if kind < 0.65 and depth < 3:
            inner = random.choice((LIST, DICT, NODE))
            return container(inner, 50, parts(inner, random.randint(0, 2), depth + 1))
        return integer(random.randint(-3, 3))

    def parts(kind: int, some: int, depth: int = 0) -> list[bytes]:
        first: Callable[[], bytes] = lambda: b""  # noqa: E731
        if kind == DICT:
            first = lambda: part(depth)  # noqa: E731
        elif kind == NODE:
            first = lambda: uv(random.randint(1, len(NAMES)))  # noqa: E731
        return [first() + part(depth) for _ in range(some)]

    def tell(number: int) -> bytes:
        kind = random.choice((LIST, LIST, DICT, NODE, BYTES))
        kinds[number] = kind
        if kind == BYTES:
            return whole(buffer(number, bytes(random.randint(0, 3))))
        sizes[number] = random.randint(0, 3)
        cut = random.random() < 0.1
        full, why = (sizes[number] + 5, random.randint(2, 8)) if cut else (-1, 0)
        return whole(container(kind, number, parts(kind, sizes[number]), full, why))

    def alter(number: int) -> bytes:
        if kinds[number] == BYTES or random.random() < 0.1:
            return tell(number)
        first = random.randint(0, sizes[number])
        gone = random.randint(0, sizes[number] - first)
        came = random.choice((gone, random.randint(0, 3)))
        sizes[number] += came - gone
        kind = kinds[number]
        return change(kind, number, first, gone, parts(kind, came), sizes[number])

    data = CALL + b"".join(tell(number) for number in range(1, count + 1)) + line({})
    for _ in range(random.randint(1, 60)):
        if random.random() < 0.1:
            data += levels(random.randint(0, 5), random.choice((1, 1, 1, 2)))
        for _ in range(random.randint(0, 3)):
            data += alter(random.randint(1, count))
        names = random.sample(range(1, len(NAMES) + 1), random.randint(0, 3))
        data += line({name: part() for name in names[1:]}, tuple(names[:1]))
    return f"chance {seed}", data, random.choice((0, 1, 2, 3, 4, 100))


def read(data: bytes, depth: int) -> tuple[list[Any], str | None]:
    """Give what Python reads: what each event changed and what its frame held, and a fault."""
    tables = DefinitionTables()
    tables.feed(DEFINITIONS)
    decoder = EventDecoder(tables, data, depth=depth)
    found: list[Any] = []
    try:
        for event in decoder:
            frame = decoder.frames[event.frame or 0]
            found.append([dict(event.changes), dict(decoder.values_of(frame))])
    except Malformed as error:
        return found, error.message
    return found, None


def cases(comparable: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Give all cases with what Python reads, in the form that JavaScript can compare."""
    made = [*hand_made(), *map(by_chance, range(300))]
    out: list[dict[str, Any]] = []
    for name, data, depth in made:
        events, damage = read(data, depth)
        told = [[comparable({"args": values})["args"] for values in pair] for pair in events]
        out.append(
            {"name": name, "events": data.hex(), "depth": depth, "told": told, "damage": damage}
        )
    return out
