"""A row that is added to a copy of the table is passed over by readers that cannot show it."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "pytest_recorder"
ROWS = {
    "DEFINITIONS": 'Record(6, "COLOUR", "a colour", "any_thread text (member)"),',
    "OPERATIONS": 'Record(16, "PAUSE", "`pause`", "line time level (name value)", is_event=True),\n'
    '    Record(17, "NOTE", "a note", "time text"),',
    "TAGS": 'Record(19, "ARRAY", "an array", "type object bytes (name value)"),',
}
pytestmark = pytest.mark.skipif(
    not (PACKAGE / "format/vocabulary.h").exists() or not (ROOT / "tools").exists(),
    reason="installed without the sources",
)
READ = """
import json, sys
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.format.primitives import text, uv, zz
from pytest_recorder.tracefile import scan

tables = DefinitionTables()
tables.feed(
    b"\\1" + uv(1) + text("x")
    + b"\\6" + uv(1) + uv(5) + text("red") + uv(2) + text("a") + text("b")
    + b"\\2" + uv(1) + text("Array") + uv(0)
    + b"\\3" + uv(1) + text("m.py") + uv(0) + b"\\4" + uv(1) + uv(1) + uv(1) + text("f")
)
array = b"\\x13" + uv(1) + uv(4) + uv(2) + b"zz" + uv(1) + uv(1) + b"\\x08" + text("in")
data = (
    b"\\4" + uv(1) + uv(1) + uv(1) + uv(0) + uv(3) + uv(1) + uv(1) + array
    + b"\\x11" + uv(4) + text("note")
    + b"\\x10" + zz(2) + uv(5) + uv(1) + uv(1) + uv(1) + array
    + b"\\6" + zz(1) + uv(1) + array
)
events = [
    [e.n, e.kind, e.line, e.time_us, e.args, e.value] for e in EventDecoder(tables, data)
]
found = []
for made in (scan.PureScan(tables), scan.NativeScan(scan._NATIVE, tables) if scan._NATIVE else None):
    if made is not None:
        found.append([made.feed(data, 0), made.rows()])
for wrong in (b"\\x12", b"\\6" + zz(1) + uv(1) + b"\\x14"):
    for made in (EventDecoder(tables, data + wrong), scan.make_scan(tables)):
        try:
            list(made) if isinstance(made, EventDecoder) else made.feed(data + wrong, 0)
        except Malformed as error:
            found.append(error.message)
print(json.dumps([events, found]))
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copy")
    package = root / "src" / "pytest_recorder"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (root / "web/src/format").mkdir(parents=True)
    table = package / "format" / "table.py"
    text = table.read_text()
    for name, row in ROWS.items():
        before, begin, rest = text.partition(f"\n{name}: Final = (\n")
        body, end, after = rest.partition("\n)\n")
        text = f"{before}{begin}{body}\n    {row}{end}{after}"
    table.write_text(text)
    subprocess.run([sys.executable, ROOT / "tools/generate_format.py", root], check=True)
    return root


def read(root: Path) -> Any:
    environ = {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-c", READ]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


ARRAY = {"type": "Array", "unavailable": "this version cannot show it"}
FAULTS = ["unknown record 18"] * 2 + ["unknown value 20"] * 2
SCANNED = [3, [[1, 0, 1, 0, 2, 1]]]


def test_readers_in_python_pass_over_rows_they_cannot_show(copied: Path) -> None:
    events, found = read(copied)
    assert events == [
        [0, "call", 1, 3, {"x": ARRAY}, None],
        [1, "pause", 3, 12, None, None],
        [2, "return", 4, 13, None, ARRAY],
    ]
    assert found == [SCANNED, *FAULTS]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler")
def test_the_scan_in_c_passes_over_rows_it_cannot_show(copied: Path) -> None:
    folder = copied / "src" / "pytest_recorder" / "tracefile"
    sources = [folder / "_scan.c", *sorted(folder.glob("scan_*.c"))]
    includes = [f"-I{copied}/src/pytest_recorder/format", f"-I{sysconfig.get_path('include')}"]
    built = folder / "_scan.abi3.so"
    subprocess.run(["cc", "-shared", "-fPIC", *includes, "-o", built, *sources], check=True)
    assert read(copied)[1] == [SCANNED, SCANNED, *FAULTS]


def test_the_page_gets_a_case_for_each_row(copied: Path) -> None:
    skips = (copied / "web/src/format/skip.ts").read_text()
    for case in ("case 19: // ARRAY", "case 16: // PAUSE", "case 6: // COLOUR"):
        assert case in skips
