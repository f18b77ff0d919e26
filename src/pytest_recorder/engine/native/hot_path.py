"""Is the face of the hot path in C: builds its state, and answers what C does not know.

PYTEST_DONT_REWRITE

C calls the helpers here for what is new or rare: a code object, a type, a name that is seen for the
first time, the message of an exception, a value of a kind that only the encoder in Python knows.
The answers come from the modules of the pure-Python hot path, so that both write the same bytes.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from inspect import CO_OPTIMIZED
from io import StringIO, TextIOWrapper
from logging import Logger
from types import CodeType, FrameType, MemberDescriptorType
from typing import Any, Literal

from pytest_recorder import compat
from pytest_recorder.engine.native import _native
from pytest_recorder.engine.native.instructions import INSTRUCTIONS
from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.definitions import Sink, Sources
from pytest_recorder.engine.pure.interpreter import LOOPS, RAISES_ANEW, thread_name
from pytest_recorder.engine.pure.lookups import entry, exact
from pytest_recorder.engine.pure.messages import exception_message, log_parts
from pytest_recorder.engine.pure.meter import at_least_us
from pytest_recorder.engine.pure.names import argument_names, recorded_names
from pytest_recorder.engine.pure.shapes import Shape, type_name
from pytest_recorder.engine.pure.values import ValueEncoder
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.engine.streams import HOOK_CODES
from pytest_recorder.format.primitives import text, uv
from pytest_recorder.format.vocabulary import EDGES, LEVELS, PHASES
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import CLOCKS, INTERPRETER
from pytest_recorder.system.slots import mro_of, namespace_of

_DICT_OF_STREAM = 2
_LINES = LEVELS.index("lines")


class Helpers:
    """Answers the questions of one recording's C part."""

    def __init__(
        self,
        sink: Sink,
        bounds: Bounds,
        redactor: Redactor,
        is_in_scope: Callable[[CodeType, str | None], bool],
    ) -> None:
        self.sources = Sources(sink)
        self.watch_streams: Callable[[], None] = _ignore
        self.level_of = redactor.level
        self.remember = redactor.remember
        self.tell_secrets = redactor.tell
        self.mask = redactor.mask
        self.thread_name = thread_name
        self._shown_under = redactor.shown_under
        self._is_in_scope = is_in_scope
        # Gives no numbers: it says how a type is read, and reads what C does not know.
        self._encoder = ValueEncoder(bounds, redactor, _no_number, _no_number)

    # Code objects and files.

    def describe_code(
        self, code: CodeType, module: str | None
    ) -> tuple[Any, ...] | Literal[False] | None:
        """Give what C needs to know of a code object in scope.

        False: all code of its file in this module is out of scope. None: this one is.
        """
        if not self._is_in_scope(code, module):
            # Among texts that were compiled there can be that of `python -c`.
            is_text = str.__eq__(code.co_filename, compat.TEXT_FILE)
            return None if is_text else False
        names = recorded_names(code)
        is_namespace = not code.co_flags & CO_OPTIMIZED
        places = [-1] * len(names) if is_namespace else _places(code, names)
        order = map(names.index, argument_names(code))
        secrets = map(self.level_of, names)
        of_result = self.level_of(exact(code.co_name))
        return names, tuple(places), tuple(order), tuple(secrets), of_result, is_namespace

    def source_digest(self, path: str) -> bytes:
        """Give the SHA-256 of a source file, or nothing where it cannot be read."""
        return self.sources.digest(path)

    # Types and values.

    def describe_type(self, kind: type) -> tuple[Any, ...]:
        """Say how C reads the instances of a type."""
        reader = self._encoder.reader(kind)
        definition = (
            text(type_name(kind)) + uv(len(reader.fields)) + b"".join(map(text, reader.fields))
        )
        slots = tuple(
            (shown, member)
            for place, name, shown in reader.slots
            if type(member := entry(namespace_of(mro_of(kind)[place]), name))
            is MemberDescriptorType
        )
        has_dict = 0 if reader.dict_at < 0 else _DICT_OF_STREAM if _is_stream(kind) else 1
        secrets = (
            tuple(map(self.level_of, reader.fields))
            if reader.shape == Shape.NAMED_TUPLE
            else ()
        )
        return reader.shape, definition, has_dict, slots, secrets

    def leaf_of_other(self, value: object) -> bytes:
        """Read a value of a shape that C does not know: the tag of its record, and all it holds."""
        return self._encoder.leaf(value)

    def big_int(self, value: int) -> bytes:
        """Encode an int of more than 64 bits, or its plain value if it is of a subclass."""
        return self._encoder.encode(int.__pos__(value))

    def message_of(self, error: BaseException) -> str:
        """Word an exception, without what is secret in it."""
        return self.mask(exception_message(error))

    def log_parts(self, record: object) -> tuple[str, str, str] | None:
        """Give level name, logger name and message of a log record."""
        return log_parts(record, self._shown_under)

    def streams_changed(self) -> None:
        """Watch the streams that are there now."""
        self.watch_streams()

    def reset(self) -> None:
        """Start the next trace: numbers begin anew."""
        self._encoder.reset()


class NativeHotPath(_native.Core):
    """The hot path in C. The same promises as `hot.HotPath`, which it stands in for."""

    name = "native"
    rests_cheaply = True

    def __init__(
        self,
        sink: Sink,
        *,
        level: str,
        bounds: Bounds,
        redactor: Redactor,
        is_in_scope: Callable[[CodeType, str | None], bool],
        handle_fault: Callable[..., Any],
        handle_failure: Callable[[BaseException, str], None] | None = None,
        clock: Callable[[], int] = CLOCKS.perf_counter_ns,
    ) -> None:
        self._helpers = Helpers(sink, bounds, redactor, is_in_scope)
        self._redactor = redactor
        super().__init__(
            level=LEVELS.index(level),
            depth=bounds.depth,
            items=bounds.items,
            chars=bounds.chars,
            attributes=bounds.attributes,
            objects=bounds.objects,
            has_rules=redactor.active,
            helpers=self._helpers,
            sink=sink,
            secrets=redactor.learned.texts,
            log_code=Logger.callHandlers.__code__,
            hook_codes=HOOK_CODES,
            # ENDS_A_LOOP and RAISES_ANEW of `hot.h`.
            raising=bytes(
                1 if number in LOOPS else 2 if number in RAISES_ANEW else 0
                for number in range(256)
            ),
            instructions=INSTRUCTIONS,
            disable=INTERPRETER.monitoring.disable if compat.HAS_MONITORING else None,
            handle_fault=handle_fault,
            handle_failure=handle_failure,
        )
        if clock is not CLOCKS.perf_counter_ns:
            self.clock = clock

    @property
    def has_lines(self) -> bool:
        """Whether lines are recorded now."""
        return self.recorded_level >= _LINES

    def lower_level(self, level: str) -> bool:
        """Record no more than this until the trace ends, and say so. False: it was no more."""
        return self.write_level(LEVELS.index(level))

    @property
    def sources(self) -> dict[str, tuple[bytes, bytes]]:
        """The files that ran: digest and text by path."""
        return self._helpers.sources.known

    @property
    def cpu_us(self) -> int:
        """How many microseconds of CPU time the callbacks of this trace took at least."""
        return at_least_us(*self.meter)

    @property
    def redactions(self) -> dict[str, int]:
        """How many values and texts of this trace were hidden."""
        return {"value": self.redacted, "text": self._redactor.masked}

    @property
    def watch_streams(self) -> Callable[[], None]:
        """Called when `sys.stdout` or `sys.stderr` is another object than before."""
        return self._helpers.watch_streams

    @watch_streams.setter
    def watch_streams(self, watch: Callable[[], None]) -> None:
        self._helpers.watch_streams = watch

    def begin(self) -> bool:  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride]
        """Start the next trace with all tables empty; code objects in scope stay known."""
        return super().begin(self._reset)

    def _reset(self) -> None:
        self._redactor.begin()
        self._helpers.reset()

    def attach(self, frame: FrameType | None) -> list[FrameType]:
        """Meet the code of frames that are running already; give those in scope."""
        found: list[FrameType] = []
        if frame is not None and self.is_outside(frame):
            # The stack of pytest, at the start of all tests but the first.
            return found
        while frame is not None:
            if self.meet(frame.f_code, frame.f_globals):
                found.append(frame)
            frame = frame.f_back
        return found

    def output(self, frame: FrameType | None, stream: int, printed: str) -> None:
        """Record what was written, at the nearest frame in scope."""
        self.write_output(frame, stream, printed)

    def note(self, frame: FrameType, remark: str, _: object = None) -> None:
        """Record a remark of the program, as a log event of level NOTE."""
        self.write_message(frame, "NOTE", "recording", exact(remark))

    def span(self, phase: str, edge: str, names: tuple[str, str]) -> None:
        """Record the edge of a phase or a fixture; `names` is the fixture's name and an outcome."""
        self.write_span(PHASES.index(phase), EDGES.index(edge), *names)

    def locked(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """Give the operation itself: C looks after who is inside."""
        return operation


def native_callbacks(hot: NativeHotPath) -> dict[int, Callable[..., Any]]:
    """Give the callbacks in C, by event of `sys.monitoring`."""
    events = INTERPRETER.monitoring.events
    return {
        events.PY_START: hot.on_start,
        events.LINE: hot.on_line,
        events.PY_RESUME: hot.on_resume,
        events.PY_RETURN: hot.on_return,
        events.PY_YIELD: hot.on_yield,
        events.PY_THROW: hot.on_throw,
        events.RAISE: hot.on_raise,
        events.PY_UNWIND: hot.on_unwind,
    }


def _places(code: CodeType, names: tuple[str, ...]) -> list[int]:
    """Find the variables of a function in its frame."""
    if names == code.co_varnames and not code.co_cellvars and not code.co_freevars:
        return list(range(len(names)))
    count = (
        len(code.co_varnames)
        + len(set(code.co_cellvars) - set(code.co_varnames))
        + len(code.co_freevars)
    )
    found = [code._varname_from_oparg(place) for place in range(count)]  # type: ignore[attr-defined]
    return [found.index(name) for name in names]


def _is_stream(kind: type) -> bool:
    return issubclass(kind, (TextIOWrapper, StringIO))


def _no_number(*_: object) -> bytes:
    return b""


def _ignore() -> None:
    return None
