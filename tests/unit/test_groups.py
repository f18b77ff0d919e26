"""What a run of our own tests takes: its group, and which worker runs what."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import GROUPS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(group: str, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args],
        cwd=ROOT,
        env=environ | {"TEST_GROUP": group},
        capture_output=True,
        text=True,
        check=False,
    )


def collected(group: str, *args: str) -> list[str]:
    done = run(group, "--collect-only", "-q", *args)
    assert done.returncode == 0, done.stdout
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_a_group_confines_a_run_to_its_files() -> None:
    files = {name.partition("::")[0] for name in collected("wheel")}
    assert files == {f"tests/{name}" for name in GROUPS["wheel"]}


def test_what_is_slow_is_left_out_of_the_fast_group_only() -> None:
    path = "tests/unit/tracefile/test_recovery.py"
    slow = f"{path}::test_any_flipped_byte_is_survived"
    every, fast = collected("", path), collected("fast", path)
    assert slow in every
    assert slow not in fast
    assert set(fast) < set(every)


def test_an_unknown_group_ends_the_run() -> None:
    done = run("quick", "--collect-only")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "TEST_GROUP is 'quick', expected one of fast, " in done.stderr


def test_a_file_is_run_by_one_worker() -> None:
    done = run("", "-n", "2", "-v", "tests/unit/settings")
    workers = defaultdict(set)
    for worker, name in re.findall(
        r"^\[(gw\d)\] .* PASSED (\S+?)::", done.stdout, re.MULTILINE
    ):
        workers[name].add(worker)
    assert len(workers) > 1
    assert {len(found) for found in workers.values()} == {1}
