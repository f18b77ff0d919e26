"""Says how much of a trace a reader holds at once, so that a small file costs little memory.

A file can deflate to a thousandth of what it holds, and a byte of a record becomes a hundred of an
object. An honest trace of a loop deflates as well as a hostile one, so nothing here is a share of
the file that a trace may not exceed: events are decoded block by block, and what one block or one
table holds is bounded, by the limits of the format and by those here.
"""

from typing import Final

MAX_SHOWN_VALUES: Final = 1 << 18
"""Items, entries and attributes of one block that are shown. The rest is read past, and marked."""
MAX_SHOWN_BYTES: Final = 1 << 24
"""Bytes of the texts of one block that are shown. The rest is cut, and marked."""
CUT_TEXT: Final = 256
"""Characters or bytes that are shown of a text that is cut here."""
NOT_HELD: Final = "more than a reader holds at once"
"""Why a value is cut that was recorded whole."""

MAX_WORD: Final = 4096
"""Characters of a name, a type, a path or a function, and of all fields of a type together."""
DEFINITION_COST: Final = 128
"""What a definition costs besides its bytes."""
LEAST_DEFINITIONS: Final = 1 << 25
"""What the definitions of any file may cost."""
DEFINITIONS_PER_BYTE: Final = 64
"""What they may cost for each byte of the file. Those of 600 real traces cost 6 at most."""
MAX_VALUE_PARTS: Final = 1 << 16
"""Parts of one value that is shown through its objects, at all depths."""
MAX_BLOCK_WORK: Final = 1 << 23
"""Parts of values that are shown through the objects of one block, each counted with the objects
in it. Beyond that, values are cut."""
MAX_SIGHTINGS: Final = 1 << 18
"""Objects that are found in the records of one block. No writer makes a block of more than 256 KiB,
and each takes two bytes."""
MAX_FOLLOWED_PARTS: Final = 1 << 18
"""Parts of objects that are compared from one record to the next; what was told longest ago is
forgotten first."""
MAX_FOLLOWED_MOVES: Final = 1 << 24
"""Parts that may have to move where others come or go before them. An object is not compared any
more beyond that."""
