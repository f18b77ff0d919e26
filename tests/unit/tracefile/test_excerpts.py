"""Of a source the lines of what ran are kept, with what they need to be read, and no others."""

import ast
import zlib
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from pytest_recorder.analysis.parsing import parse_quietly
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.events import CodeInfo
from pytest_recorder.format.layout import BlockKind
from pytest_recorder.format.vocabulary import MAX_SOURCE_LINES
from pytest_recorder.tracefile import excerpts, masking, outline
from pytest_recorder.tracefile.excerpts import Excerpts
from pytest_recorder.tracefile.reader import Trace, open_trace
from tests.faults import hostile

PATH = "/p/m.py"

SHOP = '''\
"""A module."""
import os
from shop.rates import RATE, OTHER
from typing import Any

LIMIT = 5
UNUSED = 6
TABLE = {
    "a": LIMIT,
}

if os.name == "nt":
    def slash():
        return "\\\\"
else:
    def slash():
        return "/"

    def unslash():
        return ""


class Order(
    dict,
):
    """Of a customer."""

    currency = "EUR"
    colour = "red"

    @property
    @staticmethod
    def total(
        x: int,
    ) -> int:
        """Sum."""

        return x * RATE + TABLE["a"]  # LIMIT

    def other(self):
        return self.colour


def outer():
    a = 1

    def inner():
        return lambda: 1

    def unused():
        return 2
    return inner

key = register(lambda x: x + 1)
keys = [
    k for k in ()
]


def last(): return 1
'''
LINES = SHOP.split("\n")


def at(text: str) -> int:
    """Give the number of the only line that is so."""
    (found,) = [n for n, line in enumerate(LINES, 1) if line.strip() == text]
    return found


def tables(
    *codes: tuple[int, str], files: dict[str, bytes] | None = None, types: tuple[str, ...] = ()
) -> DefinitionTables:
    made = DefinitionTables()
    given = {PATH: SHOP.encode()} if files is None else files
    made.files = {
        n: (path, sha256(text).digest()) for n, (path, text) in enumerate(given.items(), 1)
    }
    path = next(iter(given))
    made.codes = {n: CodeInfo(path, line, name) for n, (line, name) in enumerate(codes, 1)}
    made.types = {n: (name, ()) for n, name in enumerate(types, 1)}
    return made


class Kept:
    """A source as a reader of its block has it."""

    def __init__(self, folder: Path, block: tuple[int, bytes], text: bytes) -> None:
        made = hostile.Maker(hostile.DEFINITIONS.replace(hostile.DIGEST, sha256(text).digest()))
        kind, stored = block
        path = folder / "a.pyrec"
        path.write_bytes(hostile.failing(made.add(kind, zlib.decompress(stored))).ended())
        self.kind = kind
        with open_trace(path) as trace:
            self.text = trace.source(PATH) or ""
            self.gaps = trace.left_out(PATH)
            assert trace.digest(PATH) == sha256(text).digest()
            assert trace.damage is None

    @property
    def lines(self) -> list[int]:
        """The numbers of the lines that are there."""
        count = len(self.text.split("\n")) - 1
        return [n for n in range(1, count + 1) if not any(n in gap for gap in self.gaps)]


def kept(
    folder: Path, *codes: tuple[int, str], text: bytes = SHOP.encode(), **also: Any
) -> Kept:
    definitions = tables(*codes, files={PATH: text}, **also)
    (block,) = Excerpts().blocks(definitions, {sha256(text).digest(): text})
    return Kept(folder, (block.kind, block.stored), text)


def span(first: str, last: str) -> list[int]:
    return list(range(at(first), at(last) + 1))


def test_a_method_is_kept_with_decorators_signature_and_the_head_of_its_class(
    tmp_path: Path,
) -> None:
    found = kept(tmp_path, (at("@property"), "Order.total"))
    head = span("class Order(", "):")
    bound = [*span("LIMIT = 5", "LIMIT = 5"), *span("TABLE = {", "}")]
    method = span("@property", 'return x * RATE + TABLE["a"]  # LIMIT')
    assert found.lines == [*bound, *head, *method]
    lines = found.text.split("\n")
    assert len(lines) == len(LINES)
    assert [lines[n - 1] for n in found.lines] == [LINES[n - 1] for n in found.lines]
    assert all(lines[n - 1] == "" for gap in found.gaps for n in gap)
    # An empty line of the program is there.
    assert at('"""Sum."""') + 1 in found.lines


def test_an_import_from_another_file_of_the_trace_is_kept(tmp_path: Path) -> None:
    text = SHOP.encode()
    definitions = tables(
        (at("@property"), "Order.total"), files={PATH: text, "/p/shop/rates.py": b"RATE = 3\n"}
    )
    blocks = list(Excerpts().blocks(definitions, {sha256(text).digest(): text}))
    found = Kept(tmp_path, (blocks[0].kind, blocks[0].stored), text)
    assert at("from shop.rates import RATE, OTHER") in found.lines
    assert at("from typing import Any") not in found.lines


def test_a_name_that_another_file_uses_is_kept(tmp_path: Path) -> None:
    other = b"RATE = 3\nFREE = 4\ndef rate():\n    return 1\n\ndef no():\n    pass\n"
    definitions = tables(
        (at("@property"), "Order.total"), files={PATH: SHOP.encode(), "/p/rates.py": other}
    )
    definitions.codes[9] = CodeInfo("/p/rates.py", 3, "rate")
    sources = {sha256(text).digest(): text for text in (SHOP.encode(), other)}
    _, block = Excerpts().blocks(definitions, sources)
    assert Kept(tmp_path, (block.kind, block.stored), other).lines == [1, 3, 4]


def test_attributes_of_classes_are_kept_where_they_are_used(tmp_path: Path) -> None:
    found = kept(tmp_path, (at("def other(self):"), "Order.other"))
    assert at('colour = "red"') in found.lines
    assert at('currency = "EUR"') not in found.lines
    # Of a class of which no method ran: where a value is of it.
    use = b"class C:\n    colour = 1\n    size = 2\n\n\ndef f(x):\n    return x.colour\n"
    assert kept(tmp_path, (6, "f"), text=use).lines == [6, 7]
    assert kept(tmp_path, (6, "f"), text=use, types=("m.C",)).lines == [1, 2, 6, 7]


def test_all_heads_of_an_if_are_kept_so_that_it_is_python(tmp_path: Path) -> None:
    found = kept(tmp_path, (at('return "/"') - 1, "slash"))
    head = at('if os.name == "nt":')
    assert found.lines == [head, at("else:"), at('return "/"') - 1, at('return "/"')]
    tree = parse_quietly(found.text)
    (block,) = tree.body
    assert isinstance(block, ast.If)
    assert [type(one) for one in (*block.body, *block.orelse)] == [ast.Pass, ast.FunctionDef]
    assert block.orelse[0].lineno == at('return "/"') - 1


def test_a_nested_function_is_kept_in_the_head_of_what_it_stands_in(tmp_path: Path) -> None:
    found = kept(tmp_path, (at("def inner():"), "outer.<locals>.inner"))
    assert found.lines == [at("def outer():"), at("def inner():"), at("return lambda: 1")]
    whole = kept(tmp_path, (at("def outer():"), "outer"))
    assert whole.lines == span("def outer():", "return inner")


@pytest.mark.parametrize(
    ("line", "name", "lines"),
    [
        ("key = register(lambda x: x + 1)", "<lambda>", ["key = register(lambda x: x + 1)"]),
        ("k for k in ()", "<listcomp>", ["keys = [", "k for k in ()", "]"]),
        ("def last(): return 1", "last", ["def last(): return 1"]),
        (
            "return lambda: 1",
            "outer.<locals>.<lambda>",
            ["def outer():", "def inner():", "return lambda: 1"],
        ),
    ],
)
def test_what_has_no_name_is_kept_with_its_function_or_statement(
    tmp_path: Path, line: str, name: str, lines: list[str]
) -> None:
    found = kept(tmp_path, (at(line), name))
    assert found.lines == [at(one) for one in lines]


def test_a_module_that_ran_is_kept_but_for_functions_that_did_not(tmp_path: Path) -> None:
    found = kept(tmp_path, (1, "<module>"), (at("def outer():"), "outer"))
    bodies = [
        at('return "/"') - 3, at('return "/"'), at('return ""'), at('"""Sum."""'),
        at('"""Sum."""') + 1, at('return x * RATE + TABLE["a"]  # LIMIT'), at("return self.colour"),
    ]  # fmt: skip
    assert set(found.lines) == set(range(1, len(LINES))) - set(bodies)


def test_a_class_whose_own_code_ran_is_kept_but_for_functions_that_did_not(
    tmp_path: Path,
) -> None:
    found = kept(tmp_path, (at("class Order("), "Order"))
    assert at('currency = "EUR"') in found.lines
    assert at("def other(self):") in found.lines
    assert at("return self.colour") not in found.lines
    assert at("def outer():") not in found.lines


@pytest.mark.parametrize("code", [(1, "root"), (at("def outer():"), "inner"), (999, "outer")])
def test_a_file_whose_code_is_not_in_it_is_whole(tmp_path: Path, code: tuple[int, str]) -> None:
    found = kept(tmp_path, code, (at("def last(): return 1"), "last"))
    assert (found.kind, found.text, found.gaps) == (BlockKind.SOURCE, SHOP, [])


def test_a_file_of_which_all_ran_is_whole(tmp_path: Path) -> None:
    found = kept(tmp_path, (1, "f"), text=b"def f():\n    return 1\n")
    assert (found.kind, found.gaps) == (BlockKind.SOURCE, [])


def test_the_line_that_pytest_says_failed_is_kept() -> None:
    text = SHOP.encode()
    definitions = tables((at("def last(): return 1"), "last"))

    def size(line: int) -> int:
        (block,) = Excerpts().blocks(definitions, {sha256(text).digest(): text}, (PATH, line))
        return block.size

    assert size(1) > size(9999)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_stay_as_they_are(tmp_path: Path, end: bytes) -> None:
    text = end.join((b"x = 1", b"def f():", b"    return 2", b"y = 3"))
    found = kept(tmp_path, (2, "f"), text=text)
    ends = end.decode()
    assert found.text == f"\ndef f():{ends}    return 2{ends}\n"
    assert found.gaps == [range(1, 2), range(4, 5)]


def test_the_encoding_of_a_file_is_kept_with_what_it_says(tmp_path: Path) -> None:
    text = "#!x\n# -*- coding: latin-1 -*-\nx = 1\ndef f():\n    return 'é'\n".encode("latin-1")
    found = kept(tmp_path, (4, "f"), text=text)
    assert found.text == "\n# -*- coding: latin-1 -*-\n\ndef f():\n    return 'é'\n"
    plain = kept(tmp_path, (3, "f"), text=b"# coding: utf-8\n\ndef f():\n    return 1\n")
    assert plain.text == "\n\ndef f():\n    return 1\n"


def codes_in(code: CodeType) -> list[tuple[int, str]]:
    found = [(code.co_firstlineno, code.co_qualname)]
    for one in code.co_consts:
        if isinstance(one, CodeType):
            found += codes_in(one)
    return found


@pytest.mark.parametrize("module", [excerpts, outline, masking])
def test_each_code_of_a_real_file_is_found_and_its_lines_are_kept(
    tmp_path: Path, module: ModuleType
) -> None:
    path = module.__file__ or ""
    text = Path(path).read_bytes()
    for line, name in codes_in(compile(text, path, "exec"))[1:]:
        found = kept(tmp_path, (line, name), text=text)
        assert line in found.lines, name
        assert found.kind == BlockKind.EXCERPT, name
        parse_quietly(found.text)


def test_a_block_is_made_once_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    monkeypatch.setattr(
        "pytest_recorder.tracefile.excerpts.deflate", lambda plain: made.append(plain) or plain
    )
    monkeypatch.setattr("pytest_recorder.tracefile.excerpts._MOST_HELD_BYTES", 1000)
    text = SHOP.encode()
    sources = {sha256(text).digest(): text}
    maker = Excerpts()
    one = tables((at("def last(): return 1"), "last"))
    other = tables((at("def outer():"), "outer"))
    whole = tables((1, "nobody"))
    for definitions, count in ((one, 1), (one, 1), (other, 2), (one, 2), (whole, 3), (one, 4)):
        list(maker.blocks(definitions, sources))
        assert len(made) == count


def opened(path: Path, *blocks: bytes, kind: int = BlockKind.EXCERPT) -> Trace:
    made = hostile.Maker()
    for one in blocks:
        made.add(kind, one)
    path.write_bytes(hostile.failing(made).ended())
    return open_trace(path)


@pytest.mark.parametrize(
    "block",
    [
        hostile.excerpt(hostile.DIGEST, (1, 2), text=b"a\n"),
        hostile.excerpt(hostile.DIGEST, (1, 1), text=b"a\nb\n"),
        hostile.excerpt(hostile.DIGEST, (MAX_SOURCE_LINES, 1), text=b"a\n"),
        hostile.excerpt(hostile.DIGEST, (1 << 63, 0), (1 << 63, 0)),
        hostile.excerpt(hostile.DIGEST, (0, MAX_SOURCE_LINES + 1), text=b"\n" * (MAX_SOURCE_LINES + 1)),
        hostile.DIGEST + b"\xff\xff\x7f",
        hostile.DIGEST + b"\5\1",
        hostile.DIGEST,
    ],
)  # fmt: skip
def test_an_excerpt_that_is_none_is_damage_and_no_text(tmp_path: Path, block: bytes) -> None:
    with opened(tmp_path / "a.pyrec", block) as trace:
        assert (trace.source(PATH), trace.left_out(PATH)) == (None, [])
        assert trace.status == "partial"
        assert (trace.damage or "").startswith("damaged at byte ")
        assert not [one for one in trace.stored_blocks() if one.kind == BlockKind.EXCERPT]


def test_the_largest_excerpt_is_read(tmp_path: Path) -> None:
    block = hostile.excerpt(hostile.DIGEST, (MAX_SOURCE_LINES - 1, 1), text=b"a")
    with opened(tmp_path / "a.pyrec", block) as trace:
        assert trace.source(PATH) == "\n" * (MAX_SOURCE_LINES - 1) + "a"
        assert trace.left_out(PATH) == [range(1, MAX_SOURCE_LINES)]


def test_a_longer_file_is_kept_whole(tmp_path: Path) -> None:
    text = b"def f():\n    pass\n" + b"\n" * MAX_SOURCE_LINES
    found = kept(tmp_path, (1, "f"), text=text)
    assert (found.kind, found.gaps) == (BlockKind.SOURCE, [])
