"""Values that are shown through their objects, as these are at each event."""

from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.primitives import text, uv

DEFINITIONS = (
    b"\1" + uv(1) + text("x")
    + b"\2" + uv(1) + text("list") + uv(0)
    + b"\2" + uv(2) + text("bytearray") + uv(0)
    + b"\3" + uv(1) + text("m.py") + uv(0) + b"\4" + uv(1) + uv(1) + uv(1) + text("f")
)  # fmt: skip
CALL = b"\4" + uv(1) + uv(1) + uv(1) + uv(0) + uv(0) + uv(0)
USE = b"\x85" + uv(0) + uv(1) + uv(1) + b"\x13" + uv(1) + uv(0)
"""A line that changed what `x` refers to, object 1."""


def test_a_list_shows_what_changed_in_an_object_without_parts() -> None:
    tables = DefinitionTables()
    tables.feed(DEFINITIONS)
    held = b"\x10\x0c" + uv(1) + uv(1) + uv(1) + b"\0" + uv(1) + b"\x13" + uv(2)
    buffer = b"\x10\x10" + uv(2) + uv(2) + b"\n"
    data = CALL + held + buffer + text("a") + USE + buffer + text("ab") + USE
    shown = [
        event.changes["x"]["items"] for event in EventDecoder(tables, data) if event.changes
    ]
    assert [item["value"] for (item,) in shown] == ["61", "6162"]
