"""A small file costs a reader little, whatever is in it, and never more than a word on stderr."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.hostile import MECHANISMS

COMMANDS = {
    "info": ["info", "{}"],
    "show": ["show", "{}"],
    "show --at failure": ["show", "--at", "failure", "{}"],
    "explain": ["explain", "{}"],
    "values": ["values", "{}", "x"],
    "object": ["object", "{}", "1"],
    "calls": ["calls", "{}", "f"],
    "at": ["at", "{}", "m.py:1"],
    "export": ["export", "{}"],
    "export --objects": ["export", "--objects", "{}"],
    "html": ["html", "{}"],
}
MOST_MEBIBYTES = 256
"""What 2 MiB of the densest values, the tables of a file and a block of events take together."""
FULL = {"info", "show", "explain", "html", "object"}
WITH_ALL = {
    "parts_that_move_again_and_again",
    "items_of_a_value",
    "frames_that_never_end",
    "lines_in_many_blocks",
}


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and limits of resources"),
]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_small_trace_costs_no_command_much_memory(mechanism: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pyrec"
    path.write_bytes(MECHANISMS[mechanism]())
    names = [name for name in COMMANDS if mechanism in WITH_ALL or name in FULL]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.hostile_child", str(path)],
        input=json.dumps([COMMANDS[name] for name in names]),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    most = MOST_MEBIBYTES + 16 * path.stat().st_size // (1 << 20)
    for name, (status, mebibytes, _) in zip(names, json.loads(done.stdout), strict=True):
        assert status in (0, 2, 20), (name, status)
        assert mebibytes <= most, name
