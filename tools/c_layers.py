"""Proves the order of the parts in C: who calls whom, who writes what, and how long a file is.

`python tools/c_layers.py [FOLDER]` prints a line for each finding and ends with 1 if there is one.

- A file calls functions of itself and of the files before it; so does no pair of files call each
  other. The order is that of `unit.c`, for the scan that of `SCAN`; a header counts as its `.c`,
  the others come first.
- A struct of the state (`hot->spool.map = ...`) is written by the file that `hot.h` names for it.
- No file has more than 600 lines.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).parent.parent / "src/pytest_recorder"
FOLDERS = (_PACKAGE / "engine/native", _PACKAGE / "tracefile")
MOST_LINES = 600
UNIT, STATE = "unit.c", "hot.h"
# The files of the scan are compiled one by one.
SCAN = (
    "scan",
    "scan_bytes",
    "scan_texts",
    "scan_fields",
    "scan_rows",
    "scan_objects",
    "scan_records",
    "_scan",
)
# Headers without a `.c`, which know nothing of the others.
BELOW = ("internals", "between", "vocabulary", "shapes", "mix", "hot")

_NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_INCLUDED = re.compile(r'^#include "(\w+)\.c"', re.MULTILINE)
_DEFINED = re.compile(r"^(\w+)\([^;{]*?\)\s*\{", re.MULTILINE)
_DEFINED_BY_MACRO = re.compile(r"^#define (\w+)\(", re.MULTILINE)
_DECLARED = re.compile(r"^\w[\w *]*?\b(\w+)\([^;{}]*\);", re.MULTILINE)
# A call, or a function that is passed on.
_USED = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\(|[(,=?:{]\s*([A-Za-z_]\w*)\s*(?=[),;:}])")
_OWNED = re.compile(r"typedef struct \{ /\* (\w+)\.c \*/(?:[^{}]|\{[^{}]*\})*?\} (\w+);")
_MEMBER = re.compile(r"^    (\w+) (\w+);", re.MULTILINE)
_WRITTEN = re.compile(
    r"(?:(?:\+\+|--)hot->(\w+)\.\w)"
    r"|(?:hot->(\w+)((?:\.\w+|->\w+|\[[^]\n]*\])*)\s*(?:[-+*/|&^]|<<|>>)?=(?!=))"
    r"|(?:hot->(\w+)(?:\.\w+|\[[^]\n]*\])+(?:\+\+|--))"
)


class Finding(NamedTuple):
    """What breaks the order, and where."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def without_noise(text: str) -> str:
    """Blank comments and literals; lines stay where they are."""
    return _NOISE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def line_of(text: str, at: int) -> int:
    """Give the number of a line."""
    return text.count("\n", 0, at) + 1


def order_of(folder: Path) -> list[str]:
    """Give the files from the bottom up, without their endings."""
    if not (folder / UNIT).exists():
        return list(SCAN)
    unit = (folder / UNIT).read_text(encoding="utf-8")
    return [*BELOW, *_INCLUDED.findall(unit)]


def owners(state: str) -> dict[str, str]:
    """Find which file writes a member of the state."""
    by_type = {kind: file for file, kind in _OWNED.findall(state)}
    whole = state[state.rindex("PyObject_HEAD") :]
    return {name: by_type[kind] for kind, name in _MEMBER.findall(whole) if kind in by_type}


def calls_upwards(texts: dict[str, str], order: list[str]) -> Iterator[Finding]:
    """Find what a file names of a file above it: a call, or a function that is passed on."""
    place = {stem: number for number, stem in enumerate(order)}
    home: dict[str, str] = {}
    local: dict[str, set[str]] = {path: set() for path in texts}
    for path, text in texts.items():
        for pattern in (_DEFINED, _DEFINED_BY_MACRO):
            for name in pattern.findall(text):
                local[path].add(name)
                if not re.search(rf"^static\b[^;{{}}()]*\b{name}\(", text, re.MULTILINE) or (
                    path.endswith(".h")
                ):
                    home[name] = path
    for path, text in texts.items():
        stem = Path(path).stem
        declared = {found.start(1) for found in _DECLARED.finditer(text)}
        for found in _USED.finditer(text):
            if found.start() in declared:
                continue
            name = found.group(1) or found.group(2)
            target = home.get(name)
            if target is None or name in local[path] or path == target:
                continue
            if place[Path(target).stem] > place[stem]:
                yield Finding(
                    path, line_of(text, found.start()), f"{name} is of {target}, above"
                )


def foreign_writes(texts: dict[str, str], owner: dict[str, str]) -> Iterator[Finding]:
    """Find where a file writes a struct of the state that is another's."""
    for path, text in texts.items():
        for found in _WRITTEN.finditer(text):
            member = found.group(1) or found.group(2) or found.group(4)
            file = owner.get(member)
            # `hot->codes.last->number = 1` writes what is pointed to.
            if file is None or file == Path(path).stem or "->" in (found.group(3) or ""):
                continue
            yield Finding(
                path, line_of(text, found.start()), f"{member} is written by {file}.c"
            )


def audit(folder: Path) -> list[Finding]:
    """Look at all C files of a folder."""
    raw = {
        path.name: path.read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.[ch]"))
        if path.name != UNIT
    }
    texts = {name: without_noise(text) for name, text in raw.items()}
    order = order_of(folder)
    findings = [
        Finding(name, MOST_LINES + 1, f"{text.count(chr(10))} lines, at most {MOST_LINES}")
        for name, text in raw.items()
        if text.count("\n") > MOST_LINES
    ]
    unknown = [name for name in raw if Path(name).stem not in order]
    if unknown:
        return [*findings, *(Finding(name, 1, "has no place in the order") for name in unknown)]
    findings += calls_upwards(texts, order)
    if STATE in raw:
        findings += foreign_writes(texts, owners(raw[STATE]))
    return findings


def main(arguments: list[str]) -> int:
    """Print what breaks the order."""
    folders = [Path(argument) for argument in arguments] or list(FOLDERS)
    findings = [finding for folder in folders for finding in audit(folder)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
