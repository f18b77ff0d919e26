"""Writes what every language needs of the trace format, from the one table that holds it.

`python tools/generate_format.py [--check] [ROOT]` reads `format/table.py` and writes the Python,
C and TypeScript vocabularies and the tables of `docs/trace-format.md`. With `--check` it writes
nothing, names what is not up to date, and ends with 1 if there is anything.
"""

import argparse
import importlib.util
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path("src/pytest_recorder/format")
TABLE = PACKAGE / "table.py"
DOCUMENT = Path("docs/trace-format.md")
COMMAND = "just format-table"
OWN_BUILTINS = "from pytest_recorder.original_builtins import __builtins__\n\n"
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
# Every reader knows them: their time may stand where it stands.
_READ_BY_ALL = {"CALL", "SPAN"}
_WIDTH = 96
_ENDIAN = """\
/* Numbers in headers are little-endian. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE_32(number) __builtin_bswap32(number)
#define LITTLE_64(number) __builtin_bswap64(number)
#else
#define LITTLE_32(number) (number)
#define LITTLE_64(number) (number)
#endif
"""


def load_table(path: Path) -> ModuleType:
    """Load a table that may be a copy of ours."""
    spec = importlib.util.spec_from_file_location("format_table", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words_of(fields: str) -> list[str]:
    """Split fields into words and parentheses."""
    return fields.replace("(", " ( ").replace(")", " ) ").split()


def field_string(table: ModuleType, fields: str) -> str:
    """Give the letters of fields, which drive every reader that passes over them."""
    return "".join(w if w in "()" else table.FIELDS[w].letter for w in words_of(fields))


def check_table(table: ModuleType) -> None:
    """Refuse a table that breaks its own rules."""
    for records, first in ((table.DEFINITIONS, 1), (table.OPERATIONS, 1), (table.TAGS, 0)):
        if [record.number for record in records] != list(range(first, first + len(records))):
            raise SystemExit(f"the numbers of {records[0].name} and what follows have a hole")
    for record in (*table.DEFINITIONS, *table.OPERATIONS, *table.TAGS):
        shape = field_string(table, record.fields)
        if not re.fullmatch(r"[^()]*(\([^()]+\))?", shape):
            raise SystemExit(f"{record.name} has parentheses elsewhere than at its end")
        if record in table.TAGS and not re.fullmatch(r"[^v]*v*(\([^v]*v*\))?", shape):
            raise SystemExit(f"{record.name} has something behind a value")
        if "T" in shape[1:] and not shape.startswith("LT") and record.name not in _READ_BY_ALL:
            raise SystemExit(
                f"{record.name} has its time elsewhere than first or after its line"
            )
        if shape.startswith("L") and not record.is_event:
            raise SystemExit(f"{record.name} starts with a line and is no event")
    if not table.MAGIC.endswith(bytes((table.FORMAT_VERSION,))):
        raise SystemExit("the magic does not end with the version")
    if len(table.OPERATIONS) > table.OP_MASK:
        raise SystemExit("the first byte of a record has no room for so many operations")


# Python.


def class_of(name: str, text: str, entries: Iterable[tuple[str, str]]) -> str:
    """Give a class of constants."""
    lines = [f"    {name}: Final = {value}" for name, value in entries]
    return f'class {name}:\n    """{text}"""\n\n' + "\n".join(lines) + "\n"


def literal(value: Any) -> str:
    """Give a literal as ruff formats it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return "b" + literal(repr(value)[2:-1]).replace("\\\\", "\\")
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ")"
    return f"{value:_}" if value >= 10_000 else str(value)


def dict_of(name: str, entries: Iterable[tuple[str, str]]) -> str:
    """Give a dict whose keys are constants."""
    lines = [f"    {key}: {literal(value)}," for key, value in entries]
    return f"{name}: Final = {{\n" + "\n".join(lines) + "\n}\n"


def numbers(records: Iterable[Any]) -> list[tuple[str, str]]:
    """Give name and number of each."""
    return [(record.name, str(record.number)) for record in records]


def operations_of(table: ModuleType) -> list[tuple[str, str]]:
    """Give name and number of each operation, and of what shares its byte."""
    bits = (("MASK", table.OP_MASK), ("CHANGES", table.OP_CHANGES))
    return numbers(table.OPERATIONS) + [(name, f"0x{bit:X}") for name, bit in bits]


def python_words(table: ModuleType) -> str:
    """Give `vocabulary.py`."""

    def fields(records: Iterable[Any], prefix: str) -> list[tuple[str, str]]:
        return [(f"{prefix}.{r.name}", field_string(table, r.fields)) for r in records]

    head = (
        '"""Names the numbers, words and field strings of a trace.\n\nPYTEST_DONT_REWRITE\n\n'
        f"Written by `{COMMAND}` from `table.py`, which says what they mean.\n"
        f'"""\n\nfrom typing import Final\n\n{OWN_BUILTINS}'
    )
    words = "".join(
        f"{name}: Final = {literal(getattr(table, name))}\n"
        for name in ("LEVELS", "PHASES", "EDGES", "STREAMS")
    )
    limits = "".join(
        f"{name}: Final = {literal(getattr(table, name))}\n"
        for name in (
            "MAX_DEPTH",
            "MAX_NESTING",
            "MAX_INT_BYTES",
            "MAX_BLOCK_EVENTS",
            "MAX_BLOCK_FRAMES",
            "MAX_BLOCK_PAIRS",
            "MAX_SOURCE_LINES",
        )
    )
    classes = [
        class_of("Define", "Records of the definition stream.", numbers(table.DEFINITIONS)),
        class_of(
            "Op",
            "Records of the event stream: the low six bits of the first byte.",
            operations_of(table),
        ),
        class_of("Tag", "First byte of a value.", numbers(table.TAGS)),
        class_of("Reason", "Why a value is not whole.", numbers(table.REASONS)),
    ]
    kinds = [(f"Op.{o.name}", o.name.lower()) for o in table.OPERATIONS if o.is_event]
    reasons = [(f"Reason.{r.name}", r.text) for r in table.REASONS if r.number]
    dicts = [
        dict_of("EVENT_KINDS", kinds),
        dict_of("REASONS", reasons),
        dict_of("DEFINE_FIELDS", fields(table.DEFINITIONS, "Define")),
        dict_of("OP_FIELDS", fields(table.OPERATIONS, "Op")),
        dict_of("TAG_FIELDS", fields(table.TAGS, "Tag")),
    ]
    return (
        head + words + "\n" + limits + "\n\n" + "\n\n".join(classes) + "\n\n" + "\n".join(dicts)
    )


def struct_format(parts: Iterable[Any]) -> str:
    """Give the format string of `struct` for parts of a header."""
    codes = "".join(_CODES[p.size] if p.is_number else f"{p.size}s" for p in parts)
    return "<" + codes


def python_layout(table: ModuleType) -> str:
    """Give `layout.py`."""
    head = (
        '"""Fixes the bytes around the records: magic numbers, headers and block kinds of both '
        "files.\n\nPYTEST_DONT_REWRITE\n\n"
        f"Written by `{COMMAND}` from `table.py`, which says what they mean.\n"
        f'"""\n\nfrom struct import Struct\nfrom typing import Final\n\n{OWN_BUILTINS}'
    )
    constants = "".join(
        f"{name}: Final = {literal(getattr(table, name))}\n"
        for name in (
            "FORMAT_VERSION",
            "OLDEST_VERSION",
            "MAGIC",
            "SPOOL_MAGIC",
            "SPOOL_HEAD_BYTES",
            "MAX_BLOCK_BYTES",
            "FLAG_DEFLATED",
        )
    )
    headers = "".join(
        f'{header.name}: Final = Struct("{struct_format(header.parts)}")\n'
        f'"""{", ".join(part.name.replace("_", " ") for part in header.parts).capitalize()}."""\n'
        for header in headers_of(table)
    )
    moving = [p for p in table.SEGMENT.parts if p.name in table.SEGMENT_PROGRESS]
    progress = (
        f'SEGMENT_PROGRESS: Final = Struct("{struct_format(moving)}")\n'
        '"""The two parts that change while a segment fills: used and events."""\n'
        f"SEGMENT_PROGRESS_AT: Final = {table.SEGMENT.offset(moving[0].name)}\n"
    )
    kinds = [
        class_of(
            "BlockKind", "What a block of a `*.pyrec` file holds.", numbers(table.BLOCK_KINDS)
        ),
        class_of(
            "SegmentKind",
            "What a segment of a `*.pyspool` file holds.",
            numbers(table.SEGMENT_KINDS),
        ),
    ]
    return head + constants + "\n" + headers + progress + "\n\n" + "\n\n".join(kinds)


def headers_of(table: ModuleType) -> list[Any]:
    """Give all headers."""
    return [table.BLOCK, table.CHECKSUM, table.EVENTS_HEAD, table.SPOOL_HEAD, table.SEGMENT]


# C.


def enumeration(prefix: str, entries: Iterable[tuple[str, str]]) -> str:
    """Give an enumeration with every number."""
    lines = [f"    {prefix}{name} = {number}," for name, number in entries]
    return "enum {\n" + "\n".join(lines) + "\n};\n"


def c_rows(table: ModuleType, name: str, records: Iterable[Any], *, has_event: bool) -> str:
    """Give the field strings of records as a macro that repeats another one for each of them."""
    rows = [
        f'ROW({record.name}, "{field_string(table, record.fields)}"'
        + (f", {int(record.is_event)})" if has_event else ")")
        for record in records
    ]
    return f"#define {name}(ROW) \\\n    " + " \\\n    ".join(rows) + "\n"


def c_header(table: ModuleType) -> str:
    """Give `vocabulary.h`."""
    head = (
        "/* The numbers, limits and field strings of a trace.\n *\n"
        f" * Written by `{COMMAND}` from table.py, which says what they mean.\n"
        " */\n#ifndef FORMAT_VOCABULARY_H\n#define FORMAT_VOCABULARY_H\n\n"
    )
    levels = [(level.upper(), str(at)) for at, level in enumerate(table.LEVELS)]
    moving = table.SEGMENT.offset(table.SEGMENT_PROGRESS[0])
    defines = [
        ("MAX_DEPTH", table.MAX_DEPTH, ""),
        ("MAX_NESTING", table.MAX_NESTING, ""),
        ("MAX_INT_BYTES", table.MAX_INT_BYTES, ""),
        ("MAX_BLOCK_FRAMES", table.MAX_BLOCK_FRAMES, ""),
        ("MAX_BLOCK_PAIRS", table.MAX_BLOCK_PAIRS, ""),
        ("OP_END", len(table.OPERATIONS) + 1, "one more than the last"),
        ("TAG_END", len(table.TAGS), "one more than the last"),
        ("REASON_END", len(table.REASONS), "one more than the last"),
        ("PHASE_COUNT", len(table.PHASES), ""),
        ("EDGE_COUNT", len(table.EDGES), ""),
        ("STREAM_COUNT", len(table.STREAMS), ""),
        ("LEVEL_COUNT", len(table.LEVELS), ""),
        ("SEGMENT_HEAD", table.SEGMENT.size, "bytes before the records of a segment"),
        ("SEGMENT_USED_AT", moving, "of the two numbers of 32 bits that change: used, events"),
    ]
    changes = "".join(
        f'#define {name}_FIELDS "{field_string(table, fields)}"\n'
        for name, fields in zip(("CHANGED", "DELETED"), table.CHANGES, strict=True)
    )
    parts = [
        enumeration("LEVEL_", levels),
        enumeration("DEFINE_", numbers(table.DEFINITIONS)),
        enumeration("OP_", operations_of(table)),
        enumeration("TAG_", numbers(table.TAGS)),
        enumeration("REASON_", numbers(table.REASONS)),
        enumeration("SEGMENT_", numbers(table.SEGMENT_KINDS)),
        "".join(
            f"#define {name} {number}{f' /* {note} */' if note else ''}\n"
            for name, number, note in defines
        ),
        _ENDIAN,
        "/* Operations: name, fields, whether it is an event. */\n"
        + c_rows(table, "OP_ROWS", table.OPERATIONS, has_event=True),
        "/* Tags: name, fields. */\n" + c_rows(table, "TAG_ROWS", table.TAGS, has_event=False),
        "/* What follows a record with OP_CHANGES. */\n" + changes,
    ]
    return head + "\n".join(parts) + "\n#endif\n"


# TypeScript.


def object_of(name: str, entries: Iterable[tuple[str, str]]) -> str:
    """Give an object of constants."""
    rows = "".join(f"  {key}: {value},\n" for key, value in entries)
    return f"export const {name} = {{\n{rows}}} as const;\n"


def array_of(name: str, words: Iterable[str]) -> str:
    """Give an array of words by their numbers."""
    rows = "".join(f"  {literal(word)},\n" for word in words)
    return f"export const {name} = [\n{rows}] as const;\n"


def set_of(name: str, table: ModuleType, shape: str) -> str:
    """Give an array by numbers that says which operations have fields of a shape."""
    found = [bool(re.match(shape, field_string(table, o.fields))) for o in table.OPERATIONS]
    words = ["false", *(str(is_one).lower() for is_one in found)]
    return f"export const {name}: readonly boolean[] = [{', '.join(words)}];\n"


def typescript(table: ModuleType) -> str:
    """Give `vocabulary.ts`."""

    def by_number(records: Iterable[Any], give: Callable[[Any], str]) -> list[str]:
        found = {record.number: give(record) for record in records}
        return [found.get(number, "") for number in range(max(found) + 1)]

    kinds = by_number(table.OPERATIONS, lambda o: o.name.lower() if o.is_event else "")
    head = (
        "// The numbers, words, limits and field strings of a trace. Written by "
        f"`{COMMAND}` from table.py,\n"
        "// which says what they mean.\n\n"
    )
    limits = "".join(
        f"export const {name} = {value};\n"
        for name, value in (
            ("MAX_DEPTH", table.MAX_DEPTH),
            ("MAX_NESTING", table.MAX_NESTING),
            ("MAX_INT_BYTES", table.MAX_INT_BYTES),
            ("MAX_BLOCK_FRAMES", table.MAX_BLOCK_FRAMES),
            ("MAX_SOURCE_LINES", table.MAX_SOURCE_LINES),
            ("EVENTS_HEAD_BYTES", table.EVENTS_HEAD.size),
        )
    )
    parts = [
        object_of("Define", numbers(table.DEFINITIONS)),
        object_of("Op", operations_of(table)),
        object_of("Tag", numbers(table.TAGS)),
        object_of("BlockKind", numbers(table.BLOCK_KINDS)),
        array_of("KINDS", kinds) + 'export type Kind = Exclude<(typeof KINDS)[number], "">;\n',
        array_of("LEVELS", table.LEVELS)
        + array_of("PHASES", table.PHASES)
        + array_of("EDGES", table.EDGES)
        + array_of("STREAMS", table.STREAMS)
        + array_of("REASONS", by_number(table.REASONS, lambda reason: reason.text)),
        limits,
        "// The operations that are events of the current frame, and those with a time.\n"
        + set_of("WITH_LINE", table, "^L")
        + set_of("WITH_TIME", table, "^L?T"),
    ]
    return head + "\n".join(parts)


# What each letter is in TypeScript; every other one is a number.
_SKIPS = {
    **dict.fromkeys("beloprw", "cursor.byte();"),
    **dict.fromkeys("ds", "cursor.skip(cursor.uv());"),
    "m": "cursor.skip(magnitudeSize(cursor));",
    "8": "cursor.skip(8);",
    "v": "secrets += skipValue(cursor);",
    **dict.fromkeys("tx", "skipValue(cursor);"),
}
_SECRET = "REDACTED"


def skip_statements(shape: str) -> list[str]:
    """Give the statements that pass over the fields of a field string."""
    before, _, group = shape.partition("(")
    lines = [_SKIPS.get(letter, "cursor.uv();") for letter in before]
    if group:
        lines.append("for (let left = cursor.count(); left > 0; left--) {")
        lines += ["  " + _SKIPS.get(letter, "cursor.uv();") for letter in group[:-1]]
        lines.append("}")
    return lines


def skip_switch(records: Iterable[Any], shapes: list[str], what: str) -> str:
    """Give a switch over `byte` that passes over the fields of a record and returns."""
    cases: dict[tuple[str, str], list[str]] = {}
    for record, shape in zip(records, shapes, strict=True):
        found = "1" if record.name == _SECRET else "secrets" if "v" in shape else "0"
        cases.setdefault((shape, found), []).append(f"case {record.number}: // {record.name}")
    lines: list[str] = []
    for (shape, found), labels in cases.items():
        lines += [f"    {label}" for label in labels]
        lines += [f"      {line}" for line in (*skip_statements(shape), f"return {found};")]
    lines += ["    default:", f"      throw new Malformed(`unknown {what} ${{byte}}`);"]
    return "  switch (byte) {\n" + "\n".join(lines) + "\n  }\n}\n"


def typescript_skips(table: ModuleType) -> str:
    """Give `skip.ts`."""
    definitions, operations, tags = (
        [field_string(table, record.fields) for record in records]
        for records in (table.DEFINITIONS, table.OPERATIONS, table.TAGS)
    )
    behind_time = [re.sub("^L?T?", "", shape) for shape in operations]
    value = skip_switch(table.TAGS, tags, "value")
    return (
        "// Passes over what the page does not show.\n"
        f"// Written by `{COMMAND}` from the field strings of table.py: walking them in the page\n"
        "// took twice the time of its whole scan.\n\n"
        'import { type Cursor, Malformed, magnitudeSize } from "./bytes";\n'
        'import { MAX_NESTING } from "./vocabulary";\n\n'
        "// Passes over one value; gives the number of secrets in it.\n"
        "export function skipValue(cursor: Cursor, depth = 0): number {\n"
        '  if (depth > MAX_NESTING) throw new Malformed("a value is nested too deep");\n'
        "  const byte = cursor.byte();\n  let secrets = 0;\n"
        + value.replace("skipValue(cursor)", "skipValue(cursor, depth + 1)")
        + "\n// Passes over a record behind its line and its time, where it starts with them;\n"
        "// gives the number of secrets in its values, the text of an event aside.\n"
        "export function skipRecord(cursor: Cursor, byte: number): number {\n  let secrets = 0;\n"
        + skip_switch(table.OPERATIONS, behind_time, "record")
        + "\n// Passes over a definition behind its number.\n"
        "export function skipDefinition(cursor: Cursor, byte: number): number {\n"
        + skip_switch(table.DEFINITIONS, definitions, "definition")
    )


# Documents.


def described(table: ModuleType, fields: str) -> str:
    """Say the fields of a record for people."""
    words = {"p": table.PHASES, "e": table.EDGES, "o": table.STREAMS, "l": table.LEVELS}
    parts: list[str] = []
    for word in words_of(fields):
        if word == "(":
            parts.append("`uv` count, (")
        elif word == ")":
            parts[-1] = parts[-1].removesuffix(", ") + ")"
        else:
            field = table.FIELDS[word]
            named = field.encoding in ("uv", "zz", "str")
            text = f"`{field.encoding}`" if named else field.encoding
            if field.text:
                text += f" {field.text}"
            if field.letter in words:
                numbered = (f"{at} {name}" for at, name in enumerate(words[field.letter]))
                text += f" ({', '.join(numbered)})"
            parts.append(f"{text}, ")
    return "".join(parts).removesuffix(", ")


def table_of(heads: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    """Give a table of a document."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(map(str, row)).rstrip() + " |" for row in rows]
    return "\n".join(lines)


def document_tables(table: ModuleType) -> dict[str, str]:
    """Give the tables of the document by the names of their markers."""

    def header(*headers: Any) -> str:
        parts = [part for header in headers for part in header.parts]
        rows = [(part.name.replace("_", " "), part.size, part.text) for part in parts]
        return table_of(("part", "bytes", ""), rows)

    def records(records: Iterable[Any], what: str) -> str:
        rows = [(r.number, r.text, described(table, r.fields)) for r in records]
        return table_of(("byte", what, "then"), rows)

    reasons = [f"{reason.number} {reason.text}" for reason in table.REASONS if reason.number]
    limits = [
        ("depth of a value as it is written", table.MAX_DEPTH),
        ("nesting of a value that a reader follows", table.MAX_NESTING),
        ("bytes of an int whose digits are kept", table.MAX_INT_BYTES),
        ("bytes of a block when inflated", table.MAX_BLOCK_BYTES),
        ("events of a block", table.MAX_BLOCK_EVENTS),
        ("frames that a block introduces", table.MAX_BLOCK_FRAMES),
        ("values of variables, and names of deleted ones, in a block", table.MAX_BLOCK_PAIRS),
        ("lines of a file of which only some are kept", table.MAX_SOURCE_LINES),
    ]
    return {
        "block": header(table.BLOCK, table.CHECKSUM),
        "blocks": table_of(
            ("kind", "block", "payload"),
            [(kind.number, kind.name.lower(), kind.text) for kind in table.BLOCK_KINDS],
        ),
        "definitions": records(table.DEFINITIONS, "defines"),
        "operations": records(table.OPERATIONS, "record"),
        "values": records(table.TAGS, "value"),
        "reasons": "\n".join(textwrap.wrap(f"Reasons: {', '.join(reasons)}.", _WIDTH)),
        "limits": table_of(("limit", ""), limits),
        "spool": header(table.SPOOL_HEAD),
        "segment": header(table.SEGMENT),
        "segments": table_of(
            ("kind", "segment"), [(kind.number, kind.text) for kind in table.SEGMENT_KINDS]
        ),
    }


def document(table: ModuleType, text: str) -> str:
    """Put the tables into the document, between their markers."""
    for name, body in document_tables(table).items():
        begin, end = f"<!-- table: {name} -->\n", "<!-- end of table -->"
        before, found, rest = text.partition(begin)
        if not found:
            raise SystemExit(f"{DOCUMENT} has no place for the table of {name}")
        text = before + begin + body + "\n" + end + rest.partition(end)[2]
    return text


GENERATED: dict[Path, Callable[[ModuleType], str]] = {
    PACKAGE / "vocabulary.py": python_words,
    PACKAGE / "layout.py": python_layout,
    PACKAGE / "vocabulary.h": c_header,
    Path("web/src/format/vocabulary.ts"): typescript,
    Path("web/src/format/skip.ts"): typescript_skips,
}


def main(arguments: list[str]) -> int:
    """Write or check; give the exit status."""
    parser = argparse.ArgumentParser(
        description="Write what comes from the table of the format."
    )
    parser.add_argument("--check", action="store_true", help="change nothing, say what differs")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1])
    options = parser.parse_args(arguments)
    table = load_table(options.root / TABLE)
    check_table(table)
    texts = {name: generate(table) for name, generate in GENERATED.items()}
    if (options.root / DOCUMENT).exists():
        texts[DOCUMENT] = document(table, (options.root / DOCUMENT).read_text(encoding="utf-8"))
    stale: list[Path] = []
    for name, text in texts.items():
        path = options.root / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8", newline="\n")
    if options.check and stale:
        print(f"not that of the table: {', '.join(map(str, stale))}; run `{COMMAND}`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
