"""A disk that has no room even for what the spool gives back: the recording is still in its spool."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.errors import EnvironmentError
from pytest_recorder.format.layout import SegmentKind
from pytest_recorder.system.originals import OS
from pytest_recorder.tracefile.recovery import recover
from pytest_recorder.tracefile.spool import Spool
from pytest_recorder.tracefile.spoolfile import SpoolFile
from tests.faults.test_real_faults import CAN_MOUNT, OWN_MOUNTS

# No file can be made on this disk besides `.gitignore` and the spool: it has no more inodes. It is
# filled with what lies in them, so that the spool is lent and must be put back.
PROGRAM = """
import os, resource, shutil, sys
import pytest_recorder

def add(a, b):
    return a + b

def work():
    total = 0
    for number in range(20_000):
        total = add(total, number)
    return total

session = pytest_recorder.start("out", include=[__file__], policy={"log_file": "log"})
work()
END
try:
    session.stop()
except pytest_recorder.EnvironmentError as error:
    print(error.context["errno"])
limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
(spool,) = [name for name in os.listdir("out") if name.endswith(".pyspool")] or [None]
if spool is not None:
    shutil.copy(f"out/{spool}", "found/a.pyspool")
"""
NO_INODES = "mount -t tmpfs -o size=64m,nr_inodes=3 none out"
NO_LENGTH = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"


def run(folder: Path, mount: str, end: str) -> subprocess.CompletedProcess[str]:
    for name in ("out", "found"):
        (folder / name).mkdir()
    (folder / "program.py").write_text(PROGRAM.replace("END", end))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    prefix = OWN_MOUNTS if mount else ()
    return subprocess.run(
        [*prefix, "sh", "-c", f"{mount or ':'} && exec '{sys.executable}' program.py"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def assert_recovered(folder: Path) -> None:
    (entry,) = recover(folder / "found").entries
    assert entry.trace is not None
    with pytest_recorder.open_trace(folder / "found" / entry.trace) as trace:
        calls = [event.function for event in trace.events() if event.kind == "call"]
    assert calls[0] == "work"
    assert calls.count("add") == 20_000


@pytest.mark.skipif(not CAN_MOUNT, reason="needs a mount of its own")
def test_a_trace_that_finds_no_place_in_the_room_of_its_spool_can_be_recovered(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, NO_INODES, "")
    assert (done.stdout, done.stderr) == ("ENOSPC\n", "")
    assert_recovered(tmp_path)


def test_a_trace_longer_than_a_file_may_be_can_be_recovered(tmp_path: Path) -> None:
    done = run(tmp_path, "", NO_LENGTH)
    assert done.stdout == "EFBIG\n", done.stderr
    assert_recovered(tmp_path)


def fill(spool: Spool) -> None:
    spool.begin(b"{}")
    spool.next_definitions(10)
    spool.define(b"a definition")
    for number in range(40):
        spool.next_events(10_000, number)
        spool.append(bytes([number]) * 10_000, 1)


def held(spool: Spool) -> list[tuple[int, int, int, bytes]]:
    return [(s.kind, s.first, s.events, s.data) for s in spool.segments()]


def lend_in_vain(spool: Spool, meanwhile: Callable[[], None]) -> None:
    with spool.lend():
        meanwhile()
        raise OSError("no room")


def test_a_spool_whose_room_was_lent_in_vain_is_as_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "a.pyspool", 4 << 20)
    fill(spool)
    path = Path(spool.path)
    before, size = held(spool), path.stat().st_size
    sizes = []
    with pytest.raises(OSError, match="no room"):
        lend_in_vain(spool, lambda: sizes.append(path.stat().st_size))
    assert sizes[0] < size
    assert (held(spool), path.stat().st_size) == (before, size)
    assert not spool.is_empty
    # And it goes on, in the same units.
    fill(spool)
    assert held(spool) == before
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_whose_room_was_taken_is_empty_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "a.pyspool", 4 << 20)
    fill(spool)
    before = held(spool)

    def refuse(*_: object) -> None:
        raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no room"):
        lend_in_vain(spool, lambda: monkeypatch.setattr(OS, "posix_fallocate", refuse))
    assert spool.is_empty
    assert held(spool) == []
    with SpoolFile(spool.path) as found:
        assert found.read() is None
    monkeypatch.undo()
    fill(spool)
    assert held(spool) == before
    assert {kind for kind, *_ in before} == {SegmentKind.DEFINITIONS, SegmentKind.EVENTS}
    spool.close()


def test_an_empty_spool_is_not_left_to_be_recovered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room that the spool gave back is taken by others: nothing can be recovered."""
    folder = tmp_path / "out"
    session = pytest_recorder.start(folder, include=[__file__])
    for number in range(20_000):
        add(number, number)
    refused = OSError(28, "no space left")

    def refuse(*_: object) -> None:
        raise refused

    for name in ("fsync", "posix_fallocate"):
        monkeypatch.setattr(OS, name, refuse)
    with pytest.raises(EnvironmentError, match="ENOSPC"):
        session.stop()
    monkeypatch.undo()
    assert [path.name for path in folder.iterdir()] == [".gitignore"]


def add(a: int, b: int) -> int:
    return a + b
