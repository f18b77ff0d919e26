"""Programs that let nothing die: so each hot path gives the same numbers to the same objects."""

import collections
import decimal
from typing import Any, NamedTuple


class Plain:
    pass


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self, left: object, right: object) -> None:
        self.left = left
        self.right = right


class Both(Slotted):
    def __init__(self, left: object, right: object) -> None:
        super().__init__(left, right)
        self.extra = left


class Point(NamedTuple):
    x: Any
    password: Any


class Text(str):
    __slots__ = ()


class Number(int):
    pass


def holds(value: Any) -> Any:
    again = [value]
    return [again, value]


def holds_containers() -> list[Any]:
    kept: list[Any] = []
    rows = [[number, str(number)] for number in range(25)]
    kept.append(rows)
    table = {"rows": rows, 1: rows[0], (1, 2): None}
    kept.append(table)
    for row in rows[:6]:
        kept.append(row)
        row.append(table)
        row[0] = row
    other = [rows, {"a": rows[1]}, {1, 2, 3}, collections.deque(rows[:2])]
    kept.append(other)
    rows[3], rows[4] = rows[4], rows[3]
    del rows[5:]
    table.pop("rows")
    table["again"] = other
    other[2].add(4)
    other[3].rotate()
    other *= 8
    return kept


def holds_instances() -> list[Any]:
    kept: list[Any] = []
    plain, slotted, both = Plain(), Slotted(1, None), Both([1], 2)
    plain.a = 1
    kept += [plain, slotted, both]
    plain.b = slotted
    slotted.left = both
    both.extra = plain
    for number in range(30):
        setattr(plain, f"n{number}", number)
    del both.right
    vars(plain).pop("a")
    error = ValueError(plain, "text")
    kept += [error, error.args]
    error.note = [slotted]
    kept.append(error.note)
    point = Point(plain, ["secret"])
    kept += [point, point.password, decimal.Decimal("1.5"), Text("text"), Number(3)]
    thing = kept[-3]
    kept.append([thing, kept[-1], kept[-2], Plain, holds_containers, len])
    thing = kept[-1]
    return kept


def holds_generators() -> list[Any]:
    kept: list[Any] = []

    def giving(rows: list[Any]) -> Any:
        mine = [rows]
        kept.append(mine)
        while True:
            got = yield mine
            rows.append(got)
            kept.append(got)

    rows: list[Any] = [1]
    steps, others = giving(rows), giving(rows)
    kept += [rows, steps, others]
    for number in range(400):
        next(steps) if number == 0 else steps.send([number])
        if number % 50 == 0:
            next(others)
    return kept


def resumes_where_a_block_begins(padding: int) -> list[Any]:
    """Fill a block of 16 KiB; `padding` decides which event is the first of the next one."""
    text = "x" * padding
    kept: list[Any] = [text]

    def giving() -> Any:
        got = []
        while True:
            got = yield got

    steps = giving()
    kept.append(steps)
    next(steps)
    for number in range(500):
        kept.append([number])
        steps.send(kept[-1])
    return kept
