"""What became of objects, from record to record and from block to block."""

from typing import Any

import pytest

from pytest_recorder.format import object_changes
from pytest_recorder.format.object_changes import ObjectChange, ObjectFollower
from pytest_recorder.format.parts import Container, ObjectRecord, Part, Reference, Splice
from pytest_recorder.format.vocabulary import Reason, Tag
from pytest_recorder.testing import record


def value(item: Any) -> Part:
    return {"type": type(item).__name__, "value": item}


def sequence(
    *items: Part, number: int = 1, kind: str = "list", full: int | None = None
) -> Part:
    parts = tuple((item,) for item in items)
    length = len(items) if full is None else full
    return Container(Tag.SEQUENCE, kind, number, [], length, Reason.WHOLE, parts)


def head(full: int, number: int = 1) -> Part:
    return Container(Tag.SEQUENCE, "list", number, [], full, Reason.DEPTH, ())


def follow(*told: Part | Splice, number: int = 1) -> list[ObjectChange | None]:
    follower = ObjectFollower()
    return [
        follower.take(n, ObjectRecord(number, one), {2: "dict"}.get)
        for n, one in enumerate(told)
    ]


def what(change: ObjectChange | None) -> list[tuple[Any, ...]] | None:
    return None if change is None else [(p.how, p.place, p.at) for p in change.parts]


def test_what_is_told_again_as_it_was_is_nothing_new() -> None:
    met, again = follow(sequence(value(1)), sequence(value(1)))
    assert met is not None
    assert (met.how, met.type, met.length) == ("met", "list", 1)
    assert again is None


def test_what_is_told_anew_in_another_block_is_compared_with_what_it_was() -> None:
    _, change = follow(sequence(value(1), value(2)), sequence(value(1), value(3), value(4)))
    assert what(change) == [("replaced", "index", 1), ("appended", "index", 2)]
    assert change is not None
    assert (change.length_before, change.length, change.is_doubtful) == (2, 3, False)


def test_where_nothing_is_as_it_was_the_identity_is_inferred() -> None:
    _, change = follow(sequence(value(1)), sequence(value(2)))
    assert change is not None
    assert change.is_doubtful
    _, grown = follow(sequence(), sequence(value(2)))
    assert grown is not None
    assert not grown.is_doubtful


def test_a_splice_that_leaves_parts_as_they_were_is_in_no_doubt() -> None:
    def splice(gone: int) -> Splice:
        return Splice(Tag.SEQUENCE, 2, Reason.WHOLE, True, 0, gone, ((value(9),),))

    assert [
        change is not None and change.is_doubtful
        for change in (
            follow(sequence(value(1)), splice(1))[1],
            follow(sequence(value(1), value(2)), splice(1))[1],
        )
    ] == [True, False]


def test_at_the_bound_on_depth_only_the_length_is_compared() -> None:
    whole = sequence(value(1))
    assert follow(whole, head(1), whole)[1:] == [None, None]
    assert follow(head(1), whole)[1] is None
    changed = follow(whole, head(2))[1]
    assert changed is not None
    assert (changed.length_before, changed.length, changed.parts) == (1, 2, ())


def test_other_objects_stand_by_number_and_type() -> None:
    (met,) = follow(sequence(Reference(2)))
    assert met is not None
    assert met.value is not None
    assert met.value["items"] == [{"type": "dict", "id": 2, "object": True}]


def test_beyond_a_bound_what_was_told_longest_ago_is_told_as_if_nothing_was_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_changes, "MAX_FOLLOWED_PARTS", 4)
    follower = ObjectFollower()
    hows = []
    for n, number in enumerate((1, 2, 3, 1)):
        told = ObjectRecord(number, sequence(value(number), number=number))
        change = follower.take(n, told, {}.get)
        hows.append(change and change.how)
    assert hows == ["met", "met", "met", "told"]


def test_what_would_move_too_many_parts_changes_without_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_changes, "MAX_FOLLOWED_MOVES", 2)
    splice = Splice(Tag.SEQUENCE, 5, Reason.WHOLE, False, 0, 0, ((value(9),),))
    *_, first, second = follow(sequence(*map(value, range(4))), splice, splice)
    assert what(first) == [("inserted", "index", 0)]
    assert second is not None
    assert (second.how, second.parts, second.length_before) == ("changed", (), None)


class Shop:
    def __init__(self) -> None:
        self.name = "a"


def changes_in_place() -> None:
    items = [1, 2, 3]
    items.append(4)
    del items[1]
    items[0] = 9
    items.insert(0, 7)
    table = {"a": 1}
    table["b"] = 2
    table["a"] = 3
    del table["b"]
    names = {"x"}
    names.add("y")
    names.discard("x")
    shop = Shop()
    shop.size = 3  # type: ignore[attr-defined]
    shop.name = "b"
    del shop.size  # type: ignore[attr-defined]
    data = bytearray(b"a")
    data += b"b"


def test_each_change_in_place_is_named() -> None:
    with record(changes_in_place).trace() as trace:
        said = [
            (change.type.rpartition(".")[2], part.how, part.place, shown(part.at))
            for _, changes in trace.events_with_objects()
            for change in changes
            for part in change.parts
        ]
    assert said == [
        ("list", "appended", "index", 3),
        ("list", "removed", "index", 1),
        ("list", "replaced", "index", 0),
        ("list", "inserted", "index", 0),
        ("dict", "added", "key", "b"),
        ("dict", "replaced", "key", "a"),
        ("dict", "removed", "key", "b"),
        ("set", "added", "item", None),
        ("set", "removed", "item", None),
        ("Shop", "added", "attribute", "name"),
        ("Shop", "added", "attribute", "size"),
        ("Shop", "replaced", "attribute", "name"),
        ("Shop", "removed", "attribute", "size"),
        ("bytearray", "replaced", "value", None),
    ]


def shown(at: Any) -> Any:
    return at["value"] if isinstance(at, dict) else at
