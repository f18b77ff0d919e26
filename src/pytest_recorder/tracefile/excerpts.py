"""Makes the blocks of sources: of each file the lines of what ran, and of what stands around it.

PYTEST_DONT_REWRITE

Kept are the functions that ran, whole, with their decorators; the heads of the classes, functions
and other blocks around them; of a module or class whose own code ran, all but functions that did
not; and the statements of modules and classes that bind a name which stands in what is kept, or
import it from another file of the trace: these say where a global value is from. Where some code
cannot be found in its file, because it was made from another text, the file is kept whole.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.layout import BlockKind
from pytest_recorder.format.primitives import uv
from pytest_recorder.format.vocabulary import MAX_SOURCE_LINES
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.tracefile.blocks import deflate
from pytest_recorder.tracefile.outline import Outline, Statement, words_of

Place = tuple[int, str]
"""The first line of a code object, and its name."""

_MODULE = "<module>"
_FAILING = "<failing>"
_OF_COMPILER = ("<", "__annotate__")
"""Names that the compiler gives: of lambdas, comprehensions, scopes of types and annotations."""
_KEPT = re.compile(b"\1+")
_ENCODING = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*+(?!utf-?8\b)", re.IGNORECASE)
_MOST_HELD_BYTES = 8 * 1024 * 1024


class SourceBlock(NamedTuple):
    """A block of a source, deflated; `size` is what it takes inflated."""

    kind: int
    stored: bytes
    size: int


class Excerpts:
    """Makes the blocks for one trace after the other: those of a process have most in common."""

    def __init__(self) -> None:
        self._files: dict[bytes, _File] = {}
        self._blocks: dict[tuple[bytes, bytes], SourceBlock] = {}
        self._held_bytes = 0

    def blocks(
        self,
        definitions: DefinitionTables,
        sources: Mapping[bytes, bytes],
        also: tuple[str, int] | None = None,
    ) -> Iterator[SourceBlock]:
        """Give the blocks of a trace with these definitions; `also` is a line that is kept.

        `sources` maps SHA-256 digests to texts.
        """
        places = _places(definitions, also)
        files = {
            digest: self._file(digest, sources[digest])
            for digest in places
            if digest in sources
        }
        kept = {digest: file.keep(places[digest]) for digest, file in files.items()}
        words = set[bytes]().union(*(part.words for part in kept.values()))
        types = {
            name.rpartition(".")[2].encode("utf-8", "replace")
            for name, _ in definitions.types.values()
        }
        modules = _modules(definitions)
        for digest, file in files.items():
            lines = kept[digest].lines
            if lines is not None:
                file.keep_bound(lines, words, types, modules)
            yield self._block(digest, file, lines)

    def clear(self) -> None:
        """Hold nothing any more."""
        self._files.clear()
        self._blocks.clear()
        self._held_bytes = 0

    def _file(self, digest: bytes, text: bytes) -> "_File":
        file = self._files.get(digest)
        if file is None:
            file = self._files[digest] = _File(text)
        return file

    def _block(self, digest: bytes, file: "_File", lines: bytearray | None) -> SourceBlock:
        key = digest, bytes(lines) if lines is not None else b""
        block = self._blocks.get(key)
        if block is None:
            if lines is None or lines.find(0, 1) < 0:
                kind, plain = BlockKind.SOURCE, digest + file.text
            else:
                kind, plain = BlockKind.EXCERPT, digest + file.excerpt(lines)
            block = SourceBlock(kind, deflate(plain), len(plain))
            self._held_bytes += len(key[1]) + len(block.stored)
            if self._held_bytes > _MOST_HELD_BYTES:
                self._blocks.clear()
                self._held_bytes = len(key[1]) + len(block.stored)
            self._blocks[key] = block
        return block


class _Kept(NamedTuple):
    """What is kept of a file: a byte for each line, None for all; and the words in what ran."""

    lines: bytearray | None
    words: Iterable[bytes]


class _File:
    """One source, with what was found out about it."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._outline = Outline(text)
        self._starts = array("Q", (0, *accumulate(map(len, text.splitlines(keepends=True)))))
        """Where each line starts, and where the last one ends."""
        self._words: dict[tuple[int, int], frozenset[bytes]] = {}

    @property
    def count(self) -> int:
        """Number of lines."""
        return len(self._starts) - 1

    def keep(self, places: Iterable[Place]) -> _Kept:
        """Keep the lines of code objects, with the heads around them."""
        ran: list[Statement] = []
        is_module = False
        for line, name in places:
            found = self._outline.definitions.get(line)
            if name == _MODULE:
                is_module = True
            elif found is not None and found.name == name.encode("utf-8", "surrogatepass"):
                ran.append(found)
            elif name.startswith(_OF_COMPILER):
                around = self._outline.around(line)
                if around is not None:
                    ran.append(around)
                elif name != _FAILING:
                    return self._whole()
            else:
                return self._whole()
        if self.count > MAX_SOURCE_LINES:
            return self._whole()
        # A byte for each line from 1 on, and one for what is before the first.
        kept = bytearray(self.count + 1)
        if is_module:
            self._mark_body(kept, 1, self.count)
        # What stands inside comes after that which it stands in.
        for one in sorted(ran, key=lambda one: (not one.is_class, one.first)):
            if one.is_class:
                self._mark_body(kept, one.first, one.end)
            else:
                _mark(kept, one.first, one.end)
            _mark_around(kept, one)
        words = set[bytes]().union(*(self._words_of(one.first, one.end) for one in ran))
        if is_module:
            words |= self._words_of(1, self.count)
        self._mark_encoding(kept)
        return _Kept(kept, words)

    def keep_bound(
        self, kept: bytearray, words: set[bytes], types: set[bytes], modules: set[bytes]
    ) -> None:
        """Keep the statements that bind one of the words: in the module, or in a class of those
        that are kept, named or of a value's type. Imports are kept from these modules."""
        imports = self._outline.imports
        for name in words.intersection(self._outline.bound):
            for one in self._outline.bound[name]:
                if one in imports and imports[one] not in modules:
                    continue
                holder = one.outer
                if (
                    holder is None
                    or kept[holder.first]
                    or holder.name in words
                    or holder.name in types
                ):
                    _mark(kept, one.first, one.end)
                    _mark_around(kept, one)

    def excerpt(self, kept: bytearray) -> bytes:
        """Give which lines are kept, and these."""
        spans: list[int] = []
        parts: list[bytes] = []
        at = 1
        for found in _KEPT.finditer(kept):
            first, stop = found.span()
            spans += (first - at, stop - first)
            parts.append(self._text(first, stop - 1))
            at = stop
        if at <= self.count:
            spans += (self.count + 1 - at, 0)
        return b"".join((uv(len(spans) // 2), *map(uv, spans), *parts))

    def _whole(self) -> _Kept:
        return _Kept(None, self._words_of(1, self.count))

    def _mark_body(self, kept: bytearray, first: int, last: int) -> None:
        """Keep these lines, but of the functions that begin there only their heads."""
        _mark(kept, first, last)
        for one in self._outline.definitions.values():
            if one.is_function and first <= one.first <= last:
                kept[one.last + 1 : one.end + 1] = bytes(one.end - one.last)

    def _mark_encoding(self, kept: bytearray) -> None:
        """Keep the line that says how the text is to be read, see PEP 263."""
        for line in range(1, min(self.count, 2) + 1):
            if _ENCODING.match(self._text(line, line)):
                kept[line] = 1

    def _text(self, first: int, last: int) -> bytes:
        return self.text[self._starts[first - 1] : self._starts[last]]

    def _words_of(self, first: int, last: int) -> frozenset[bytes]:
        known = self._words.get((first, last))
        if known is None:
            known = frozenset(words_of(self._text(first, last)))
            self._words[first, last] = known
        return known


def _places(
    definitions: DefinitionTables, also: tuple[str, int] | None
) -> dict[bytes, set[Place]]:
    """Give the code objects of each source."""
    digests = {path: digest for path, digest in definitions.files.values() if digest}
    found: dict[bytes, set[Place]] = {digest: set() for digest in digests.values()}
    for code in definitions.codes.values():
        digest = digests.get(code.file)
        if digest is not None:
            found[digest].add((code.first_line, code.function.rpartition(".")[2]))
    if also is not None and also[0] in digests:
        found[digests[also[0]]].add((also[1], _FAILING))
    return found


def _modules(definitions: DefinitionTables) -> set[bytes]:
    """Give what the names of the modules of a trace end with."""
    found: set[bytes] = set()
    for path, _ in definitions.files.values():
        parts = path.replace("\\", "/").split("/")
        name = parts[-1].removesuffix(".py")
        found.add(
            (parts[-2] if name == "__init__" and len(parts) > 1 else name).encode(
                "utf-8", "replace"
            )
        )
    return found


def _mark(kept: bytearray, first: int, last: int) -> None:
    kept[first : last + 1] = b"\1" * (last + 1 - first)


def _mark_around(kept: bytearray, one: Statement) -> None:
    """Keep the heads of the blocks that a statement stands in.

    Of an `if` or `try` these are all its heads: without the others it would be no Python.
    """
    for outer in one.around():
        for head in outer.chain or (outer,):
            _mark(kept, head.first, head.last)
