"""A program that comes by every operation of a hot path, with containers that can be taken away."""

import collections
import contextlib
import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

log = logging.getLogger("misbehaving")
log.propagate = False
log.addHandler(logging.NullHandler())


class Holder:
    def __init__(self, *parts: Any) -> None:
        self.first, self.second, self.third = parts


class Other:
    pass


class Slots:
    __slots__ = ("left", "right")

    def __init__(self, left: Any, right: Any) -> None:
        self.left, self.right = left, right


class Pair(NamedTuple):
    user: Any
    password: Any


class Looked:
    """Containers of each kind, which nobody uses but the recorder."""

    def __init__(self) -> None:
        # Types that are met in the middle of a walk.
        self.new = [type(f"New{number}", (), {"n": number}) for number in range(4)]
        self.items: list[Any] = [self.new[0](), ["inner"]]
        self.table: dict[Any, Any] = {"api_key": self.new[1](), ("k",): [self.new[2]()], 3: {4}}
        self.holder = Holder(self.new[3](), [dt.date(2020, 1, 2)], 1 << 2000)
        self.slots = Slots([self.new[0]()], {"token": "short"})
        self.unique = {"text", 5}
        self.queue = collections.deque([self.new[1](), [self.holder]])
        self.data = bytearray(b"data")
        self.error = ValueError(self.items, "words")

    def change(self) -> None:
        """Take away whatever may be under the eyes of the recorder."""
        self.items[:] = [object() for _ in range(50)]
        self.items.clear()
        self.table.clear()
        self.table.update((str(n), n) for n in range(60))
        self.unique.clear()
        self.unique.update(range(100))
        self.queue.clear()
        self.data.clear()
        self.error.args = (object(),)
        vars(self.holder).clear()
        vars(self.holder).update((f"a{n}", object()) for n in range(40))
        self.holder.__class__ = Other  # type: ignore[assignment]
        for name in Slots.__slots__:
            with contextlib.suppress(AttributeError):
                delattr(self.slots, name)
        for number, kind in enumerate(self.new):
            kind.more = number
            kind.__qualname__ = f"Renamed{number}"
        self.__dict__.pop("queue", None)
        self.queue = collections.deque(range(3))


def fails(looked: Looked) -> None:
    error = KeyError("password=hunter22", looked.error)
    raise error


def yields(looked: Looked) -> Iterator[Any]:
    held = looked.items
    try:
        yield held
    except RuntimeError as error:
        kept = error
        yield repr(kept)


def program(looked: Looked) -> list[str]:
    """Come by every operation; the answer does not hang on what is looked at."""
    found = []
    items, table, holder = looked.items, looked.table, looked.holder
    more = (looked.slots, looked.unique, looked.queue, looked.data, looked.error)
    pair = Pair("me", looked.items)
    found.append(type(items).__name__ + type(table).__name__ + str(holder is not None))
    with contextlib.suppress(KeyError):
        fails(looked)
    generator = yields(looked)
    next(generator)
    found.append(generator.throw(RuntimeError("thrown", 1)))
    log.warning("seen %s of %s", 1, more[0])
    print("api_key=abcdefgh")
    found.append(str(len(more) + len(pair)))
    return found


def goes_on(number: int) -> int:
    total = number
    for part in range(3):
        total += part
    return total


def thread_of_its_own() -> None:
    goes_on(1)


EXPECTED = ["listdictTrue", "RuntimeError('thrown', 1)", "7"]
