"""Files by the calls of the system alone: they answer as `os` and `pathlib` do."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.system import files
from pytest_recorder.system.originals import OS

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and descriptors of POSIX")


def test_what_is_there_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert files.is_file(tmp_path / "file")
    assert not files.is_folder(tmp_path / "file")
    assert files.is_folder(str(tmp_path))
    assert files.size_of(tmp_path / "file") == 3
    for nothing in (tmp_path / "none", "a\0b", tmp_path / "file" / "below"):
        assert not files.exists(nothing)
        assert not files.is_file(nothing)
        assert not files.is_folder(nothing)


@posix
@pytest.mark.parametrize(
    "path",
    [
        "a/file",
        "to-a/file",
        "to-a/../file",
        "loop/x",
        "nowhere/x",
        "a/./../a//file",
        "none/../a",
        "chain/file",
        "absolute/file",
    ],
)
def test_a_real_path_is_that_of_os_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    for name, target in {
        "to-a": "a",
        "loop": "loop",
        "nowhere": "gone",
        "chain": "./to-a",
        "absolute": str(tmp_path / "a"),
    }.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.chdir(tmp_path)
    for each in (path, str(tmp_path / path)):
        assert files.real(each) == os.path.realpath(each)
        assert files.absolute(each) == os.path.abspath(each)


@posix
def test_a_removed_working_folder_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert files.current_folder() is None
    assert files.absolute("a/../b") == "b"
    assert files.real("a/../b") == "b"
    assert files.real("/a/../b") == "/b"


def test_folders_are_made_and_may_be_there(tmp_path: Path) -> None:
    for _ in range(2):
        files.make_folders(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="file"):
        files.make_folders(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="none"):
        files.make_folders("/proc/none/below")
    with pytest.raises(NotADirectoryError, match="file"):
        files.make_folders(tmp_path / "file" / "below")


def test_a_file_is_written_read_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write_bytes(path, b"abc")
    files.write_bytes(path, b"de")
    assert files.read_bytes(path) == b"de"
    with files.open_to_write(path) as file:
        file.write(b"fg")
    assert path.read_bytes() == b"fg"
    for _ in range(2):
        files.remove(path)
    assert not path.exists()


@posix
def test_a_file_that_is_written_is_no_program(tmp_path: Path) -> None:
    files.open_to_write(tmp_path / "opened").close()
    files.write_bytes(tmp_path / "written", b"")
    modes = [path.stat().st_mode for path in tmp_path.iterdir()]
    assert len(modes) == 2
    assert not any(mode & 0o111 for mode in modes)


@posix
def test_a_program_gets_the_numbers_that_it_would_get_without_us(tmp_path: Path) -> None:
    free = os.open(tmp_path, os.O_RDONLY)
    os.close(free)
    held = files.to_high_number(OS.open(str(tmp_path), files.READ))
    with files.low_numbers_taken():
        other = OS.dup(held)
    try:
        assert held > 500
        assert other > 500
        assert not os.get_inheritable(held)
        again = os.open(tmp_path, os.O_RDONLY)
        os.close(again)
        assert again == free
    finally:
        os.close(held)
        os.close(other)


@posix
def test_a_held_descriptor_leaves_a_foreign_file_alone(tmp_path: Path) -> None:
    number = OS.open(str(tmp_path), files.READ)
    held = files.HeldDescriptor(number)
    assert held.get() == number
    os.close(number)
    assert held.get() is None
    (tmp_path / "theirs").touch()
    theirs = os.open(tmp_path / "theirs", os.O_RDONLY)
    os.dup2(theirs, number)
    assert held.get() is None
    held.close()
    os.fstat(number)
    if theirs != number:
        os.close(theirs)
    os.close(number)


@given(
    st.lists(st.sampled_from(["a", "b", "..", "."]), max_size=5),
    st.lists(st.sampled_from(["a", "b", "..", "."]), max_size=5),
)
def test_the_way_from_one_path_to_another_is_that_of_the_standard_library(
    there: list[str], start: list[str]
) -> None:
    for prefix in ("", os.sep):
        path, folder = (prefix + os.sep.join(parts) or "." for parts in (there, start))
        assert files.relative(path, folder) == os.path.relpath(path, folder)
