"""Finds the piece of source that an instruction comes from, and defines it before its first use.

PYTEST_DONT_REWRITE
"""

from collections.abc import Callable
from types import CodeType

from pytest_recorder.format.primitives import uv
from pytest_recorder.format.vocabulary import Define, Op
from pytest_recorder.original_builtins import __builtins__

Piece = tuple[int | None, int | None, int | None, int | None]
"""First line, last line, column and end column; what the compiler did not say is None."""


class CodePositions:
    """What is known of the instructions of one code object."""

    __slots__ = ("_by_offset", "_by_piece", "_code", "_pieces")

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._pieces: tuple[Piece, ...] | None = None  # by instruction, once they are needed
        # The records PLACE of this trace: two instructions of one piece share its number.
        self._by_offset: dict[int, bytes] = {}
        self._by_piece: dict[Piece, bytes] = {}

    def reset(self) -> None:
        """Forget the numbers: another trace defines the code anew."""
        self._by_offset, self._by_piece = {}, {}

    def place(self, at: int, define: Callable[[Piece], bytes]) -> bytes:
        """Give the record PLACE of the instruction at an offset, from `define` where it is new."""
        known = self._by_offset.get(at)
        if known is None:
            piece = self._piece(at // 2)
            known = self._by_piece.get(piece)
            if known is None:
                known = self._by_piece[piece] = define(piece)
            self._by_offset[at] = known
        return known

    def _piece(self, instruction: int) -> Piece:
        pieces = self._pieces
        if pieces is None:
            # Each instruction has a tuple of its own there, and mostly the same as its neighbours.
            same: dict[Piece, Piece] = {}
            pieces = tuple([same.setdefault(p, p) for p in self._code.co_positions()])
            self._pieces = pieces
        return pieces[instruction] if 0 <= instruction < len(pieces) else _NOWHERE


class Positions:
    """Numbers the pieces of source of one trace."""

    def __init__(self, define: Callable[[bytes], None]) -> None:
        """`define` appends to the definitions."""
        self._define = define
        self._count = 0

    def reset(self) -> None:
        """Forget the numbers."""
        self._count = 0

    def record(self, piece: Piece) -> bytes:
        """Define a piece, and give the record PLACE that refers to it.

        Nothing where Python does not know the columns: code that no source was written for,
        `-X no_debug_ranges`.
        """
        line, end_line, column, end_column = piece
        if line is None or end_line is None or column is None or end_column is None:
            return b""
        if min(line, end_line, column, end_column) < 0:
            return b""  # a table that no compiler has made
        self._count += 1
        number = uv(self._count)
        fields = (uv(line), uv(end_line), uv(column), uv(end_column))
        self._define(b"".join((bytes((Define.POSITION,)), number, *fields)))
        return bytes((Op.PLACE,)) + number


_NOWHERE: Piece = (None, None, None, None)
