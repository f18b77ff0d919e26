"""Writes what happens in frames as packed records: the hot path in pure Python.

PYTEST_DONT_REWRITE

An engine calls the operations, each as `operation(frame, code, argument)`. Everything between
`_enter` and the end of an operation runs under one lock, so that records of several threads
never mix. No operation keeps a reference to a frame, an object or an exception: a frame is known
by its address while it lives, its previous values by their bytes, the objects in them as `Objects`
knows them.

The parent of a frame is the nearest recorded frame among its callers, which the interpreter tells
(`f_back`). So generators, threads and greenlets need no shadow stack that could be wrong.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import sys
from collections.abc import Callable
from logging import Logger
from types import CodeType, FrameType
from typing import Any

from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.pure.definitions import CodeRecord, Definitions, Sink
from pytest_recorder.engine.pure.entrance import INTERRUPTED, Entrance
from pytest_recorder.engine.pure.givers import giver, nothing
from pytest_recorder.engine.pure.interpreter import (
    LOOPS,
    RAISES_ANEW,
    SUSPENDABLE,
    frames_of,
    handled_exception,
    left_at,
    replaced_message,
    thread_name,
)
from pytest_recorder.engine.pure.levels import RecordedLevel
from pytest_recorder.engine.pure.looks import NO_VALUE, Looks, Sight
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
from pytest_recorder.engine.pure.names import prepare_reader
from pytest_recorder.engine.pure.shapes import prepare_addresses
from pytest_recorder.engine.pure.states import FrameState, ThreadState
from pytest_recorder.engine.pure.values import ValueEncoder
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.format.vocabulary import EDGES, LEVELS, PHASES, Op
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import CLOCKS, local
from pytest_recorder.system.slots import traceback_of

_LOG_CODE = Logger.callHandlers.__code__
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
        self._level = RecordedLevel(level)
        self._redactor = redactor
        # Not a module global: tools that fake the time replace those they find.
        self.clock = clock
        self.definitions = Definitions(sink, redactor.level)
        define = self.definitions
        self._encoder = ValueEncoder(bounds, redactor, define.type, define.name)
        self._codes: dict[int, CodeRecord] = {}
        self._frames: dict[int, FrameState] = {}
        self._looks = Looks(self._encoder, self._frames, self._level)
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
        # Give the streams that are watched, as long as they live.
        self._stdout: Callable[[], object] = nothing
        self._stderr: Callable[[], object] = nothing
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
                self._level.restore()
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
        self._is_new_block = False  # and what is to be told in it is still to be found out
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
    def has_lines(self) -> bool:
        """Whether lines are recorded now."""
        return self._level.has_lines

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
        values = self._encoder.redacted + self._encoder.objects.redacted
        return {"value": values, "text": self._redactor.masked}

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
            and not state.record.code.co_flags & SUSPENDABLE
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
        parent, caller, at = self._parent(frame.f_back)
        state = FrameState(self._frame_count, record, thread.number, parent)
        self._frames[id(frame)] = state
        self._write_call(frame, state, self.definitions.place(caller, at))
        return True

    def line(self, frame: FrameType, code: CodeType, line: int) -> None:
        """Record that a frame reached another line, or only look at the streams."""
        if self._stdout() is not sys.stdout or self._stderr() is not sys.stderr:
            self._streams_changed()
        state = self._state(frame, code) if self.has_lines else None
        if state is None:
            return
        if state.exception_key:
            self.follow_handled(frame, state)
        if line == state.line_seen:
            return
        self._write(frame, state, Op.LINE, line, b"")
        state.line_seen = line  # not before it is told

    def returned(self, frame: FrameType, code: CodeType, value: object) -> None:
        """Record that a frame ends with a result."""
        state = self._state(frame, code)
        if state is not None:
            del self._frames[id(frame)]
            line = self._line_now(frame, state)
            self._write(frame, state, Op.RETURN, line, self._time(), value)

    def yielded(self, frame: FrameType, code: CodeType, value: object) -> None:
        """Record that a generator or coroutine hands out a value and is suspended."""
        state = self._state(frame, code)
        if state is not None:
            line = self._line_now(frame, state)
            self._write(frame, state, Op.YIELD, line, self._time(), value)

    def resumed(self, frame: FrameType, code: CodeType, argument: object = None) -> None:
        """Record that a suspended frame goes on."""
        state = self._state(frame, code)
        if state is not None:
            state.thread = self._thread().number
            self._write(frame, state, Op.RESUME, state.line, self._time())

    def prepare_resume(self, frame: FrameType) -> tuple[FrameState | None, Sight]:
        """Read what `write_resume` will write, while it is still true."""
        state = self._state(frame, frame.f_code)
        if state is None:
            return None, Sight(0)
        state.thread = self._thread().number
        state.raised_at = -1
        state.is_suspended = False
        sight = self._looks.at_frame(self._block, frame, state)
        if self._is_new_block or len(sight.records) > self._sink.room:
            return state, Sight(0)  # it is looked at in the next block
        if sight.records:
            self._sink.append(sight.records, 0)
        return state, sight

    def write_resume(self, frame: FrameType | None, state: FrameState, sight: Sight) -> None:
        """Write a `resume` that was prepared; the settrace engine decides late.

        Where a block began between, the frame is looked at again, as long as it is there.
        """
        changes = sight.changes if self._level.has_values else b""
        sight = sight._replace(records=b"", changes=changes)
        self._write(frame, state, Op.RESUME, state.line, self._time(), sight=sight)

    def thrown(self, frame: FrameType, code: CodeType, error: BaseException) -> None:
        """Record that an exception is thrown into a suspended frame."""
        state = self._state(frame, code)
        if state is not None:
            state.thread = self._thread().number
            body = self._time() + self._exception(error)
            self._write(frame, state, Op.THROW, state.line, body, error=error)

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
        unwound, thread.unwound = thread.unwound, 0
        if id(code) not in self._codes or self.ends_a_loop(frame, code, error):
            return
        state = self._state(frame, code)
        if state is None:
            return
        behind = getattr(traceback, "tb_next", None)
        is_repeated = behind is not None and (
            (unwound != 0 and thread.unwound_frame == id(behind.tb_frame))
            or (
                (unwound == id(error) or self._is_unseen(behind))
                and not self._is_at(RAISES_ANEW, frame, code)
            )
        )
        is_known = is_repeated and any(id(f.f_code) in self._codes for f in frames_of(behind))
        if not is_repeated and behind is not None and issubclass(type(error), RecursionError):
            self._notice_lost_frames(behind)
        self._keep(frame, state, error, traceback)
        if not is_known:
            body = self._time() + state.exception
            line = self._line_now(frame, state)
            place = self.definitions.place(state.record, frame.f_lasti)
            self._write(frame, state, Op.RAISE, line, body, error=error, place=place)

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
                line, at = (
                    left_at(traceback_of(error), frame)
                    if error is not None
                    else (state.exception_line, state.exception_at)
                )
                if not line:
                    line, at = self._line_now(frame, state), frame.f_lasti
                place = self.definitions.place(state.record, at)
                self._write(frame, state, Op.UNWIND, line, self._time() + body, place=place)
                if error is None:
                    thread.unwound = state.exception_key
                    thread.unwound_frame = id(frame)
                    return
        thread.unwound = id(error)
        thread.unwound_frame = id(frame)

    def ends_a_loop(self, frame: FrameType, code: CodeType, error: BaseException) -> bool:
        """Tell the StopIteration that ends a `for` or an `await` in the interpreter: no raise."""
        return issubclass(type(error), StopIteration) and self._is_at(LOOPS, frame, code)

    def _is_at(self, instructions: frozenset[int], frame: FrameType, code: CodeType) -> bool:
        return self.bytecode(code)[frame.f_lasti] in instructions

    def _is_unseen(self, traceback: Any) -> bool:
        """Tell whether the exception came out of a frame whose events are not shown."""
        return bool(RAISES_ANEW) and id(traceback.tb_frame.f_code) not in self._codes

    def _notice_lost_frames(self, traceback: Any) -> None:
        """Count frames at the recursion limit, where no callback could be entered."""
        lost = sum(self._frames.pop(id(f), None) is not None for f in frames_of(traceback))
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
        state.exception_line, state.exception_at = left_at(traceback, frame)
        state.exception = self._exception(error)
        state.exception_key = id(error)
        state.exception_stops = ""
        for kind in (StopIteration, StopAsyncIteration):
            if issubclass(type(error), kind):
                state.exception_stops = kind.__name__

    # Operations: output, logs, spans.

    def output(self, frame: FrameType | None, stream: int, printed: str) -> None:
        """Record what was written, at the nearest frame in scope."""
        body = self._time() + bytes((stream,)) + self._printed(printed)
        self._write_aside(frame, Op.OUTPUT, body)

    def _log(self, frame: FrameType) -> None:
        # `logging.Logger.callHandlers(self, record)` is stdlib code: its `f_locals` are nobody's.
        parts = self._log_parts(frame.f_locals.get("record"))
        if parts is not None:
            level, logger, message = parts
            define = self.definitions.name
            body = self._time() + define(level) + define(logger) + self._printed(message)
            self._write_aside(frame.f_back, Op.LOG, body)

    def note(self, frame: FrameType, remark: str, _: object = None) -> None:
        """Record a remark of the program, as a log event of level NOTE."""
        define = self.definitions.name
        words = self._printed(exact(remark))
        body = self._time() + define("NOTE") + define("recording") + words
        self._write_aside(frame, Op.LOG, body)

    def span(self, phase: str, edge: str, names: tuple[str, str]) -> None:
        """Record the edge of a phase or a fixture; `names` is the fixture's name and an outcome."""
        thread = self._thread()
        fixed = bytes((PHASES.index(phase), EDGES.index(edge)))
        body = uv(thread.number) + self._time() + fixed + text(names[0]) + text(names[1])
        self._write_bare(bytes((Op.SPAN,)) + body)

    def lower_level(self, level: str) -> bool:
        """Record no more than this until the trace ends, and say so. False: it was no more."""
        with self._turn() as has_turn:
            if not has_turn or not self.is_open or not self._level.is_above(level):
                return False
            mark = uv(self._thread().number) + bytes((LEVELS.index(level),))
            self._write_bare(bytes((Op.LEVEL,)) + self._time() + mark)
            self._level.lower(level)
            return True

    def _printed(self, printed: str) -> bytes:
        # A secret that begins inside the bound must not be cut in two before it is found.
        return self._encoder.encode_text(self._mask(printed))

    def _write_aside(self, frame: FrameType | None, op: int, body: bytes) -> None:
        """Write an event at the nearest frame in scope, which is not looked at for it."""
        nearest, state, line = self._nearest(frame)
        is_known = nearest is None or state.block == self._block
        sight = Sight(self._block) if is_known else None
        self._write(nearest, state, op, line, body, sight=sight)

    def _nearest(self, frame: FrameType | None) -> tuple[FrameType | None, FrameState, int]:
        while frame is not None:
            state = self._frames.get(id(frame))
            if (
                state is not None
                and state.record is not None
                and state.record.code is frame.f_code
            ):
                return frame, state, frame.f_lineno or state.line
            if id(frame.f_code) in self._codes:
                adopted = self._state(frame, frame.f_code)
                if adopted is not None:
                    return frame, adopted, frame.f_lineno or adopted.line
            frame = frame.f_back
        return None, self._thread().nowhere, 0

    def forget_streams(self) -> None:
        """Look at `sys.stdout` and `sys.stderr` anew at the next event."""
        self._stdout = self._stderr = nothing

    def _streams_changed(self) -> None:
        self._stdout, self._stderr = giver(sys.stdout), giver(sys.stderr)
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
        state = FrameState(number, record, thread, self._parent(frame.f_back)[0])
        state.line = frame.f_lineno or record.first_line
        self._frames[id(frame)] = state
        return state

    def _parent(self, frame: FrameType | None) -> tuple[int, CodeRecord | None, int]:
        """Give the nearest recorded frame among these: its number, its code, where it stands."""
        frames = self._frames
        while frame is not None:
            state = frames.get(id(frame))
            if (
                state is not None
                and state.record is not None
                and state.record.code is frame.f_code
            ):
                return state.number, state.record, frame.f_lasti
            frame = frame.f_back
        return 0, None, -1

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
        return state.line if self._level.has_lines else frame.f_lineno or state.line

    def _exception(self, error: BaseException) -> bytes:
        encoder = self._encoder
        message = self._printed(self._message(error))
        reader = encoder.reader(type(error))
        return reader.type_id + encoder.objects.number_of(error, reader) + message

    def _unseen(self, state: FrameState, code: CodeType) -> bytes:
        """Give the exception that left a frame where the engine is not shown it."""
        define = self.definitions.type
        if not state.exception_key:
            return define("unknown", ()) + b"\0" + self._encoder.encode_text("")
        message = replaced_message(code, state.exception_stops)
        if message:
            return define("RuntimeError", ()) + b"\0" + self._encoder.encode_text(message)
        return state.exception

    # Records go out.

    def _write_call(self, frame: FrameType, state: FrameState, place: bytes) -> None:
        """Write the event that begins a frame, with its arguments."""
        record = state.record
        if record is None:
            return
        encoder = self._encoder
        fixed = uv(state.number) + record.number + uv(state.thread) + uv(state.parent)
        head = bytes((Op.CALL,)) + fixed + self._time()
        if self.lost:
            self._write_gaps()
        redacted = encoder.redacted
        while True:
            encoder.redacted = redacted
            seen = self._looks.at_arguments(self._block, frame, state)
            levels = state.levels_untold(self._block)
            whole = b"".join((levels, seen.records, place, head, seen.changes))
            if self._has_room(len(whole)):
                break
        state.values, state.roots, state.looked = seen.values, seen.roots, seen.number
        self._sink.append(whole, 1)
        self._written_us = self._last_us
        state.is_told(self._block)
        self._current = state

    def _has_room(self, size: int) -> bool:
        """Tell whether a record fits; else begin a block for it, in which all is told anew."""
        if self._is_new_block:
            self._level.begin_block(self._sink, size, self._written_us)
            self._is_new_block = False
        elif size > self._sink.room:
            self._block += 1
            self._current = None
            self._is_new_block = True
            return False
        return True

    def _write(
        self,
        frame: FrameType | None,
        state: FrameState,
        op: int,
        line: int,
        body: bytes,
        value: object = NO_VALUE,
        *,
        error: BaseException | None = None,
        sight: Sight | None = None,
        place: bytes = b"",
    ) -> None:
        """Write one event of a frame, after what makes that frame the current one.

        `sight` is what a look has found already, `place` the record that says where it happens.
        """
        if self.lost:
            self._write_gaps()
        if op not in (Op.RAISE, Op.UNWIND):
            self._thread().unwound = 0
        redacted = self._encoder.redacted
        while True:
            self._encoder.redacted = redacted
            if sight is None or sight.block != self._block:
                sight = self._looks.at_frame(self._block, frame, state, value, error)
            head = _MASKED[op | Op.CHANGES] if sight.changes else _MASKED[op]
            record = head + zz(line - state.line) + body + sight.value + sight.changes
            prefix = self._introduce(state, sight)
            whole = prefix + sight.records + place + record
            if self._has_room(len(whole)):
                break
        if self._level.has_values and sight.number:
            state.values, state.roots, state.looked = sight.values, sight.roots, sight.number
        elif frame is None and state.block != self._block:
            state.values, state.roots = {}, {}  # nobody could look
        self._sink.append(whole, 1)
        self._written_us = self._last_us
        self._current = state
        state.is_told(self._block)
        state.line = line

    def _write_bare(self, record: bytes) -> None:
        """Write an event that needs no current frame."""
        if self.lost and record[0] != Op.GAP:
            self._write_gaps()
        if self._is_new_block or len(record) > self._sink.room:
            self._block += 1
            self._current = None
            self._is_new_block = False
            self._level.begin_block(self._sink, len(record), self._written_us)
        self._sink.append(record, 1)
        if record[0] != Op.GAP:
            self._written_us = self._last_us

    def _write_gaps(self) -> None:
        lost, self.lost = self.lost, {}
        for reason, count in lost.items():
            number = self.definitions.name(reason)
            self._write_bare(bytes((Op.GAP,)) + uv(self._thread().number) + uv(count) + number)

    def _introduce(self, state: FrameState, sight: Sight) -> bytes:
        """Make a frame the current one; in a new block, or thread, with all that is new of it."""
        is_known = state.block == self._block
        levels = state.levels_untold(self._block)
        if is_known and state.thread == state.thread_told:
            if self._current is state:
                return levels
            return levels + bytes((Op.SWITCH,)) + uv(state.number)
        record = state.record
        code = record.number if record is not None else b"\0"
        head = levels + bytes((Op.FRAME,)) + uv(state.number) + code
        parts = [head, uv(state.thread) + uv(state.parent) + uv(state.line)]
        # Also none, where a reader may know some that are no more.
        if (
            record is not None
            and not is_known
            and self._level.has_values
            and (sight.values or (state.block != 0 and record.names))
        ):
            ids = record.name_ids
            parts.append(bytes((Op.STATE,)) + uv(len(sight.values)))
            parts.extend(ids[name] + value for name, value in sight.values.items())
        return b"".join(parts)


def _ignore(*_: object) -> None:
    return None
