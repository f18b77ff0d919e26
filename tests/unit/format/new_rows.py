"""Makes a copy of the package with rows in the table that no reader can show, and records of them.

python -m tests.unit.format.new_rows FOLDER
"""

import shutil
import subprocess
import sys
from pathlib import Path

from pytest_recorder.format.primitives import text, uv, zz

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "pytest_recorder"
PAGE = Path("web", "src", "format")
ROWS = {
    "DEFINITIONS": 'Record(7, "COLOUR", "a colour", "any_thread text (member)"),',
    "OPERATIONS": 'Record(24, "PAUSE", "`pause`", "line time level (name value)", is_event=True),\n'
    '    Record(25, "NOTE", "a note", "time text"),',
    "TAGS": 'Record(20, "ARRAY", "an array", "type object bytes (name value)"),',
}

DEFINITIONS = (
    b"\1" + uv(1) + text("x")
    + b"\7" + uv(1) + uv(5) + text("red") + uv(2) + text("a") + text("b")
    + b"\2" + uv(1) + text("Array") + uv(0)
    + b"\3" + uv(1) + text("m.py") + uv(0) + b"\4" + uv(1) + uv(1) + uv(1) + text("f")
)  # fmt: skip
_ARRAY = b"\x14" + uv(1) + uv(4) + uv(2) + b"zz" + uv(1) + uv(1) + b"\x08" + text("in")
EVENTS = (
    b"\4" + uv(1) + uv(1) + uv(1) + uv(0) + uv(3) + uv(1) + uv(1) + _ARRAY
    + b"\x19" + uv(4) + text("note")
    + b"\x18" + zz(2) + uv(5) + uv(1) + uv(1) + uv(1) + _ARRAY
    + b"\6" + zz(1) + uv(1) + _ARRAY
)  # fmt: skip
"""A call with an array as its argument, a note, a pause, and a return of an array."""
WRONG = (b"\x1a", b"\6" + zz(1) + uv(1) + b"\x15")
"""A record and a value that are in no table."""


def copy_with_new_rows(root: Path) -> None:
    """Copy the package and the page's readers below `root`, add the rows and generate."""
    package = root / "src" / "pytest_recorder"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copytree(ROOT / PAGE, root / PAGE)
    table = package / "format" / "table.py"
    written = table.read_text()
    for name, row in ROWS.items():
        before, begin, rest = written.partition(f"\n{name}: Final = (\n")
        body, end, after = rest.partition("\n)\n")
        written = f"{before}{begin}{body}\n    {row}{end}{after}"
    table.write_text(written)
    subprocess.run([sys.executable, ROOT / "tools/generate_format.py", root], check=True)
    (root / "definitions.bin").write_bytes(DEFINITIONS)
    (root / "events.bin").write_bytes(EVENTS)


if __name__ == "__main__":
    copy_with_new_rows(Path(sys.argv[1]))
