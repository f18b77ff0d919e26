"""Holds the programs that are recorded. Nothing here knows who records it.

Each does the same work every time for one `scale`; at 1.0 it runs about 0.1 s untraced. Imports
the standard library only: each tool is told that this file, and nothing else, is in scope.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


def recursion(scale: float) -> int:
    return sum(_fib(17) for _ in range(_times(scale, 400)))


def _fib(n: int) -> int:
    if n < 2:
        return n
    return _fib(n - 1) + _fib(n - 2)


def tight_loop(scale: float) -> int:
    total = 0
    for i in range(_times(scale, 1_400_000)):
        total += i & 7
        if total > 1_000_000:
            total -= 1_000_000
    return total


@dataclass
class _Item:
    name: str
    price: int
    tags: list[str] = field(default_factory=list)


def strings_and_dataclasses(scale: float) -> int:
    totals: dict[str, int] = {}
    for i in range(_times(scale, 40_000)):
        item = _parse(f"item {i % 97};{i % 1009};red,green,{i}")
        key = _normalise(item.name)
        totals[key] = totals.get(key, 0) + _discounted(item)
    return sum(totals.values())


def _parse(text: str) -> _Item:
    name, price, tags = text.split(";")
    return _Item(name, int(price), tags.split(","))


def _normalise(name: str) -> str:
    words = name.strip().title().split()
    return "-".join(words)


def _discounted(item: _Item) -> int:
    rate = 10 if "red" in item.tags else 0
    options = {"rate": rate, "price": item.price}
    return options["price"] * (100 - options["rate"]) // 100


def generators_and_asyncio(scale: float) -> int:
    total = 0
    for value in _evens(_numbers(_times(scale, 800_000))):
        total += value
    return total + asyncio.run(_gather(_times(scale, 40_000)))


def _numbers(count: int) -> Iterator[int]:
    number = 0
    while number < count:
        yield number
        number += 1


def _evens(values: Iterator[int]) -> Iterator[int]:
    for value in values:
        if value % 2 == 0:
            yield value


async def _gather(steps: int) -> int:
    tasks = 10
    return sum(await asyncio.gather(*(_steps(steps // tasks) for _ in range(tasks))))


async def _steps(count: int) -> int:
    done = 0
    for _ in range(count):
        done += await _step(done)
        if done % 8 == 0:
            await asyncio.sleep(0)
    return done


async def _step(done: int) -> int:
    return 1 if done >= 0 else 0


class _RefusedError(Exception):
    pass


def exceptions(scale: float) -> int:
    caught = 0
    for i in range(_times(scale, 75_000)):
        try:
            _outer(i)
        except _RefusedError:
            caught += 1
    return caught


def _outer(i: int) -> int:
    try:
        return _inner(i)
    except ValueError as error:
        raise _RefusedError(i) from error


def _inner(i: int) -> int:
    if i % 3 == 0:
        raise ValueError(i)
    if i % 3 == 1:
        raise _RefusedError(i)
    return i


class _Account:
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.balance = 0
        self.moves = 0
        self.last = ""

    def put(self, amount: int) -> None:
        self.balance += amount
        self.moves += 1
        self.last = "put"

    def take(self, amount: int) -> bool:
        if self.balance < amount:
            self.last = "refused"
            return False
        self.balance -= amount
        self.moves += 1
        self.last = "take"
        return True


class _Point:
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def move(self, dx: int, dy: int) -> None:
        self.x += dx
        self.y += dy


def attributes(scale: float) -> int:
    account = _Account("a")
    point = _Point(0, 0)
    for i in range(_times(scale, 160_000)):
        account.put(i % 50)
        if i % 2:
            account.take(25)
        point.move(1, -1)
    return account.balance + account.moves + point.x


class _Bag:
    pass


def _holders(count: int) -> tuple[object, ...]:
    bag = _Bag()
    for i in range(count):
        setattr(bag, f"a{i}", i)
    numbers = range(count)
    thinned = set(range(count * 10)) - set(range(5, count * 10))
    return (
        bag,
        list(numbers),
        {f"k{i}": i for i in numbers},
        set(numbers),
        thinned,
        tuple(numbers),
    )


def _lines_beside(held: int) -> Callable[[float], int]:
    """Make a program whose lines have objects in view, of so many attributes or items each."""

    def run(scale: float) -> int:
        bag, items, entries, *sets = _holders(held)
        total = 0
        for i in range(_times(scale, 400_000)):
            total += i & 7
            if total > 1_000_000:
                total -= 1_000_000
        return total + len((bag, items, entries, sets))

    return run


def _times(scale: float, count: int) -> int:
    return max(int(count * scale), 1)


WORKLOADS: dict[str, Callable[[float], int]] = {
    "recursion": recursion,
    "tight loop": tight_loop,
    "strings": strings_and_dataclasses,
    "generators": generators_and_asyncio,
    "exceptions": exceptions,
    "attributes": attributes,
}

FEW, MANY = "10 in view", "1,000 in view"
IN_VIEW: dict[str, Callable[[float], int]] = {
    FEW: _lines_beside(10),
    MANY: _lines_beside(1000),
}
"""Not compared with others: what is in view must not matter."""
