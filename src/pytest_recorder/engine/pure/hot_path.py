"""Writes what happens in frames as packed records: the hot path in pure Python.

PYTEST_DONT_REWRITE

An engine calls the operations, each as `operation(frame, code, argument)`. Everything between
`_enter` and the end of an operation runs under one lock, so that records of several threads
never mix. No operation keeps a reference to a frame, an object or an exception: a frame is known
by its address while it lives, and its previous values by their bytes.

The parent of a frame is the nearest recorded frame among its callers, which the interpreter tells
(`f_back`). So generators, threads and greenlets need no shadow stack that could be wrong.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import sys
import weakref
from collections.abc import Callable
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from logging import Logger
from types import CodeType, FrameType
from typing import Any

from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.definitions import CodeRecord, Definitions, Sink
from pytest_recorder.engine.pure.entrance import INTERRUPTED, Entrance
from pytest_recorder.engine.pure.interpreter import (
    LOOPS,
    handled_exception,
    line_in_traceback,
    thread_name,
)
from pytest_recorder.engine.pure.lookups import entry, exact
from pytest_recorder.engine.pure.marks import (
    NO_LOG_MESSAGE,
    NO_MESSAGE,
    NOT_SHOWN,
    Marked,
    is_no_fault,
    unguarded,
)
from pytest_recorder.engine.pure.messages import exception_message, log_parts
from pytest_recorder.engine.pure.meter import at_least_us
from pytest_recorder.engine.pure.names import UNBOUND, prepare_reader
from pytest_recorder.engine.pure.shapes import prepare_addresses
from pytest_recorder.engine.pure.states import FrameState, ThreadState
from pytest_recorder.engine.pure.values import ValueEncoder
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import EDGES, LEVELS, PHASES, Op
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import (
    CLOCKS,
    local,
)
from pytest_recorder.system.slots import traceback_of

_LOG_CODE = Logger.callHandlers.__code__
_KINDS = {
    CO_GENERATOR: "generator",
    CO_COROUTINE: "coroutine",
    CO_ASYNC_GENERATOR: "async generator",
}
_SUSPENDABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_MASKED = tuple(bytes((number,)) for number in range(256))


class PureHotPath(Entrance):
    """The state of one recording and the operations on it."""

    name = "python"
    rests_cheaply = False

    def __init__(
        self,
        sink: Sink,
        *,
        level: str,
        bounds: Bounds,
        redactor: Redactor,
        is_in_scope: Callable[[CodeType, str | None], bool],
        marked: Marked = unguarded,
        is_foreign: Callable[[BaseException], bool] = is_no_fault,
        clock: Callable[[], int] = CLOCKS.perf_counter_ns,
    ) -> None:
        super().__init__(is_foreign)
        prepare_reader()
        prepare_addresses()
        self._sink = sink
        self.has_lines = LEVELS.index(level) >= LEVELS.index("lines")
        self._has_values = level == "values"
        self._redactor = redactor
        # Not a module global: tools that fake the time replace those they find.
        self.clock = clock
        self.definitions = Definitions(sink, redactor.level)
        define = self.definitions
        self._encoder = ValueEncoder(bounds, redactor, define.type, define.name)
        self._codes: dict[int, CodeRecord] = {}
        self._frames: dict[int, FrameState] = {}
        self._local = local()
        self._message = marked(exception_message, "message_of", lambda _: NO_MESSAGE)
        self._log_parts = marked(
            lambda record: log_parts(record, redactor.shown_under),
            "log_parts",
            lambda _: ("", "", NO_LOG_MESSAGE),
        )
        self._mask = marked(redactor.mask, "mask", lambda _: NOT_SHOWN)
        self._scope_of = marked(
            lambda asked: is_in_scope(*asked), "describe_code", self._refuse_code
        )
        self.enable_code: Callable[[CodeType], None] = _ignore
        self.watch_streams: Callable[[], None] = _ignore
        # Give the streams that are watched, as long as they live. No callback tells of their end:
        # Python drops what is raised in one, Ctrl-C too.
        self._stdout: Callable[[], object] = _nothing
        self._stderr: Callable[[], object] = _nothing
        self._clear()

    # The life of a trace.

    def begin(self) -> bool:
        """Start the next trace with all tables empty; code objects in scope stay known."""
        with self._turn() as has_turn:
            if has_turn:
                self.definitions.reset()
                self._encoder.reset()
                self._redactor.begin()
                self._meter.begin()
                self._clear()
                self.is_open = True
            return has_turn

    def end(self) -> bool:
        """Take nothing more, from any thread; what was lost last is said now."""
        with self._turn() as has_turn:
            was_open, self.is_open = self.is_open, False
            if has_turn and was_open:
                self._end()
            return has_turn

    def _end(self, *_: object) -> None:
        if self.lost:
            self._write_gaps()
        self._frames.clear()
        self.forget_streams()

    def _clear(self) -> None:
        self._frames.clear()
        self.lost.clear()
        self.losses.clear()
        self._current: FrameState | None = None
        self._block = 0
        self._frame_count = 0
        self._thread_count = 0
        self._started_ns = self.clock()
        self._last_us = 0  # of the record that is being made
        self._written_us = 0  # of the last one written: a block starts from there

    def _introduce_anew(self) -> None:
        self._block += 1
        self._current = None

    def attach(self, frame: FrameType | None) -> list[FrameType]:
        """Meet the code of frames that are running already; give those in scope."""
        found: list[FrameType] = []
        while frame is not None:
            if id(frame.f_code) in self._codes or self._meet(frame, frame.f_code) is not None:
                found.append(frame)
            frame = frame.f_back
        return found

    def attach_one(self, frame: FrameType) -> bool:
        """Meet the code of one frame; tell whether it is in scope."""
        return self._meet(frame, frame.f_code) is not None

    def has_code(self, code: CodeType) -> bool:
        """Tell whether a code object was met and is in scope."""
        return id(code) in self._codes

    def bytecode(self, code: CodeType) -> bytes:
        """Give the instructions of a code object in scope; Python copies them on each access."""
        record = self._codes[id(code)]
        if not record.bytecode:
            record.bytecode = code.co_code
        return record.bytecode

    @property
    def sources(self) -> dict[str, tuple[bytes, bytes]]:
        """The files that ran: digest and text by path."""
        return self.definitions.sources.known

    @property
    def has_frames(self) -> bool:
        """Whether any frame in scope was seen in this trace."""
        return self._frame_count > 0

    @property
    def cpu_us(self) -> int:
        """How many microseconds of CPU time the callbacks of this trace took at least."""
        return at_least_us(*self._meter.told())

    @property
    def redactions(self) -> dict[str, int]:
        """How many values and texts of this trace were hidden."""
        return {"value": self._encoder.redacted, "text": self._redactor.masked}

    def codes(self) -> list[CodeType]:
        """Give the code objects in scope that were met so far."""
        return [record.code for record in tuple(self._codes.values())]

    def codes_of_trace(self) -> list[CodeType]:
        """Give those that this trace has events of."""
        epoch = self.definitions.epoch
        return [r.code for r in tuple(self._codes.values()) if r.epoch == epoch]

    def release(self) -> None:
        """Let go of all code objects at the end of the recording."""
        self._codes.clear()
        self._frames.clear()

    def lose_ended_frames(self, frame: FrameType | None, reason: str) -> None:
        """Count this thread's frames that ended unseen: each has lost its last event at least.

        `frame` is the innermost one that runs. A generator's frame may just be suspended.
        """
        alive: set[int] = set()
        while frame is not None:
            alive.add(id(frame))
            frame = frame.f_back
        thread = self._thread().number
        ended = [
            address
            for address, state in self._frames.items()
            if state.thread == thread
            and address not in alive
            and state.record is not None
            and not state.record.code.co_flags & _SUSPENDABLE
        ]
        for address in ended:
            del self._frames[address]
        # The event in which the program's own exception went through us is counted already.
        self.lose(reason, max(len(ended), int(reason != INTERRUPTED)))

    # Operations: frames begin, go on and end.

    def start(self, frame: FrameType, code: CodeType, argument: object = None) -> bool:
        """Record that a frame begins. False: the code is out of scope, show it no more."""
        record = self._codes.get(id(code))
        if record is None:
            if code is _LOG_CODE:
                self._log(frame)
                return True
            record = self._meet(frame, code)
            if record is None:
                return False
        if record.epoch != self.definitions.epoch:
            self.definitions.code(record)
        if self._stdout() is not sys.stdout or self._stderr() is not sys.stderr:
            self._streams_changed()
        thread = self._thread()
        thread.unwound = 0
        self._frame_count += 1
        parent = self._parent(frame.f_back)
        state = FrameState(self._frame_count, record, thread.number, parent)
        self._frames[id(frame)] = state
        arguments = self._arguments(frame, record, state)
        self._write_call(state, arguments)
        return True

    def line(self, frame: FrameType, code: CodeType, line: int) -> None:
        """Record that a frame reached another line."""
        state = self._state(frame, code)
        if state is None:
            return
        if self._stdout() is not sys.stdout or self._stderr() is not sys.stderr:
            self._streams_changed()
        if state.exception_key:
            self.follow_handled(frame, state)
        if line == state.line_seen:
            return
        self._write(state, Op.LINE, line, b"", self.changes(frame, state))
        state.line_seen = line  # not before it is told

    def returned(self, frame: FrameType, code: CodeType, value: object) -> None:
        """Record that a frame ends with a result."""
        state = self._state(frame, code)
        if state is not None:
            del self._frames[id(frame)]
            self._write_value(frame, state, Op.RETURN, value)

    def yielded(self, frame: FrameType, code: CodeType, value: object) -> None:
        """Record that a generator or coroutine hands out a value and is suspended."""
        state = self._state(frame, code)
        if state is not None:
            self._write_value(frame, state, Op.YIELD, value)

    def resumed(self, frame: FrameType, code: CodeType, argument: object = None) -> None:
        """Record that a suspended frame goes on."""
        state = self._state(frame, code)
        if state is not None:
            state.thread = self._thread().number
            self.write_resume(state, self.changes(frame, state))

    def prepare_resume(self, frame: FrameType) -> tuple[FrameState | None, bytes]:
        """Read what `write_resume` will write, while it is still true."""
        state = self._state(frame, frame.f_code)
        if state is None:
            return None, b""
        state.thread = self._thread().number
        state.raised_at = -1
        state.is_suspended = False
        return state, self.changes(frame, state)

    def write_resume(self, state: FrameState, changes: bytes) -> None:
        """Write a `resume` whose changes were read before; the settrace engine decides late."""
        self._write(state, Op.RESUME, state.line, self._time(), changes)

    def thrown(self, frame: FrameType, code: CodeType, error: BaseException) -> None:
        """Record that an exception is thrown into a suspended frame."""
        state = self._state(frame, code)
        if state is not None:
            state.thread = self._thread().number
            body = self._time() + self._exception(error)
            self._write(state, Op.THROW, state.line, body, self.changes(frame, state))

    # Operations: exceptions.

    def raised(self, frame: FrameType, code: CodeType, error: BaseException) -> None:
        """Record an exception once, where it begins or enters the scope.

        The interpreter reports a raise again in each frame that an exception passes. Only the
        unwinding of the callee just before tells a repetition from a new exception that got the
        address of the old one, and only its traceback tells whether it came through the scope.
        Where the engine was not shown what left the callee (`except*` makes a new group), the
        callee's frame in the traceback tells.
        """
        self.raised_with(frame, code, error, traceback_of(error))

    def raised_with(
        self, frame: FrameType, code: CodeType, error: BaseException, traceback: Any
    ) -> None:
        """Do what `raised` does where the exception may not have its traceback yet (3.11)."""
        thread = self._thread()
        behind = getattr(traceback, "tb_next", None)
        is_repeated = (
            behind is not None
            and thread.unwound != 0
            and (thread.unwound == id(error) or thread.unwound_frame == id(behind.tb_frame))
        )
        is_known = is_repeated and self._came_through_scope(behind)
        thread.unwound = 0
        if id(code) not in self._codes or self.ends_a_loop(frame, code, error):
            return
        state = self._state(frame, code)
        if state is None:
            return
        if not is_repeated and behind is not None and issubclass(type(error), RecursionError):
            self._notice_lost_frames(behind)
        self._keep(frame, state, error, traceback)
        if not is_known:
            body = self._time() + state.exception
            line = self._line_now(frame, state)
            self._write(state, Op.RAISE, line, body, self.changes(frame, state))

    def unwound(self, frame: FrameType, code: CodeType, error: BaseException | None) -> None:
        """Record that a frame ends by an exception; None: the one last seen in the frame."""
        thread = self._thread()
        if id(code) in self._codes:
            state = self._state(frame, code)
            if state is not None:
                del self._frames[id(frame)]
                if error is None and not state.exception_key:
                    # A bare `raise` in a function that a handler called is its first event.
                    self.follow_handled(frame, state)
                body = (
                    self._exception(error) if error is not None else self._unseen(state, code)
                )
                line = (
                    line_in_traceback(traceback_of(error), frame)
                    if error is not None
                    else state.exception_line
                ) or self._line_now(frame, state)
                changes = self.changes(frame, state)
                self._write(state, Op.UNWIND, line, self._time() + body, changes)
                if error is None:
                    thread.unwound = state.exception_key
                    thread.unwound_frame = id(frame)
                    return
        thread.unwound = id(error)
        thread.unwound_frame = id(frame)

    def ends_a_loop(self, frame: FrameType, code: CodeType, error: BaseException) -> bool:
        """Tell the StopIteration that ends a `for` or an `await` in the interpreter: no raise."""
        if not issubclass(type(error), StopIteration):
            return False
        return self.bytecode(code)[frame.f_lasti] in LOOPS

    def _came_through_scope(self, traceback: Any) -> bool:
        while traceback is not None:
            if id(traceback.tb_frame.f_code) in self._codes:
                return True
            traceback = traceback.tb_next
        return False

    def _notice_lost_frames(self, traceback: Any) -> None:
        """Count frames at the recursion limit, where no callback could be entered."""
        lost = 0
        while traceback is not None:
            if self._frames.pop(id(traceback.tb_frame), None) is not None:
                lost += 1
            traceback = traceback.tb_next
        if lost:
            self.lose("recursion", lost)

    def follow_handled(self, frame: FrameType, state: FrameState) -> None:
        """Keep up with the exception being handled: a bare `raise` is not reported as an event."""
        error = handled_exception(self.bytecode(frame.f_code), frame)
        if error is not None and id(error) != state.exception_key:
            self._keep(frame, state, error, traceback_of(error))

    def _keep(
        self, frame: FrameType, state: FrameState, error: BaseException, traceback: Any
    ) -> None:
        """Remember, without a reference, the exception that a frame has seen last."""
        state.exception_line = line_in_traceback(traceback, frame)
        state.exception = self._exception(error)
        state.exception_key = id(error)
        state.exception_stops = ""
        for kind in (StopIteration, StopAsyncIteration):
            if issubclass(type(error), kind):
                state.exception_stops = kind.__name__

    # Operations: output, logs, spans.

    def output(self, frame: FrameType | None, stream: int, printed: str) -> None:
        """Record what was written, at the nearest frame in scope."""
        state, line = self._nearest(frame)
        body = self._time() + bytes((stream,)) + self._printed(printed)
        self._write(state, Op.OUTPUT, line, body, b"")

    def _log(self, frame: FrameType) -> None:
        # `logging.Logger.callHandlers(self, record)` is stdlib code: its `f_locals` are nobody's.
        parts = self._log_parts(frame.f_locals.get("record"))
        if parts is not None:
            level, logger, message = parts
            define = self.definitions.name
            state, line = self._nearest(frame.f_back)
            body = self._time() + define(level) + define(logger) + self._printed(message)
            self._write(state, Op.LOG, line, body, b"")

    def note(self, frame: FrameType, remark: str, _: object = None) -> None:
        """Record a remark of the program, as a log event of level NOTE."""
        define = self.definitions.name
        state, line = self._nearest(frame)
        words = self._printed(exact(remark))
        body = self._time() + define("NOTE") + define("recording") + words
        self._write(state, Op.LOG, line, body, b"")

    def span(self, phase: str, edge: str, names: tuple[str, str]) -> None:
        """Record the edge of a phase or a fixture; `names` is the fixture's name and an outcome."""
        thread = self._thread()
        fixed = bytes((PHASES.index(phase), EDGES.index(edge)))
        body = uv(thread.number) + self._time() + fixed + text(names[0]) + text(names[1])
        self._write_bare(bytes((Op.SPAN,)) + body)

    def _printed(self, printed: str) -> bytes:
        # A secret that begins inside the bound must not be cut in two before it is found.
        return self._encoder.encode_text(self._mask(printed))

    def _nearest(self, frame: FrameType | None) -> tuple[FrameState, int]:
        while frame is not None:
            state = self._frames.get(id(frame))
            if (
                state is not None
                and state.record is not None
                and state.record.code is frame.f_code
            ):
                return state, frame.f_lineno or state.line
            if id(frame.f_code) in self._codes:
                adopted = self._state(frame, frame.f_code)
                if adopted is not None:
                    return adopted, frame.f_lineno or adopted.line
            frame = frame.f_back
        return self._thread().nowhere, 0

    def forget_streams(self) -> None:
        """Look at `sys.stdout` and `sys.stderr` anew at the next event."""
        self._stdout = self._stderr = _nothing

    def _streams_changed(self) -> None:
        self._stdout, self._stderr = _giver(sys.stdout), _giver(sys.stderr)
        self.watch_streams()

    # What is known of code, frames and threads.

    def _meet(self, frame: FrameType, code: CodeType) -> CodeRecord | None:
        module = entry(frame.f_globals, "__name__")
        name = module if type(module) is str else None
        if not self._scope_of((code, name)):
            return None
        record = CodeRecord(code)
        self.enable_code(code)
        self._codes[id(code)] = record
        return record

    def _refuse_code(self, _: object) -> bool:
        """Nobody can say whether it is in scope."""
        self.lose("refused")
        return False

    def knows(self, frame: FrameType) -> FrameState | None:
        """Give the state of a frame whose beginning was seen."""
        state = self._frames.get(id(frame))
        if state is None or state.record is None or state.record.code is not frame.f_code:
            return None
        return state

    def _state(self, frame: FrameType, code: CodeType) -> FrameState | None:
        """Give the state of a frame; one that ran before the recording began is taken in now."""
        state = self._frames.get(id(frame))
        if state is not None and state.record is not None and state.record.code is code:
            return state
        record = self._codes.get(id(code)) or self._meet(frame, code)
        if record is None:
            return None
        if record.epoch != self.definitions.epoch:
            self.definitions.code(record)
        self._frame_count += 1
        number, thread = self._frame_count, self._thread().number
        state = FrameState(number, record, thread, self._parent(frame.f_back))
        state.line = frame.f_lineno or record.first_line
        self._frames[id(frame)] = state
        return state

    def _parent(self, frame: FrameType | None) -> int:
        frames = self._frames
        while frame is not None:
            state = frames.get(id(frame))
            if (
                state is not None
                and state.record is not None
                and state.record.code is frame.f_code
            ):
                return state.number
            frame = frame.f_back
        return 0

    def _thread(self) -> ThreadState:
        try:
            thread: ThreadState = self._local.state
        except AttributeError:
            thread = ThreadState(0, 0)
        if thread.epoch != self.definitions.epoch:
            self._thread_count += 1
            thread = ThreadState(self._thread_count, self.definitions.epoch)
            # It is not known before its definition is there.
            self.definitions.thread(thread.number, thread_name())
            self._local.state = thread
        return thread

    # Bodies of records.

    def _time(self) -> bytes:
        now = (self.clock() - self._started_ns) // 1000
        passed, self._last_us = now - self._last_us, now
        return uv(max(passed, 0))

    def _line_now(self, frame: FrameType, state: FrameState) -> int:
        return state.line if self.has_lines else frame.f_lineno or state.line

    def _arguments(self, frame: FrameType, record: CodeRecord, state: FrameState) -> bytes:
        parts: list[bytes] = []
        encode = self._encoder.encode_under
        for name, value in zip(record.args, record.read(frame, record.args), strict=True):
            if value is not UNBOUND:
                encoded = encode(record.secret.get(name, 0), value)
                state.values[name] = encoded
                parts += (record.name_ids[name], encoded)
        return uv(len(parts) // 2) + b"".join(parts)

    def changes(self, frame: FrameType, state: FrameState) -> bytes:
        """Give the variables that differ since the frame's previous event."""
        record = state.record
        if record is None or not self._has_values or not record.names:
            return b""
        old = state.values
        encoder = self._encoder
        redacted, secret = encoder.redacted, record.secret
        changed: list[bytes] = []
        deleted: list[bytes] = []
        for name, value in zip(record.names, record.read(frame, record.names), strict=True):
            if value is UNBOUND:
                if old.pop(name, None) is not None:
                    deleted.append(record.name_ids[name])
                continue
            level = secret.get(name) if secret else 0
            encoded = encoder.encode_under(level, value) if level else encoder.encode(value)
            if old.get(name) != encoded:
                old[name] = encoded
                changed += (record.name_ids[name], encoded)
                redacted = encoder.redacted
            else:
                encoder.redacted = redacted  # what is not written does not count
        if not changed and not deleted:
            return b""
        return b"".join((uv(len(changed) // 2), *changed, uv(len(deleted)), *deleted))

    def _exception(self, error: BaseException) -> bytes:
        encoder = self._encoder
        message = self._printed(self._message(error))
        return encoder.type_id(type(error)) + encoder.object_id(error) + message

    def _unseen(self, state: FrameState, code: CodeType) -> bytes:
        """Give the exception that left a frame where the engine is not shown it."""
        define = self.definitions.type
        if not state.exception_key:
            return define("unknown", ()) + b"\0" + self._encoder.encode_text("")
        # PEP 479: what cannot leave such a frame is replaced on its way out.
        if code.co_flags & _SUSPENDABLE and state.exception_stops:
            kind = next(word for flag, word in _KINDS.items() if code.co_flags & flag)
            if state.exception_stops == "StopIteration" or kind == "async generator":
                message = f"{kind} raised {state.exception_stops}"
                return define("RuntimeError", ()) + b"\0" + self._encoder.encode_text(message)
        return state.exception

    # Records go out.

    def _write_value(self, frame: FrameType, state: FrameState, op: int, value: object) -> None:
        changes = self.changes(frame, state)
        level = state.record.result_level if state.record is not None else 0
        body = self._time() + self._encoder.encode_under(level, value)
        self._write(state, op, self._line_now(frame, state), body, changes)

    def _write_call(self, state: FrameState, arguments: bytes) -> None:
        fixed = uv(state.number) + state.record.number if state.record is not None else b""
        body = fixed + uv(state.thread) + uv(state.parent) + self._time() + arguments
        self._write_bare(bytes((Op.CALL,)) + body)
        state.block = self._block
        self._current = state

    def _write(
        self, state: FrameState, op: int, line: int, body: bytes, changes: bytes
    ) -> None:
        """Write one event of a frame, after what makes that frame the current one."""
        if self.lost:
            self._write_gaps()
        if op not in (Op.RAISE, Op.UNWIND):
            self._thread().unwound = 0
        head = _MASKED[op | Op.CHANGES] if changes else _MASKED[op]
        record = head + zz(line - state.line) + body + changes
        prefix = b"" if self._current is state else self._introduce(state)
        if len(prefix) + len(record) > self._sink.room:
            self._block += 1
            prefix = self._introduce(state)
            self._sink.next_events(len(prefix) + len(record), self._written_us)
        self._sink.append(prefix + record, 1)
        self._written_us = self._last_us
        self._current = state
        state.block = self._block
        state.line = line

    def _write_bare(self, record: bytes) -> None:
        """Write an event that needs no current frame."""
        if self.lost and record[0] != Op.GAP:
            self._write_gaps()
        if len(record) > self._sink.room:
            self._block += 1
            self._current = None
            self._sink.next_events(len(record), self._written_us)
        self._sink.append(record, 1)
        if record[0] != Op.GAP:
            self._written_us = self._last_us

    def _write_gaps(self) -> None:
        lost, self.lost = self.lost, {}
        for reason, count in lost.items():
            number = self.definitions.name(reason)
            self._write_bare(bytes((Op.GAP,)) + uv(self._thread().number) + uv(count) + number)

    def _introduce(self, state: FrameState) -> bytes:
        """Make a frame the current one; in a new block with all that is known of it."""
        if state.block == self._block:
            return bytes((Op.SWITCH,)) + uv(state.number)
        code = state.record.number if state.record is not None else b"\0"
        parts = [
            bytes((Op.FRAME,)) + uv(state.number) + code,
            uv(state.thread) + uv(state.parent) + uv(state.line),
        ]
        record = state.record
        if self._has_values and record is not None and (state.values or _may_have_had(state)):
            ids = record.name_ids
            parts.append(bytes((Op.STATE,)) + uv(len(state.values)))
            parts.extend(ids[name] + value for name, value in state.values.items())
        return b"".join(parts)


def _nothing() -> object:
    return _nothing


def _giver(stream: object) -> Callable[[], object]:
    """Give what gives a stream while it lives; one that cannot be known so is watched anew."""
    try:
        return weakref.ref(stream)
    except TypeError:
        return _nothing if stream is not None else [].clear


def _may_have_had(state: FrameState) -> bool:
    """Tell whether a reader may know a value of the frame, that is no more."""
    return state.block != 0 and state.record is not None and bool(state.record.names)


def _ignore(*_: object) -> None:
    return None
