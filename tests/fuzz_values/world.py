"""What random programs are made of, outside the scope of the recording: classes, and changes."""

import ctypes
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple


class Plain:
    """Its attributes lie inline, as long as nobody asks for its dictionary."""

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


class Other(Plain):
    """Can be the class of an instance of Plain."""


class Slots:
    """Has no dictionary."""

    __slots__ = ("p", "q", "r")

    def __init__(self, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


class Both(Slots):
    """Has slots and a dictionary."""


@dataclass
class Data:
    """A data class."""

    one: Any = None
    many: list[Any] = field(default_factory=list[Any])


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any = 0


class Failure(Exception):
    """An exception with attributes."""


class Color(Enum):
    """An enumeration."""

    RED = 1
    GREEN = (2, 3)


class Text(str):
    """A subclass of str."""

    __slots__ = ()


class Number(int):
    """A subclass of int, with a dictionary that is not shown."""


class Real(float):
    """A subclass of float, as small as a float."""

    __slots__ = ()


class Items(list[Any]):
    """A subclass of list."""


class Table(dict[Any, Any]):
    """A subclass of dict."""


def _of_a_list(held: Any, kind: int, value: Any) -> None:
    if kind == 0 or not held:
        held.append(value)
    elif kind == 1:
        held.pop()
    elif kind == 2:
        held[len(held) // 2] = value
    elif kind == 3:
        held.insert(0, value)
    elif kind == 4:
        del held[0]
    else:
        last = held.pop()
        last = None
        held.append(value if last is None else last)


def _of_a_dict(held: dict[Any, Any], kind: int, value: Any) -> None:
    first = next(iter(held), "none")
    if kind == 0:
        held[f"k{len(held)}"] = value
    elif kind == 1:
        held.pop(first, None)
    elif kind == 2:
        held[first] = value
    elif kind == 3:
        held.clear()
    else:
        held.pop(first, None)
        held[first] = value


def _of_attributes(held: Any, kind: int, value: Any) -> None:
    names = [name for name in getattr(held, "__dict__", ()) if isinstance(name, str)]
    if kind == 0 or not names:
        held.p = value
    elif kind == 1:
        delattr(held, names[0])
    elif kind == 2:
        setattr(held, names[-1], value)
    elif kind == 3:
        vars(held)["v"] = value
    elif kind == 4:
        held.__dict__ = {**vars(held), "d": value}
    else:
        delattr(held, names[0])
        setattr(held, names[0], value)


def change(held: Any, kind: int, value: Any = None) -> None:
    """Change something in place, if it can be; the kinds are 0 to 5."""
    if isinstance(held, (list, deque)):
        _of_a_list(held, kind, value)
    elif isinstance(held, dict):
        _of_a_dict(held, kind, value)
    elif isinstance(held, set):
        held.symmetric_difference_update({kind, len(held)})
    elif isinstance(held, bytearray):
        held[:1] = bytes((kind, 65))
    elif isinstance(held, (Data, Failure, Plain, Slots)):
        _of_attributes(held, kind, value)


def change_deep(held: Any, kind: int, value: Any = None) -> None:
    """Change the innermost thing that is first in each other."""
    for _ in range(6):
        inner: Any = None
        if isinstance(held, (list, tuple)):
            inner = held[0] if held else None
        elif isinstance(held, dict):
            inner = next(iter(held.values()), None)
        else:
            inner = next(iter(getattr(held, "__dict__", {}).values()), None)
        if not isinstance(inner, (list, tuple, dict, Plain, set, deque)):
            break
        held = inner
    change(held, kind, value)


def elsewhere(function: Callable[..., Any], *args: Any) -> None:
    """Call something in another thread, and wait for it."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def poke(name: str, value: Any) -> None:
    """Give a variable of the caller another value."""
    frame = sys._getframe(1)
    if name not in frame.f_locals:
        return
    frame.f_locals[name] = value
    if sys.version_info < (3, 13):
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))


def text(count: int, letter: str = "a") -> str:
    """Make a string that is no constant."""
    return letter * count


def churn(count: int) -> None:
    """Make objects and free them, so that addresses are used again."""
    for i in range(count):
        [i], {"a": i}, Plain(a=i), float(i), (i, i), {i}


def grid(first: int) -> list[Any]:
    """Make as many lists as can be in view of one variable: 8421."""
    return [[[[first, i, j, k] for k in range(20)] for j in range(20)] for i in range(20)]


class _Worker:
    """A thread that runs one function after the other."""

    def __init__(self) -> None:
        self.todo: list[Callable[[], Any]] = []
        self.go = threading.Semaphore(0)
        self.done = threading.Semaphore(0)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while self.go.acquire() and self.todo:
            self.todo.pop()()
            self.done.release()


_WORKERS: list[_Worker] = []


def begin_worker() -> None:
    """Start a thread that waits for work."""
    _WORKERS.append(_Worker())


def work(function: Callable[..., Any], *args: Any) -> None:
    """Run a function there, and wait for it."""
    worker = _WORKERS[-1]
    worker.todo.append(lambda: function(*args))
    worker.go.release()
    worker.done.acquire()


def end_worker() -> None:
    """End the thread."""
    worker = _WORKERS.pop()
    worker.go.release()
    worker.thread.join()
