"""Check an installed wheel: what may be missing from it, and that it records a suite.

    python tools/check_wheel.py [--parts-in-c]

Run it with the interpreter that the wheel is installed for. With `--parts-in-c` each of them must
be there, and the hot path must read the frames of the interpreter itself.
"""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest_recorder
from pytest_recorder.engine.select import NATIVE_MODULE, select
from pytest_recorder.system import compiled

ROOT = Path(__file__).parents[1]
PARTS = (
    NATIVE_MODULE,
    "pytest_recorder.engine._taps",
    "pytest_recorder.system._spawn",
    "pytest_recorder.tracefile._scan",
)
FILES = ("py.typed", "render/assets/viewer.js", "render/assets/viewer.css")
SHOP_FAILS = 3


def problems(*, needs_c: bool) -> list[str]:
    """Say what is wrong with the wheel; nothing where all is well."""
    package = resources.files("pytest_recorder")
    found = [f"missing: {name}" for name in FILES if not (package / name).is_file()]
    there = Path(pytest_recorder.__file__).parent
    if "site-packages" not in there.parts:
        found.append(f"not the wheel: {there}")
    found += [
        f"a source in C: {path}" for path in there.rglob("*") if path.suffix in (".c", ".h")
    ]
    if needs_c:
        loaded = [(name, compiled.load(name).why_not) for name in PARTS]
        found += [f"{name}: {why}" for name, why in loaded if why is not None]
        slower = select().slower
        found += [slower] if slower is not None else []
    return found + recorded()


def recorded() -> list[str]:
    """Record the example suite, and say what is wrong with its traces."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--record-trace", f"--record-dir={folder}", str(ROOT / "examples" / "shop")]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        index = Path(folder, "index.json")
        kept = json.loads(index.read_text("utf-8"))["tests"] if index.is_file() else []
    statuses = [test["status"] for test in kept if test["trace"] is not None]
    if done.returncode == 1 and statuses == ["complete"] * SHOP_FAILS:
        return []
    return [f"exit status {done.returncode}, traces {statuses}:\n{done.stdout}{done.stderr}"]


if __name__ == "__main__":
    wrong = problems(needs_c="--parts-in-c" in sys.argv[1:])
    sys.exit("\n".join(wrong) or None)
