"""The log file: appended to by many, made with its folder, left when it cannot be written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_recorder.diagnostics import logfile
from pytest_recorder.diagnostics.logfile import LogFile

if sys.platform != "win32":
    import fcntl


def test_the_file_is_made_with_its_folder_and_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "log.jsonl"
    assert LogFile(str(path)).write(b"1") is None
    assert LogFile(str(path)).write(b"2") is None
    assert path.read_bytes() == b"1\n2\n"


def test_a_file_that_was_moved_away_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = LogFile(str(path))
    log.write(b"1")
    path.rename(tmp_path / "old.jsonl")
    log.write(b"2")
    assert path.read_bytes() == b"2\n"


def test_a_line_that_was_cut_by_a_full_disk_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"cut":')
    log = LogFile(str(path))
    log.write(b"1")
    log.write(b"2")
    assert path.read_bytes() == b'{"cut":\n1\n2\n'


@pytest.mark.parametrize(
    "make, number",
    [
        (lambda path: path.mkdir(), errno.EISDIR),
        (lambda path: os.mkfifo(path), errno.ENXIO),
        (lambda path: path.symlink_to("/dev/full"), errno.ENOSPC),
    ],
    ids=["a folder", "a FIFO that nobody reads", "a full device"],
)
def test_what_cannot_be_written_is_said_once(make: object, number: int, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    make(path)  # type: ignore[operator]
    log = LogFile(str(path))
    error = log.write(b"1")
    assert error is not None
    assert error.errno == number
    assert log.has_failed


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    error = LogFile(str(tmp_path / "folder" / "log.jsonl")).write(b"1")
    assert isinstance(error, OSError)


def test_a_line_that_does_not_fit_any_more_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    code = f"""
import resource
from pytest_recorder.diagnostics.logfile import LogFile
resource.setrlimit(resource.RLIMIT_FSIZE, (12, 12))
log = LogFile({str(path)!r})
print([type(log.write(b"0123456789")) for _ in range(2)], log.has_failed)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[<class 'NoneType'>, <class 'OSError'>] True\n"
    log = LogFile(str(path))
    log.write(b"x")
    assert path.read_bytes() == b"0123456789\n0\nx\n"


def test_processes_that_share_a_file_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    code = """
import sys
from pytest_recorder.diagnostics.logfile import LogFile
log = LogFile(sys.argv[1])
for _ in range(300): log.write(sys.argv[2].encode() * 3000)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    lines = path.read_text().splitlines()
    assert sorted(set(lines)) == [letter * 3000 for letter in "abc"]
    assert len(lines) == 900


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
@pytest.mark.parametrize(
    "lock, text",
    [("LOCK_SH", b"half a l1\n"), ("LOCK_EX", b"half a l\n1\n")],
    ids=["another-writes-it", "another-found-it-cut"],
)
def test_a_line_that_another_process_is_at_is_judged_by_its_lock(
    tmp_path: Path, lock: str, text: bytes
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"half a l")
    with path.open("ab") as other:
        fcntl.flock(other.fileno(), getattr(fcntl, lock))
        LogFile(str(path)).write(b"1")
        assert path.read_bytes() == text


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locks")
def test_a_writer_says_that_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.touch()
    was_locked: list[bool] = []

    def look(fd: int, data: bytes) -> None:
        with path.open("rb") as other:
            try:
                fcntl.flock(other.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                was_locked.append(True)

    monkeypatch.setattr(logfile, "write_all", look)
    LogFile(str(path)).write(b"1")
    assert was_locked == [True]


def test_the_second_write_fails_when_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_INJECT", "log-write:2")
    file = LogFile(str(tmp_path / "log.jsonl"))
    assert file.write(b"{}") is None
    assert isinstance(file.write(b"{}"), OSError)
    assert file.has_failed
    assert (tmp_path / "log.jsonl").read_bytes() == b"{}\n"
