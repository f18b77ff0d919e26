"""A row that is added to a copy of the table is passed over by readers that cannot show it."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.unit.format.new_rows import PACKAGE, PAGE, ROOT, WRONG, copy_with_new_rows

pytestmark = pytest.mark.skipif(
    not (PACKAGE / "format/vocabulary.h").exists() or not (ROOT / PAGE).exists(),
    reason="installed without the sources",
)
READ = """
import json, sys
from pathlib import Path
from pytest_recorder.format.cursor import Malformed
from pytest_recorder.format.decode import EventDecoder
from pytest_recorder.format.definition_tables import DefinitionTables
from pytest_recorder.tracefile import scan

tables = DefinitionTables()
root = Path(sys.argv[1])
tables.feed((root / "definitions.bin").read_bytes())
data = (root / "events.bin").read_bytes()
events = [
    [e.n, e.kind, e.line, e.time_us, e.args and dict(e.args), e.value] for e in EventDecoder(tables, data)
]
found = []
for made in (scan.PureScan(tables), scan.NativeScan(scan._NATIVE, tables) if scan._NATIVE else None):
    if made is not None:
        found.append([made.feed(data, 0), made.rows()])
for wrong in map(bytes.fromhex, sys.argv[2:]):
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
    copy_with_new_rows(root)
    return root


def read(root: Path) -> Any:
    environ = {"PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-c", READ, root, *(wrong.hex() for wrong in WRONG)]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


ARRAY = {"type": "Array", "unavailable": "this version cannot show it"}
FAULTS = ["unknown record 26"] * 2 + ["unknown value 21"] * 2
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


# `web/tests/rows.test.ts` runs the page's readers on the same copy.
