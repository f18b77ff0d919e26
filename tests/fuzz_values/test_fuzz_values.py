"""A few hundred random programs, and those that once were recorded wrong; `just fuzz-values` has more."""

from pathlib import Path

import pytest

from pytest_recorder.engine.pure.objects import MOST_OBJECTS
from pytest_recorder.settings import MAX_COUNT
from tests.engines.support import HAS_NATIVE
from tests.fuzz_values import compare, program
from tests.fuzz_values.compare import Difference, check

pytestmark = pytest.mark.skipif(
    not HAS_NATIVE or not compare.is_possible(),
    reason="the witness needs sys.monitoring, and there must be two hot paths",
)
CHUNK = 20


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, CHUNK))
def test_each_local_at_each_event_is_what_a_tracer_of_its_own_sees(
    first: int, tmp_path: Path
) -> None:
    for seed in range(first, first + CHUNK):
        assert check(seed, tmp_path) > 10, seed


ONCE_WRONG = {
    "a function was told of by a frame that came to show fewer levels just then": """
        y = [[[i] for i in range(20)] for _ in range(20)]; x = [[change]]
        recorded_line(x)
        x = y = None
    """,
    "a function was told of by a frame that shows fewer levels": """
        x = [change, len]
        y = [[[i] for i in range(20)] for _ in range(20)]
        x.append(max)
        recorded_line(x)
        x = y = None
    """,
    "an item is made anew at the same address, and a variable refers to it too": """
        x = [Plain(a=1)]
        x[0] = None; y = Plain(b=2); x[0] = y
        z = x, y
        z = None
    """,
    "the class of an item is another one": """
        x = [Plain(a=1)]
        y = {"k": (x,)}
        x[0].__class__ = Other
        z = x[0]
        z = None
    """,
    "what has no parts changes in place, or at its address": """
        x = [bytearray(b"a"), [[Text("a")], Decimal(1)]]
        x[0][:] = b"bc"
        x[1][1] = None; x[1][1] = Decimal(2)
        x[1][0][0] = None; x[1][0][0] = Text("bc")
        x = None
    """,
    "what has no parts changes at the bound on depth": """
        x = [[[bytearray(b"a")]]]
        x[0][0][0][:] = b"b"
        y = x
        x[0][0][0] = None; x[0][0][0] = bytearray(b"c")
        x = y = None
    """,
    "a zone lies at the address of another one": """
        for i in range(5):
            x = None; x = timezone(timedelta(hours=i))
            y = None; y = datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=i)))
            z = None; z = time(1, tzinfo=timezone(timedelta(hours=i)))
        x = None
    """,
    "the digits of a long number lie elsewhere": """
        for i in range(5):
            x = None; x = Decimal("1" * 90 + str(i) + "1" * 90)
            y = [x, Decimal(i), i * Decimal("0.1")]
        x = None
    """,
    "an int differs in the middle": """
        n = 3
        for i in range(5):
            x = None; x = (n << 12000) + (i << 6000) + n
        x = None
    """,
    "a number lies where a date was": """
        x = [None]
        for i in range(20):
            x[0] = None; x[0] = date(2020, 1, 1)
            x[0] = None; x[0] = i / 2
            x[0] = None; x[0] = complex(i)
            x[0] = None; x[0] = timedelta(i)
            x[0] = None; x[0] = text(3).encode()
        x = None
    """,
    "a function has other names": """
        f = lambda: None
        f.__qualname__ = Text("one")
        f.__qualname__ = Text("two")
        f.__qualname__ = text(2, "z")
        f = [f]
        f[0].__qualname__ = Text("three")
        f = None
    """,
    "functions and classes in a container have other names": """
        x = {"f": lambda: None, "c": type("A", (), {}), "b": len}
        y = [lambda: None, type("B", (), {}), max]
        z = Plain(f=lambda: None, c=type("C", (), {}), b=min)
        x["f"].__qualname__ = text(3)
        y[0].__qualname__ = text(3)
        z.f.__qualname__ = text(3)
        x["c"].__qualname__ = text(2)
        y[1].__qualname__ = text(2)
        z.c.__qualname__ = text(2)
        x["f"].__qualname__ = Text("three")
        x["c"].__module__ = "elsewhere"
        x["f"].__code__ = (lambda: 1).__code__
        x["b"] = z.b
        x = y = z = None
    """,
    "a function lies at the address of another one": """
        x = [None]
        y = {"f": None}
        z = Plain(f=None)
        for i in range(6):
            x[0] = None; x[0] = eval("lambda: " + str(i))
            y["f"] = None; y["f"] = eval("\\n" * i + "lambda: " + str(i))
            z.f = None; z.f = type("T" + str(i % 2), (), {})
            x[0] = None; x[0] = [i]
            x[0] = lambda: 0
            x[0] = None; x[0] = lambda: 1
            x[0] = None; x[0] = (lambda:
                                 2)
        x = y = z = None
    """,
    "a function in a container is seen at the bound first": """
        x = [[[{"f": lambda: None, "g": len}]]]
        y = x[0][0]
        y[0]["f"].__qualname__ = text(3)
        z = y[0]
        z["f"].__qualname__ = text(2)
        y = None
        z = None
        x[0][0][0]["f"].__qualname__ = text(4)
        z = x[0][0][0]
        x = z = None
        x = [[{"f": lambda: None, "c": type("A", (), {})}]]
        y = x
        z = x[0][0]
        x = y = z = None
    """,
    "what was in view is at the bound now, and what it held is freed": """
        x = [[1, [2], Plain(a=[3])]]
        y = [[x[0]]]
        x = None
        y[0][0][1] = None; y[0][0][2] = None
        churn(20)
        y[0][0].pop()
        churn(20)
        x = 1
        x = y = None
    """,
    "what was seen by its size only comes nearer": """
        x = [[[[1, [2]]]]]
        y = x[0][0][0]
        y = None
        x[0][0][0][1] = [3]
        y = x[0][0][0]
        y = None
    """,
    "an object without parts is referred to again": """
        x = Decimal(1)
        a = [x, Color.RED, Text("t")]
        y = x
        z = [a[1], a[2], y]
        x = None
    """,
}
"""Statements of a function, by what they are about."""


@pytest.mark.parametrize("name", ONCE_WRONG)
@pytest.mark.parametrize("seed", [0, 1], ids=["one block", "many blocks"])
def test_what_once_was_wrong(name: str, seed: int, tmp_path: Path) -> None:
    body = "\n".join(line[4:] for line in ONCE_WRONG[name].strip("\n").splitlines())
    check(seed, tmp_path, f"{program.HEAD}\ndef main():\n{body}\n")


OVERFLOW = """
    kept = iter([])
    one = [1, [2]]
    other = Plain(one=one)
    {begin}
    for number in range(6):
        {step}
        one[1].append(number)
    one[0] = other
    other = None
    one = None
"""
IN_VIEW = {
    # More than fit are out of view.
    "one": ("x = None; keep = []; f = lambda: keep", "x = grid(number); f().extend([x] * 21)"),
    # More than half of those that fit are in view.
    "three": ("x = y = z = None", "x, y, z = grid(number), x, y"),
}


def overflow(view: str) -> str:
    begin, step = IN_VIEW[view]
    body = OVERFLOW.format(begin=begin, step=step)
    return f"{program.HEAD}\ndef main():{body}"


@pytest.mark.slow
@pytest.mark.parametrize("view", IN_VIEW)
def test_values_are_right_when_there_are_more_objects_than_the_table_takes(
    view: str, tmp_path: Path
) -> None:
    check(0, tmp_path, overflow(view), objects=MAX_COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("engine", compare.ENGINES)
def test_an_object_in_view_keeps_its_number_when_others_are_forgotten(
    engine: str, tmp_path: Path
) -> None:
    case = compare.Case(0, tmp_path, overflow("one"), objects=MAX_COUNT)
    told = list(compare.tell(case.recorded(engine)))
    held = [one.values["one"] for one in told if "one" in one.values]
    numbers = [value["id"] for value in held if "id" in value]
    assert len(numbers) > 15
    assert len(set(numbers)) == 1
    grids = {one.values["x"]["id"] for one in told if one.values.get("x", {}).get("id")}
    assert max(grids) > MOST_OBJECTS
    assert len(grids) == 6


def test_a_level_of_functions_alone_closes_none(tmp_path: Path) -> None:
    """C does not come to it, for what holds them tells that they are as they were."""
    body = (
        "l1 = [[change]]\n    l2 = []\n    d1 = {(1, 2): 3}\n    l1 = l2 = None\n    return d1"
    )
    check(0, tmp_path, f"{program.HEAD}\ndef main():\n    {body}\n", objects=4)


def test_a_difference_is_found(tmp_path: Path) -> None:
    """What a tracer sees of one program is not what another one does."""
    text = f"{program.HEAD}\ndef main():\n    x = [1]\n    x[0] = 2\n    return x\n"
    case = compare.Case(0, tmp_path, text)
    told = list(compare.tell(case.recorded(compare.ENGINES[0])))
    other = compare.Case(1, tmp_path, text.replace("x[0] = 2", "x[0] = 3"))
    with pytest.raises(Difference, match=r"x\.items\[0\]"):
        compare.compare_with_witness(told, other.seen())
