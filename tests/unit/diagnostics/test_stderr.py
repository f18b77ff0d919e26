"""The real stderr, in processes of their own: with descriptors that are closed, full or others'."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import IO, Any

import pytest

HEAD = """
import os, sys
from pytest_recorder.diagnostics.stderr import REAL
"""


def script(
    body: str, stderr: int | IO[Any] = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    code = HEAD + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stderr, check=False
    )


def test_a_line_stands_on_a_line_of_its_own() -> None:
    done = script(
        """
        REAL.hold()
        os.write(2, b"half a ")
        REAL.write_line(b"{1}")
        os.write(2, b"line\\n")
        """
    )
    assert done.stderr == b"half a \n{1}\nline\n"


def test_an_empty_file_and_one_that_ends_with_a_line_of_ours_need_no_line_end(
    tmp_path: Path,
) -> None:
    with open(tmp_path / "err", "wb") as file:
        script(
            """
            REAL.hold()
            REAL.write_line(b"{1}")
            REAL.write_line(b"{2}")
            os.write(2, b"half")
            REAL.write_line(b"{3}")
            """,
            file,
        )
    assert (tmp_path / "err").read_bytes() == b"{1}\n{2}\nhalf\n{3}\n"


def test_what_takes_the_place_of_stderr_later_does_not_get_the_lines() -> None:
    done = script(
        """
        REAL.hold()
        read, write = os.pipe()
        os.dup2(write, 2)
        sys.stderr = None
        REAL.write_line(b"{1}")
        os.close(write); os.close(2)
        assert os.read(read, 9) == b""
        """
    )
    assert (done.returncode, done.stderr) == (0, b"\n{1}\n")


def test_a_file_of_the_program_under_our_number_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs"
    done = script(
        f"""
        REAL.hold()
        os.closerange(3, 1100)
        theirs = [os.open({str(path)!r}, os.O_RDWR | os.O_CREAT) for _ in range(5)]
        REAL.write_line(b"{{1}}")
        os.dup2(theirs[0], 2)
        REAL.write_line(b"{{2}}")
        REAL.release()
        for fd in theirs: os.fstat(fd)
        """
    )
    # The number 2 is still what it was the first time, and not the second.
    assert (done.returncode, done.stderr) == (0, b"\n{1}\n")
    assert path.read_bytes() == b""


@pytest.mark.parametrize("how", ["closed", "full", "read_only"])
def test_a_stderr_that_takes_nothing_raises_nothing(how: str) -> None:
    body = """
        REAL.hold()
        held = [os.open(os.devnull, os.O_RDWR) for _ in range(4)]
        REAL.write_line(b"{1}")
        REAL.release()
        for fd in held: os.fstat(fd)
        """
    if how == "closed":
        code = HEAD + textwrap.dedent(body)
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, check=False)
    else:
        path, mode = ("/dev/full", "wb") if how == "full" else (os.devnull, "rb")
        with open(path, mode) as file:
            done = script(body, file)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.slow
def test_a_pipe_that_nobody_reads_and_that_does_not_block_raises_nothing() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    done = script(
        """
        REAL.hold()
        try:
            while True: os.write(2, b"x" * 65536)
        except BlockingIOError:
            pass
        REAL.write_line(b"{1}")
        """,
        write,
    )
    os.close(read)
    os.close(write)
    assert done.returncode == 0


def test_the_descriptor_is_given_back_with_the_last_holder_and_is_not_inherited() -> None:
    done = script(
        """
        def is_open(fd):
            try:
                return bool(os.fstat(fd))
            except OSError:
                return False
        free = next(fd for fd in range(3, 99) if not is_open(fd))
        REAL.hold(); REAL.hold()
        held = REAL._fd
        assert held > free and not is_open(free)
        assert is_open(held) and not os.get_inheritable(held)
        REAL.release()
        assert is_open(held)
        REAL.release()
        assert not is_open(held)
        """
    )
    assert (done.returncode, done.stderr) == (0, b"")
