"""Numbers files, code objects, names, types and threads, and defines each before its first use.

PYTEST_DONT_REWRITE
"""

from collections.abc import Callable
from hashlib import sha256
from types import CodeType
from typing import Protocol

from pytest_recorder.engine.pure.lookups import exact
from pytest_recorder.engine.pure.names import Reader, argument_names, reader_for, recorded_names
from pytest_recorder.engine.pure.positions import CodePositions, Positions
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import Define
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.files import read_bytes


class Sink(Protocol):
    """Where records go. Called by one thread at a time, under the lock of the hot path."""

    @property
    def room(self) -> int:
        """Bytes that the current block of events can still take; 0 when there is none."""
        ...

    def define(self, record: bytes) -> None:
        """Append to the definitions."""
        ...

    def next_events(self, size: int, base_us: int) -> None:
        """Start a block of events with room for a record of `size` bytes."""
        ...

    def append(self, record: bytes, events: int) -> None:
        """Append a record that `room` allows; `events` is 1, or 0 for what is not an event."""
        ...

    def keep_source(self, digest: bytes, data: bytes) -> None:
        """Keep a source file, once per process."""
        ...


class CodeRecord:
    """What the hot path knows of one code object in scope."""

    __slots__ = (
        "args",
        "bytecode",
        "code",
        "epoch",
        "first_line",
        "levels",
        "name_ids",
        "names",
        "number",
        "positions",
        "read",
        "result_level",
        "secret",
    )

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.first_line = code.co_firstlineno
        self.names = recorded_names(code)
        self.args = argument_names(code)
        self.read: Reader = reader_for(code)
        self.bytecode = b""
        self.positions = CodePositions(code)
        self.epoch = 0
        self.number = b""
        # How many levels of its values it shows in a trace, where too much was in view for all.
        self.levels: int | None = None
        self.name_ids: dict[str, bytes] = {}
        self.secret: dict[str, int] = {}
        self.result_level = 0


class Sources:
    """The source files of the process, read once and as they are while their code runs."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.known: dict[str, tuple[bytes, bytes]] = {}
        """Digest and text by path; both empty where the file cannot be read."""

    def digest(self, path: str) -> bytes:
        """Give the SHA-256 of a file, and keep its text in the sink when first asked for."""
        known = self.known.get(path)
        if known is None:
            try:
                data = read_bytes(path)
            except (OSError, ValueError):
                known = self.known[path] = (b"", b"")
            else:
                digest = sha256(data).digest()
                known = self.known[path] = (digest, data)
                self._sink.keep_source(digest, data)
        return known[0]


class Definitions:
    """The tables of one recording; `reset` starts the next trace from number 1."""

    def __init__(self, sink: Sink, level_of: Callable[[str], int]) -> None:
        """`level_of` says how much of what stands under a name is hidden, 0 for nothing."""
        self._sink = sink
        self._level_of = level_of
        self._names: dict[str, bytes] = {}
        self._files: dict[str, bytes] = {}
        self._types: dict[tuple[str, tuple[str, ...]], bytes] = {}
        self._codes = 0
        self.epoch = 1
        self._positions = Positions(sink.define)
        self.sources = Sources(sink)

    def reset(self) -> None:
        """Forget the numbers; the sources stay, for they belong to the process."""
        self._names.clear()
        self._files.clear()
        self._types.clear()
        self._codes = 0
        self._positions.reset()
        self.epoch += 1

    def name(self, name: str) -> bytes:
        """Give the number of a name."""
        number = self._names.get(name)
        if number is None:
            number = uv(len(self._names) + 1)
            self._sink.define(bytes((Define.NAME,)) + number + text(name))
            self._names[name] = number
        return number

    def type(self, name: str, fields: tuple[str, ...]) -> bytes:
        """Give the number of a type, which is its name and the fields of a named tuple."""
        number = self._types.get((name, fields))
        if number is None:
            number = uv(len(self._types) + 1)
            parts = (
                bytes((Define.TYPE,)),
                number,
                text(name),
                uv(len(fields)),
                *map(text, fields),
            )
            self._sink.define(b"".join(parts))
            self._types[name, fields] = number
        return number

    def thread(self, number: int, name: str) -> None:
        """Define a thread."""
        self._sink.define(bytes((Define.THREAD,)) + uv(number) + text(name))

    def code(self, record: CodeRecord) -> None:
        """Define a code object and all that its record needs in this trace."""
        code = record.code
        file = self._file(exact(code.co_filename))
        self._codes += 1
        number = uv(self._codes)
        self._sink.define(
            bytes((Define.CODE,))
            + number
            + file
            + uv(max(code.co_firstlineno, 0))
            + text(exact(code.co_qualname))
        )
        every = dict.fromkeys((*record.args, *record.names))
        record.name_ids = {name: self.name(name) for name in every}
        record.secret = {name: level for name in every if (level := self._level_of(name))}
        record.result_level = self._level_of(exact(code.co_name))
        record.positions.reset()
        record.number = number
        record.levels = None
        record.epoch = self.epoch

    def place(self, record: CodeRecord | None, at: int) -> bytes:
        """Give the record PLACE of an instruction, by its offset in bytes; nothing without one."""
        return record.positions.place(at, self._positions.record) if record is not None else b""

    def _file(self, path: str) -> bytes:
        number = self._files.get(path)
        if number is None:
            digest = self.sources.digest(path)
            number = uv(len(self._files) + 1)
            self._sink.define(
                bytes((Define.FILE,)) + number + text(path) + uv(len(digest)) + digest
            )
            self._files[path] = number
        return number
