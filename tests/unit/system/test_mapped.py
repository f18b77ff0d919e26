"""A mapped file beside a program that closes what it finds: it goes on, and leaves files alone."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_recorder.errors import EnvironmentError
from pytest_recorder.system.mapped import MappedFile
from pytest_recorder.system.paths import FilePath

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors of POSIX")


def script(tmp_path: Path, body: str) -> None:
    """Run a program that closes descriptors: those of this process are pytest's."""
    head = """
        import os, sys
        from pytest_recorder.errors import EnvironmentError
        from pytest_recorder.system.locks import is_locked
        from pytest_recorder.system.mapped import MappedFile
        from pytest_recorder.system.paths import FilePath

        path = FilePath(sys.argv[1])
        free = os.open("/", os.O_RDONLY)
        os.close(free)
        mapped = MappedFile(path, 8192)
        mapped.map[:4] = b"ours"

        def is_held():
            other = os.open(path, os.O_RDONLY)
            try:
                return is_locked(other)
            finally:
                os.close(other)

        def open_theirs(count=1100):
            found = []
            for number in range(count):
                try:
                    found.append(os.open(f"{path}.theirs", os.O_RDWR | os.O_CREAT, 0o600))
                except OSError:
                    break
            os.write(found[0], b"theirs")
            return found
        """
    text = textwrap.dedent(head) + textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", text, str(tmp_path / "a.pyspool")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_it_takes_no_number_that_the_program_would_get(tmp_path: Path) -> None:
    script(
        tmp_path,
        """
        again = os.open("/", os.O_RDONLY)
        assert again == free
        mapped.grow(1 << 20)
        assert os.open("/", os.O_RDONLY) == free + 1
        """,
    )


def test_it_grows_and_shrinks_and_holds_its_lock(tmp_path: Path) -> None:
    script(
        tmp_path,
        """
        for size in (16384, 1 << 20, 8192, 1 << 21):
            (mapped.grow if size > len(mapped.map) else mapped.shrink)(size)
            assert len(mapped.map) == size == os.stat(path).st_size
            assert mapped.map[:4] == b"ours"
            assert is_held()
        mapped.close()
        mapped.close()
        assert mapped.is_closed and not is_held()
        """,
    )


def test_it_goes_on_where_all_descriptors_were_closed(tmp_path: Path) -> None:
    script(
        tmp_path,
        """
        os.closerange(3, 5000)
        assert is_held()  # the map holds the file, and the file the lock
        mapped.map[4:8] = b"more"
        mapped.grow(1 << 20)
        assert mapped.map[:8] == b"oursmore" and len(mapped.map) == 1 << 20
        assert is_held()
        mapped.grow(1 << 21)
        mapped.close()
        assert open(path, "rb").read(8) == b"oursmore"
        """,
    )


@pytest.mark.parametrize("change", ["mapped.grow(1 << 20)", "mapped.shrink(4096)", "pass"])
def test_a_file_of_the_program_under_one_of_our_numbers_is_left_alone(
    tmp_path: Path, change: str
) -> None:
    script(
        tmp_path,
        f"""
        os.closerange(3, 5000)
        theirs = open_theirs()
        assert len(theirs) > 900
        os.close(theirs.pop(0)); os.close(theirs.pop(0))
        {change}
        mapped.close()
        for number in theirs:
            assert os.fstat(number).st_size == 6
        """,
    )


def test_a_file_that_was_replaced_cannot_grow_and_says_so(tmp_path: Path) -> None:
    script(
        tmp_path,
        """
        os.closerange(3, 5000)
        os.unlink(path)
        for content in (None, b"another"):
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
            try:
                mapped.grow(1 << 20)
            except (OSError, EnvironmentError):
                pass
            else:
                raise AssertionError
            assert mapped.map[:4] == b"ours"
        mapped.close()
        assert open(path, "rb").read() == b"another"
        """,
    )


def test_few_descriptors_are_enough(tmp_path: Path) -> None:
    script(
        tmp_path,
        """
        import resource
        mapped.close()
        os.unlink(path)
        for limit in (64, 16, 8, 6):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            mapped = MappedFile(path, 8192)
            mapped.grow(1 << 20)
            mapped.close()
            os.unlink(path)
        """,
    )


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        MappedFile(FilePath.of(tmp_path / "none" / "a.pyspool"), 8192)
    with pytest.raises(EnvironmentError, match="cannot reserve the spool"):
        MappedFile(FilePath.of(tmp_path / "a.pyspool"), 1 << 62)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.pyspool").touch()
    with pytest.raises(FileExistsError, match=r"a\.pyspool"):
        MappedFile(FilePath.of(tmp_path / "a.pyspool"), 8192)
    assert os.listdir(tmp_path) == ["a.pyspool"]
