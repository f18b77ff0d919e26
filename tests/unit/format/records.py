"""Records of a block, written by hand: calls of one function with lists in its variables."""

from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import Define, Op, Tag

NAMES = {"x": 1, "y": 2}


def definitions(digest: bytes = b"") -> bytes:
    """The names, one type, one file and one code object; `digest` is that of its source."""
    names = b"".join(
        bytes((Define.NAME,)) + uv(number) + text(name) for name, number in NAMES.items()
    )
    kind = bytes((Define.TYPE,)) + uv(1) + text("list") + uv(0)
    file = bytes((Define.FILE,)) + uv(1) + text("m.py") + uv(len(digest)) + digest
    return names + kind + file + bytes((Define.CODE,)) + uv(1) + uv(1) + uv(1) + text("f")


def tables() -> DefinitionTables:
    """What the records refer to."""
    made = DefinitionTables()
    made.feed(definitions())
    return made


def refer(number: int) -> bytes:
    """Give a value that is an object."""
    return bytes((Tag.REFERENCE,)) + uv(number)


def number(shown: int) -> bytes:
    """Give a value that is a number."""
    return bytes((Tag.INT,)) + zz(shown)


def whole(number: int, *items: bytes) -> bytes:
    """Tell all that a list holds."""
    head = bytes((Op.OBJECT, Tag.SEQUENCE)) + uv(1) + uv(number) + uv(len(items)) + b"\0"
    return head + uv(len(items)) + b"".join(items)


def chain(count: int = 5) -> bytes:
    """Tell of lists, each of which holds the next one; the last holds a number."""
    told = (whole(number, refer(number + 1)) for number in range(1, count))
    return b"".join(told) + whole(count, number(0))


def splice(number: int, *, came: bytes) -> bytes:
    """Tell that the one item of a list was replaced."""
    return bytes((Op.ITEMS,)) + uv(number) + uv(1) + b"\0\0" + uv(0) + uv(1) + uv(1) + came


def levels(frame: int, count: int) -> bytes:
    """Tell how many levels of its values a frame shows."""
    return bytes((Op.LEVELS,)) + uv(frame) + uv(count)


def _pairs(values: dict[str, bytes]) -> bytes:
    pairs = b"".join(uv(NAMES[name]) + value for name, value in values.items())
    return uv(len(values)) + pairs


def call(number: int, *, parent: int = 0, **args: bytes) -> bytes:
    """The call that begins a frame."""
    return bytes((Op.CALL,)) + uv(number) + uv(1) + uv(1) + uv(parent) + uv(1) + _pairs(args)


def frame(number: int) -> bytes:
    """Introduce a frame that ran before the block."""
    return bytes((Op.FRAME,)) + uv(number) + uv(1) + uv(1) + uv(0) + uv(1)


def switch(number: int) -> bytes:
    """Go on with a frame."""
    return bytes((Op.SWITCH,)) + uv(number)


def state(**values: bytes) -> bytes:
    """Tell all values of the current frame."""
    return bytes((Op.STATE,)) + _pairs(values)


def line(*, deleted: tuple[str, ...] = (), **changes: bytes) -> bytes:
    """Give an event that has changes, where there are any."""
    if not changes and not deleted:
        return bytes((Op.LINE,)) + zz(1)
    names = uv(len(deleted)) + b"".join(uv(NAMES[name]) for name in deleted)
    return bytes((Op.LINE | Op.CHANGES,)) + zz(1) + _pairs(changes) + names


def returned(value: bytes) -> bytes:
    """Give the return of the current frame."""
    return bytes((Op.RETURN,)) + zz(0) + uv(1) + value


def raised(op: int = Op.RAISE) -> bytes:
    """Raise object 9, of the one type."""
    message = bytes((Tag.STR,)) + text("no")
    return bytes((op,)) + zz(0) + uv(1) + uv(1) + uv(9) + message


def unwound() -> bytes:
    """Leave the current frame with what was raised."""
    return raised(Op.UNWIND)
