"""Makes a golden trace of the format of today, once per format.

    python tests/golden/make.py FOLDER

FOLDER is a new folder whose path may stand in the trace for ever, such as `/project`.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest_recorder

HERE = Path(__file__).parent


def make(folder: Path) -> None:
    """Record the program, and write its events beside the trace."""
    folder.mkdir()
    shutil.copy(HERE / "program.py", folder)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    from program import main  # type: ignore[import-not-found]

    path = HERE / "format-1.pyrec"
    with pytest_recorder.trace(folder / "out.pyrec", exclude=["/**/make.py"]):
        main()
    shutil.copy(folder / "out.pyrec", path)
    shutil.rmtree(folder)
    with pytest_recorder.open_trace(path) as trace:
        lines = [f"{e.n} {e.kind} {e.function}:{e.line}" for e in trace.events()]
    (HERE / "format-1.events.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
