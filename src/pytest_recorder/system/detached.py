"""Starts a process of ours that the program under test does not meet, and speaks with it.

PYTEST_DONT_REWRITE

Problem: a child of the program's process is the program's to see: `os.wait` gives it, its end is a
SIGCHLD, Ctrl-C reaches it, and descriptors that the program has made inheritable leak into it.
What we do: on Linux, where the part in C is there, `_spawn` starts it so that no signal and no wait
tells of it. Elsewhere a small interpreter is started that forks and ends at once; it is reaped by
its number while SIGCHLD is blocked, and the signal is taken back where it tells of nothing else.
The process has a session of its own, so that no signal of a terminal reaches it, none of the
program's descriptors, `/` as its folder and the environment that there was when this was imported,
without what makes an interpreter do more than it is told. It ends when its pipe does. Windows has
neither forks nor such signals, and what is needed there was not tried: none is started on it.
What can still go wrong: where the program adopts orphans (it has the number 1, or has asked for
them), it has this one for a child. Without `_spawn`, another thread of the program that waits for
any child, or does not block SIGCHLD, in the milliseconds in which the first interpreter lives.
"""

import select
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pytest_recorder.errors import EnvironmentError, ErrorCode
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import clock, compiled, json_text
from pytest_recorder.system.files import HeldDescriptor, to_high_number
from pytest_recorder.system.originals import OS, environment

if sys.platform == "win32":
    import nt as _posix
else:
    import posix as _posix
    import signal

    # The functions in C, which those of `signal` wrap.
    _signal: Any = sys.modules["_signal"]

_REQUESTS: Final = 3
_ANSWERS: Final = 4
"""The numbers of its two descriptors."""
_UNWANTED: Final = ("PYTEST", "COV_CORE_", "COVERAGE_", "PYTHON")
_HEAD_BYTES: Final = 8
_CHUNK: Final = 1 << 16
_READABLE: Final = getattr(select, "POLLIN", 0)
_WRITABLE: Final = getattr(select, "POLLOUT", 0)

# Closes what it has inherited before anything else, then forks: whoever waits for the first one
# waits for the start of an interpreter, and for nothing of ours.
_SCRIPT: Final = """
import os, sys
try:
    most = os.sysconf("SC_OPEN_MAX")
except (AttributeError, ValueError, OSError):
    most = 4096
os.closerange(5, most if 0 < most < 1 << 20 else 1 << 20)
if sys.argv[2]:
    if os.fork():
        os._exit(0)
    os.setsid()
os.chdir(os.path.abspath(os.sep))
import json
paths, module, requests, answers, parent = json.loads(sys.argv[1])
sys.path.extend(path for path in paths if path not in sys.path)
import importlib
importlib.import_module(module).serve(requests, answers, parent)
"""


class Unavailable(EnvironmentError):  # noqa: N818 - a state of the process; `plugin` takes it
    """It cannot be started, or has died; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.IO, message)


class TooLate(EnvironmentError):  # noqa: N818 - the same
    """It has not answered in time."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.IO, "it did not answer in time")


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables without those that make an interpreter do more than it is told."""
    return {k: v for k, v in environ.items() if not k.startswith(_UNWANTED)}


class _Start:
    """What a start needs, as it was when this was imported."""

    def __init__(self) -> None:
        self.executable: Final = sys.executable
        self.paths: Final = [path for path in sys.path if path]
        self.environ: Final = without_ours(environment())
        self.is_quiet: Final = sys.dont_write_bytecode
        self.posix_spawn: Final = getattr(_posix, "posix_spawn", None)
        self.pipe: Final = _posix.pipe
        self.set_blocking: Final = getattr(_posix, "set_blocking", None)
        self.poll: Final = OS.poll
        module, _ = compiled.load("pytest_recorder.system._spawn")
        self.spawn: Final[Callable[..., None] | None] = getattr(module, "spawn", None)


_START: Final = _Start()


class Detached:
    """A process that answers requests one at a time; `exchange` may be called until it fails.

    Not for several threads at once, and not for a process that was forked since.
    """

    def __init__(self, requests: HeldDescriptor, answers: HeldDescriptor) -> None:
        self._requests = requests
        self._answers = answers
        self._pid = OS.getpid()
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Whether it can be asked by this process."""
        return not self._is_closed and self._pid == OS.getpid()

    def exchange(self, request: bytes, *, within_s: float) -> bytes:
        """Send a request and wait for its answer.

        Signal handlers of the program run meanwhile, and what they raise is raised here. Whatever
        is raised, the process is given up. Raises Unavailable where it has died, and TooLate.
        """
        until_ns = clock.elapsed_ns() + int(within_s * 1e9)
        is_done = False
        try:
            self._send(len(request).to_bytes(_HEAD_BYTES, "little") + request, until_ns)
            size = int.from_bytes(self._receive(_HEAD_BYTES, until_ns), "little")
            answer = self._receive(size, until_ns)
            is_done = True
        except OSError as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        finally:
            if not is_done:
                self.close()
        return answer

    def close(self) -> None:
        """Let it end. May be called again, and in a forked child."""
        self._is_closed = True
        for descriptor in (self._requests, self._answers):
            try:
                descriptor.close()
            except OSError:
                continue

    def _send(self, data: bytes, until_ns: int) -> None:
        rest = memoryview(data)
        while rest:
            number = self._wait(self._requests, _WRITABLE, until_ns)
            try:
                rest = rest[OS.write(number, rest[:_CHUNK]) :]
            except BlockingIOError:
                continue

    def _receive(self, size: int, until_ns: int) -> bytes:
        parts: list[bytes] = []
        while size > 0:
            number = self._wait(self._answers, _READABLE, until_ns)
            part = OS.read(number, min(size, _CHUNK))
            if not part:
                raise Unavailable("it died")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _wait(self, held: HeldDescriptor, event: int, until_ns: int) -> int:
        """Wait until a descriptor is ready, and give its number."""
        number = held.get()
        if number is None:
            raise Unavailable("its pipe was closed by the program")
        if _START.poll is None:
            return number
        poll = _START.poll()
        poll.register(number, event)
        left_ms = (until_ns - clock.elapsed_ns()) // 1_000_000
        if left_ms <= 0 or not poll.poll(left_ms):
            raise TooLate
        return number


def start(module: str, paths: Sequence[str] = ()) -> Detached:
    """Start a process that calls `serve(requests, answers, parent)` of a module of ours.

    `paths` come first in what it adds to the path of its standard library. Raises Unavailable.
    """
    if not _START.executable:
        raise Unavailable("this interpreter does not know its own file")
    opened: list[int] = []
    try:
        theirs, ours = _pipe(opened)
        answers, their_answers = _pipe(opened)
        about = [[*paths, *_START.paths], module, _REQUESTS, _ANSWERS, OS.getpid()]
        argument = json_text.encode_ascii(about).decode("ascii")
        # -P and -I: neither the current folder nor variables nor a `sitecustomize` have a say.
        flags = ["-I", "-S", *(["-B"] if _START.is_quiet else [])]
        command = [_START.executable, *flags, "-c", _SCRIPT, argument]
        _launch(command, _START.environ, theirs, their_answers)
        if _START.set_blocking is not None:
            _START.set_blocking(ours, False)
    except BaseException as error:
        for number in opened:
            OS.close(number)
        if isinstance(error, (OSError, ValueError)):
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        raise
    OS.close(theirs)
    OS.close(their_answers)
    return Detached(HeldDescriptor(ours), HeldDescriptor(answers))


def _pipe(opened: list[int]) -> tuple[int, int]:
    """Make a pipe whose ends have numbers that the program does not get."""
    ends = [to_high_number(number) for number in _START.pipe()]
    opened += ends
    if min(ends) <= _ANSWERS:
        raise Unavailable("no descriptor is free")
    return ends[0], ends[1]


if sys.platform == "win32":

    def _launch(*_: object) -> None:
        # Its descriptors would have to be handed over as handles: that was not tried.
        raise Unavailable("not on Windows")

else:

    class _Signals:
        def __init__(self) -> None:
            self.mask: Final = _signal.pthread_sigmask
            self.handler: Final = _signal.getsignal
            self.pending: Final = _signal.sigpending
            self.take: Final[Callable[..., Any]] = getattr(
                _signal, "sigtimedwait", self._wait_untimed
            )
            self.waitpid: Final = _posix.waitpid
            self.waitid: Final[Callable[..., Any] | None] = getattr(_posix, "waitid", None)
            self.defaults: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)

        @staticmethod
        def _wait_untimed(wanted: Any, _: float) -> Any:
            return _signal.sigwait(wanted)

    _SIGNALS: Final = _Signals()
    _CHILD: Final = frozenset((signal.SIGCHLD,))

    def _launch(
        command: list[str], environ: Mapping[str, str], requests: int, answers: int
    ) -> None:
        """Start it, and wait until whoever is its parent has ended."""
        if _START.spawn is not None:
            words = [word.encode() for word in (*command, "")]
            variables = [
                f"{name}={value}".encode("utf-8", "surrogateescape")
                for name, value in environ.items()
            ]
            _START.spawn(words, variables, requests, answers)
            return
        if _START.posix_spawn is None:
            raise Unavailable("this system has no posix_spawn")
        actions = [
            (_posix.POSIX_SPAWN_OPEN, 0, "/dev/null", _posix.O_RDONLY, 0),
            (_posix.POSIX_SPAWN_OPEN, 1, "/dev/null", _posix.O_WRONLY, 0),
            (_posix.POSIX_SPAWN_OPEN, 2, "/dev/null", _posix.O_WRONLY, 0),
            (_posix.POSIX_SPAWN_DUP2, requests, _REQUESTS),
            (_posix.POSIX_SPAWN_DUP2, answers, _ANSWERS),
        ]
        with _children_unseen():
            pid = _START.posix_spawn(
                command[0],
                [*command, "forks"],
                environ,
                file_actions=actions,
                setsigmask=(),
                setsigdef=_SIGNALS.defaults,
            )
            try:
                _reap(pid)
            except BaseException:
                # A handler of the program has raised: nobody else may meet the child.
                _reap(pid)
                raise

    def _reap(pid: int) -> None:
        try:
            _SIGNALS.waitpid(pid, 0)
        except ChildProcessError:
            # The program ignores SIGCHLD, and the system reaps for it, or a thread was quicker.
            return

    @contextmanager
    def _children_unseen() -> Generator[None]:
        """Let the end of a child that is reaped in the block call no handler of the program's."""
        handler = _SIGNALS.handler(signal.SIGCHLD)
        if handler in (signal.SIG_DFL, signal.SIG_IGN):
            yield
            return
        was_pending = signal.SIGCHLD in _SIGNALS.pending()
        before = _SIGNALS.mask(signal.SIG_BLOCK, _CHILD)
        try:
            yield
        finally:
            try:
                if not was_pending and signal.SIGCHLD in _SIGNALS.pending():
                    _take_signal()
            finally:
                _SIGNALS.mask(signal.SIG_SETMASK, before)

    def _take_signal() -> None:
        """Take a pending SIGCHLD back, unless it may be of a child of the program's."""
        if _SIGNALS.waitid is None:
            return
        flags = _posix.WEXITED | _posix.WNOHANG | _posix.WNOWAIT
        try:
            if _SIGNALS.waitid(_posix.P_ALL, 0, flags) is not None:
                return
        except ChildProcessError:
            # There is no other child at all.
            pass
        _SIGNALS.take(_CHILD, 0)
