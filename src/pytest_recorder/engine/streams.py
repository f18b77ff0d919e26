"""Sees what is written through `sys.stdout` and `sys.stderr` without replacing them.

PYTEST_DONT_REWRITE

Problem: `print` calls `sys.stdout.write` from C, which no engine reports. Replacing `sys.stdout`
changes what the program and pytest's capture see (`sys.stdout is stream`, `isinstance`, `buffer`),
and an attribute `write` of the stream object stands in its `vars()`, its copies and its pickle.
What we do: where the part in C was built, `_taps` stands in the place of the two methods in C that
write text, and nothing stands on a stream. Elsewhere, and for a stream whose class has a `write` of
its own, the object gets an instance attribute `write` while it is one of the two; it goes at the
first event after the stream was replaced. It calls the method of the class and then tells the hot
path. It knows its stream by a weak reference, so that a `StringIO` dies when the program lets go of
it. Only text streams of `io` and their subclasses can be watched so; a writer class of the
program's own is Python code and recorded as such.
What can still go wrong: an error raised by such an attribute has one frame of ours in its
traceback, and the program can see it as long as its stream is watched; bytes that go to
`sys.stdout.buffer` or to the file descriptor are not seen.
"""

# What is recorded can be of any type: pyright's unknowns are the subject here, not an oversight.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false

import sys
import weakref
from collections.abc import Callable
from io import StringIO, TextIOWrapper
from types import CodeType, FrameType, FunctionType
from typing import Any

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import compiled
from pytest_recorder.system.originals import INTERPRETER, allocate_lock
from pytest_recorder.system.slots import mro_of, namespace_of

_WHOLE = slice(None)
_LOCK_TIMEOUT_S = 1.0

Report = Callable[[FrameType | None, int, str], None]


class _Taps:
    """The taps that are open in this process: `_taps` has room for one report."""

    def __init__(self) -> None:
        self._module, _ = compiled.load("pytest_recorder.engine._taps")
        self._open: tuple[StreamTap, ...] = ()
        self.is_installed = False
        """Whether streams with a `write` of `io` need no attribute."""

    def add(self, tap: "StreamTap") -> None:
        """Let a tap see what is written from now on."""
        if self._module is None or any(each is tap for each in self._open):
            return
        if not self._open:
            self.is_installed = self._module.install(self._written)
        if self.is_installed:
            self._open = (*self._open, tap)

    def remove(self, tap: "StreamTap") -> None:
        """Let it see nothing more."""
        self._open = tuple(each for each in self._open if each is not tap)
        if self.is_installed and not self._open and self._module is not None:
            self.is_installed = False
            self._module.install(None)

    def _written(self, frame: FrameType | None, stream: int, text: Any) -> None:
        for tap in self._open:
            tap.take(frame, stream, text)


class StreamTap:
    """Watches the streams: `watch` after every change, `pause`, `release` at the end.

    A stream counts while it is `sys.stdout` or `sys.stderr`: one that was replaced may be passed on
    to by the new one, as pytest's `--capture=tee-sys` does, and that is one output, not two.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._is_open = False
        self._is_tapping = False
        self._lock = allocate_lock()
        self._hooks: list[tuple[weakref.ref[Any], Any]] = []

    def watch(self, *_: object) -> None:
        """Watch whatever `sys.stdout` and `sys.stderr` are now, too."""
        # Two threads can come here at the same time, a signal handler even into itself: whoever
        # finds another inside has nothing to add.
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._is_open = True
            if not self._is_tapping:
                self._is_tapping = True
                _TAPS.add(self)
            if self._hooks:
                self._unhook_replaced()
            # Spelled out: this is asked at the beginning of each phase of each test.
            has_taps = _TAPS.is_installed
            plain: type[Any] | None = None
            for stream in (sys.stdout, sys.stderr):
                if stream is None or type(stream) is plain:
                    continue
                if has_taps and _has_plain_write(type(stream)):
                    plain = type(stream)
                    continue
                if not self._is_known(stream):
                    self._hook(stream)
        finally:
            self._lock.release()

    def pause(self) -> None:
        """Report nothing until the next `watch`; the hooks stay, for pytest switches often."""
        self._is_open = False

    def release(self) -> None:
        """Leave every stream as it was found."""
        self._is_open = False
        self._is_tapping = False
        _TAPS.remove(self)
        is_alone = self._lock.acquire(timeout=_LOCK_TIMEOUT_S)
        try:
            for known, hook in self._hooks:
                stream = known()
                if stream is not None:
                    _unhook(stream, hook)
            self._hooks.clear()
        finally:
            if is_alone:
                self._lock.release()

    def take(self, frame: FrameType | None, stream: int, text: Any) -> None:
        """Tell of a text that was written to `sys.stdout` (0) or `sys.stderr` (1)."""
        if not self._is_open or not issubclass(type(text), str):
            return
        # What has an attribute of ours tells of it by that.
        written = sys.stderr if stream else sys.stdout
        if not any(known() is written for known, _ in self._hooks):
            # A subclass of the program's may have its own idea of everything but this.
            plain = str.__getitem__(text, _WHOLE)
            if plain:
                self._report(frame, stream, plain)

    def _unhook_replaced(self) -> None:
        """Leave what is no standard stream any more as it was found."""
        if not self._hooks:
            return
        there = (sys.stdout, sys.stderr)
        still: list[tuple[weakref.ref[Any], Any]] = []
        for known, hook in self._hooks:
            stream = known()
            if stream is None:
                continue
            if any(stream is each for each in there):
                still.append((known, hook))
            else:
                _unhook(stream, hook)
        self._hooks = still

    def _is_known(self, stream: Any) -> bool:
        # Spelled out: this is asked at each edge of a phase of each test.
        for known, hook in self._hooks:
            if known() is stream:
                return vars_of(stream).get("write") is hook
        return False

    def _wrote(self, stream: Any, frame: FrameType | None, text: str) -> None:
        if self._is_open:
            if stream is sys.stdout:
                self._report(frame, 0, text)
            elif stream is sys.stderr:
                self._report(frame, 1, text)

    def _hook(self, stream: Any) -> None:
        kind = type(stream)
        if not issubclass(kind, (TextIOWrapper, StringIO)):
            return
        if "write" in vars_of(stream):
            return
        known = weakref.ref(stream)
        hook = make_hook(known, kind.write, self._wrote)
        object.__setattr__(stream, "write", hook)
        # Those of streams that have died have gone with them.
        self._hooks = [(other, its) for other, its in self._hooks if _has(other(), its)]
        self._hooks.append((known, hook))


_TAPS = _Taps()


def _has_plain_write(kind: type[Any]) -> bool:
    """Tell whether text streams of this class are written to by a method in C; runs no code."""
    for base in mro_of(kind):
        if base is TextIOWrapper or base is StringIO:
            return True
        if "write" in namespace_of(base):
            return False
    return False


def may_replace_streams(code: CodeType) -> bool:
    """Tell whether code names the streams: it may put others in their place.

    `sys.stdout = x`, `redirect_stdout(x)`, `setattr(sys, "stdout", x)`, `patch("sys.stdout")`.
    """
    texts = [each for each in code.co_consts if type(each) is str]
    words = "\0".join((*code.co_names, *code.co_varnames, *texts))
    return "stdout" in words or "stderr" in words


def _unhook(stream: Any, hook: Any) -> None:
    if _has(stream, hook):
        object.__delattr__(stream, "write")


def _has(stream: Any, hook: Any) -> bool:
    return stream is not None and vars_of(stream).get("write") is hook


def vars_of(stream: Any) -> dict[str, Any]:
    """Give the instance dictionary of a text stream of `io`."""
    namespace: dict[str, Any] = object.__getattribute__(stream, "__dict__")
    return namespace


def make_hook(
    known: Callable[[], Any],
    method: Callable[[Any, Any], Any],
    wrote: Callable[[Any, FrameType | None, str], None],
) -> Callable[[Any], Any]:
    """Make the `write` of one stream object."""

    def write(text: Any, /) -> Any:
        __tracebackhide__ = True
        stream = known()
        result = method(stream, text)
        if issubclass(type(text), str):
            # A subclass of the program's may have its own idea of everything but this.
            plain = str.__getitem__(text, _WHOLE)
            if plain:
                # No caller: the interpreter itself prints, when the program is over.
                wrote(stream, INTERPRETER.getframe().f_back, plain)
        return result

    return write


HOOK_CODES = tuple(part for part in make_hook.__code__.co_consts if type(part) is CodeType)


def is_hook(value: object) -> bool:
    """Tell a `write` of ours from the program's: it is no state of the stream."""
    return type(value) is FunctionType and value.__code__ in HOOK_CODES
