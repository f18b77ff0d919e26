"""Values that show different numbers of levels are compared as far as both are shown."""

import pytest

from pytest_recorder.analysis.change_text import describe_change
from pytest_recorder.analysis.objects import Difference, differ, difference, path_text
from pytest_recorder.format.events import Value

ONE: Value = {"type": "int", "value": 1}
TWO: Value = {"type": "int", "value": 2}


def sequence(number: int, *items: Value) -> Value:
    return {"type": "list", "id": number, "length": len(items), "items": list(items)}


def instance(number: int, **attributes: Value) -> Value:
    return {"type": "m.C", "id": number, "attributes": attributes}


def mapping(number: int, *entries: list[Value]) -> Value:
    return {"type": "dict", "id": number, "length": len(entries), "entries": list(entries)}


def head(value: Value) -> Value:
    """Give a value as it stands at the bound on depth."""
    inner = next(name for name in ("items", "entries", "attributes") if name in value)
    empty: object = {} if inner == "attributes" else []
    full = value.get("length", len(value[inner]))
    return value | {inner: empty, "length": full, "truncated": True, "reason": "depth"}


LIST, OBJECT, DICT = sequence(5, ONE), instance(6, a=ONE, b=TWO), mapping(7, [ONE, TWO])


@pytest.mark.parametrize("inner", [LIST, OBJECT, DICT])
def test_what_one_of_two_values_shows_deeper_is_no_difference(inner: Value) -> None:
    for old, new in (
        (sequence(1, inner), sequence(1, head(inner))),
        (instance(1, x=ONE, y=inner), instance(1, y=head(inner), x=ONE)),
        (mapping(1, [ONE, inner]), mapping(1, [ONE, head(inner)])),
        (mapping(1, [inner, ONE]), mapping(1, [head(inner), ONE])),
    ):
        assert not differ(old, new)
        assert not differ(new, old)
        assert difference(old, new) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, ONE),
        (ONE, TWO),
        (LIST, sequence(8, ONE)),
        (LIST, head(sequence(5, ONE, TWO))),
        (head(LIST), head(sequence(6, ONE))),
        (OBJECT, head(instance(6, a=ONE))),
        (OBJECT, instance(6, a=ONE)),
        (OBJECT, instance(6, a=ONE, c=TWO)),
        (LIST, LIST | {"type": "collections.deque"}),
        (LIST, LIST | {"length": 9, "truncated": True, "reason": "items"}),
        (sequence(1, head(LIST), ONE), sequence(1, LIST, TWO)),
        (mapping(1, [ONE, LIST]), mapping(1, [TWO, head(LIST)])),
        (
            {"type": "decimal.Decimal", "id": 3, "value": "1"},
            {"type": "decimal.Decimal", "id": 3, "value": "2"},
        ),
    ],
)
def test_what_both_show_can_differ(old: Value | None, new: Value | None) -> None:
    assert differ(old, new)
    assert differ(new, old)


def test_a_difference_is_found_beside_what_only_one_shows() -> None:
    old, new = instance(1, x=ONE, y=LIST), instance(1, x=TWO, y=head(LIST))
    assert difference(old, new) == Difference(1, ("attr", "x"), ONE, TWO)
    assert describe_change("o", old, new) == ["o.x = 2"]


def test_of_what_only_one_shows_the_length_is_worded() -> None:
    old, new = sequence(1, LIST), sequence(1, head(sequence(5, ONE, TWO)))
    assert describe_change("o", old, new) == ["o[0] = [...depth, 2 in all]"]
    assert describe_change("o", sequence(1, head(LIST)), new) == ["len(o[0]) = 2"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((("attr", "a"), ("item", ("int", 0)), ("item", ("str", "k"))), "x.a[0]['k']"),
        ((("item", ("object", 31)), ("attr", "a")), "x[#31].a"),
        ((("key", ("object", 31)), ("item", ("int", 1))), "x.keys()[#31][1]"),
    ],
)
def test_a_path_is_written_as_python_would_and_a_key_that_is_an_object_by_its_number(
    path: tuple[tuple[str, object], ...], text: str
) -> None:
    assert path_text("x", path) == text
