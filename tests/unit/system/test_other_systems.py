"""What is done on Windows and macOS, as far as Linux can try it: facts and calls are stood in for."""

import ctypes
import errno
import ntpath
import os
import sys
from collections.abc import Callable
from ctypes import wintypes
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.system import atomic_write, files, locks, mapped, paths
from pytest_recorder.system.files import Identity
from pytest_recorder.system.mapped import MappedFile
from pytest_recorder.system.originals import CLOCKS, OS
from pytest_recorder.system.paths import FilePath

HANDLE = 0x1_2345_6789_ABCD


def as_on_windows(module: ModuleType) -> SimpleNamespace:
    """Run the file of a module once more, as Windows would."""
    path = str(module.__file__)
    names: dict[str, Any] = {"__name__": module.__name__, "__file__": path}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        exec(compile(Path(path).read_text(), path, "exec"), names)
    # What its functions ask when they run.
    names["sys"] = SimpleNamespace(platform="win32")
    return SimpleNamespace(**names)


# Processes and locks.


class Call:
    """A function of a DLL: what it is given by the types that it was told."""

    argtypes: Any = None
    restype: Any = None

    def __init__(self, does: Callable[..., int]) -> None:
        self._does = does

    def __call__(self, *values: int) -> int:
        taken = (kind(value).value for kind, value in zip(self.argtypes, values, strict=True))
        return int(self.restype(self._does(*taken)).value or 0)


class Windows:
    """The calls of Windows; `process` is `runs`, `ended`, `hidden` or `gone`."""

    def __init__(self) -> None:
        self.process = "gone"
        self.opened: list[int] = []
        self.error = 0
        self.locking_calls: list[tuple[int, int, int]] = []
        self.is_busy = False
        self.kernel = SimpleNamespace(
            OpenProcess=Call(self.open_process),
            WaitForSingleObject=Call(self.wait),
            CloseHandle=Call(self.close),
        )

    def dll(self, name: str, *, use_last_error: bool) -> SimpleNamespace:
        assert (name, use_last_error) == ("kernel32", True)
        return self.kernel

    def open_process(self, access: int, inherits: int, pid: int) -> int:
        assert (access, bool(inherits)) == (0x0010_0000, False)
        if self.process in ("runs", "ended"):
            self.opened.append(HANDLE)
            return HANDLE
        self.error = {"hidden": 5, "gone": 87}[self.process]
        return 0

    def wait(self, handle: int, timeout_ms: int) -> int:
        assert (handle, timeout_ms) == (HANDLE, 0)
        return {"runs": 0x102, "ended": 0}[self.process]

    def close(self, handle: int) -> int:
        self.opened.remove(handle)
        return 1

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        if self.is_busy:
            raise OSError(errno.EDEADLOCK, "Resource deadlock avoided")
        self.locking_calls.append((mode, os.lseek(descriptor, 0, os.SEEK_CUR), size))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    made = Windows()
    monkeypatch.setattr(ctypes, "WinDLL", made.dll, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: made.error, raising=False)
    msvcrt = SimpleNamespace(locking=made.locking, LK_LOCK=1, LK_UNLCK=0)
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    return made


@pytest.mark.parametrize(
    ("process", "is_alive"),
    [("runs", True), ("ended", False), ("hidden", True), ("gone", False)],
)
def test_windows_tells_living_processes_from_dead_ones(
    windows: Windows, process: str, is_alive: bool
) -> None:
    windows.process = process
    assert as_on_windows(locks).is_alive(1234) is is_alive
    assert windows.opened == []
    # What is not said is an int of 32 bits.
    assert windows.kernel.OpenProcess.restype is wintypes.HANDLE
    assert windows.kernel.WaitForSingleObject.argtypes[0] is wintypes.HANDLE
    assert windows.kernel.CloseHandle.argtypes == (wintypes.HANDLE,)


@pytest.mark.parametrize("pid", [0, -1, 2**32 + 1234])
def test_what_is_no_number_of_a_process_is_not_asked_for(windows: Windows, pid: int) -> None:
    windows.process = "runs"
    assert as_on_windows(locks).is_alive(pid) is False


def test_windows_locks_a_folder_by_a_byte_that_nobody_reads(
    windows: Windows, tmp_path: Path
) -> None:
    (tmp_path / ".gitignore").write_text("*")
    with as_on_windows(locks).locked_folder(tmp_path):
        assert windows.locking_calls == [(1, 1 << 20, 1)]
    assert windows.locking_calls == [(1, 1 << 20, 1), (0, 1 << 20, 1)]
    assert (tmp_path / ".gitignore").read_text() == "*"


@pytest.mark.parametrize("has_file", [True, False])
def test_a_folder_that_cannot_be_locked_is_used_all_the_same(
    windows: Windows, tmp_path: Path, has_file: bool
) -> None:
    windows.is_busy = True
    if has_file:
        (tmp_path / ".gitignore").write_text("*")
    is_done = False
    with as_on_windows(locks).locked_folder(tmp_path):
        is_done = True
    assert is_done


def test_windows_has_no_locks_of_files(windows: Windows) -> None:
    there = as_on_windows(locks)
    assert (there.try_lock(0), there.try_share(0), there.is_locked(0)) == (None, None, None)


# Paths.

names = st.text("ab.", min_size=1, max_size=3)
parts = st.lists(names | st.sampled_from(["", ".", "..", "a b"]), max_size=6)
roots = st.sampled_from(["C:\\", "c:/", "\\\\server\\share\\"])
WINDOWS_PATHS = as_on_windows(paths)


@given(roots, parts, st.sampled_from("\\/"))
def test_paths_of_windows_are_what_the_standard_library_says(
    root: str, names: list[str], separator: str
) -> None:
    path = root + separator.join(names)
    plain = WINDOWS_PATHS.normalized(path)
    assert plain == ntpath.normpath(path)
    assert WINDOWS_PATHS.is_absolute(path)
    assert WINDOWS_PATHS.parent_of(plain) == ntpath.dirname(plain)
    assert WINDOWS_PATHS.name_of(plain) == ntpath.basename(plain)


@given(roots, names)
def test_paths_of_windows_are_joined_as_the_standard_library_does(root: str, name: str) -> None:
    assert WINDOWS_PATHS.join(root, name) == ntpath.join(root, name)
    assert WINDOWS_PATHS.join(f"{root}a", name) == ntpath.join(f"{root}a", name)
    assert WINDOWS_PATHS.join(name, f"{root}a") == f"{root}a"
    made = WINDOWS_PATHS.FilePath(f"{root}a\\b") / name
    assert made.as_posix() == str(made).replace("\\", "/")
    assert made.is_in(f"{root}a")


def test_windows_itself_says_what_a_relative_path_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OS, "full_path", lambda path: f"D:\\work\\{path[2:]}")
    assert files.absolute("D:traces") == "D:\\work\\traces"


def test_a_path_that_windows_does_not_take_stays_a_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: str) -> str:
        raise ValueError("embedded null character")

    monkeypatch.setattr(OS, "full_path", refuse)
    assert files.absolute("/a/../b\0") == "/b\0"


# Names of files that somebody reads.


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr(CLOCKS, "sleep", taken.append)
    monkeypatch.setattr(atomic_write, "_PAUSES_S", (0.5, 1.0))
    return taken


@pytest.mark.parametrize(("refusals", "is_there"), [(0, True), (2, True), (3, False)])
def test_a_file_that_somebody_reads_is_replaced_when_he_is_done(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pauses: list[float],
    refusals: int,
    is_there: bool,
) -> None:
    (tmp_path / "new").write_text("new")
    original, calls = OS.replace, iter(range(9))

    def refuse(path: str, wanted: str) -> None:
        if next(calls) < refusals:
            raise PermissionError(errno.EACCES, "Access is denied")
        original(path, wanted)

    monkeypatch.setattr(OS, "replace", refuse)
    if is_there:
        atomic_write.replace(tmp_path / "new", tmp_path / "old")
        assert (tmp_path / "old").read_text() == "new"
    else:
        with pytest.raises(PermissionError, match="denied"):
            atomic_write.replace(tmp_path / "new", tmp_path / "old")
    assert pauses == [0.5, 1.0][:refusals]


def test_a_path_that_is_wrong_is_not_tried_again(tmp_path: Path, pauses: list[float]) -> None:
    with pytest.raises(FileNotFoundError, match="no-such"):
        atomic_write.replace(tmp_path / "no-such", tmp_path / "old")
    assert pauses == []


def test_here_nothing_is_tried_again() -> None:
    assert atomic_write._PAUSES_S == ()


# Files in memory.

LINUX = {"is_movable": True, "keeps_size": False, "has_real_blocks": False}
MAC = {"is_movable": False, "keeps_size": False, "has_real_blocks": False}
WINDOWS = {"is_movable": False, "keeps_size": True, "has_real_blocks": True}


@pytest.fixture(params=[MAC, WINDOWS], ids=["macOS", "Windows"])
def as_there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in request.param.items():
        monkeypatch.setattr(mapped._MAPPING, name, value)
    monkeypatch.setattr(OS, "posix_fallocate", None)


class NoRoom:
    """A map that cannot be moved, as that of macOS."""

    def __init__(self, there: Any) -> None:
        self.there = there

    def __getattr__(self, name: str) -> Any:
        return getattr(self.there, name)

    def resize(self, size: int) -> None:
        raise SystemError("mmap: resizing not available--no mremap()")


def make(path: Path, size: int) -> MappedFile:
    made = MappedFile(FilePath.of(path), size)
    # Where maps keep no descriptor nobody asks one to move; before that, only Linux has them moved.
    made.map = NoRoom(made.map)  # type: ignore[assignment]
    return made


@pytest.mark.usefixtures("as_there")
def test_a_map_that_cannot_be_moved_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.pyspool"
    made = make(path, 8192)
    made.map.there[:4] = b"ours"  # type: ignore[attr-defined]
    made.grow(200_000)
    assert (len(made.map), path.stat().st_size) == (200_000, 200_000)
    assert made.map[:4] == b"ours"
    made.map[-4:] = b"last"
    assert path.read_bytes()[-4:] == b"last"
    made.map = NoRoom(made.map)  # type: ignore[assignment]
    made.shrink(4096)
    assert (len(made.map), path.stat().st_size) == (4096, 4096)
    made.map[:4] = b"more"
    made.close()
    assert path.read_bytes()[:4] == b"more"


@pytest.mark.usefixtures("as_there")
def test_no_descriptor_is_left_by_maps_made_anew(tmp_path: Path) -> None:
    made = MappedFile(FilePath.of(tmp_path / "a.pyspool"), 8192)
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").exists() else []
    for size in (50_000, 90_000):
        made.grow(size)
    made.shrink(8192)
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)
    made.close()


def test_macos_gets_real_blocks_by_writing_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "a.pyspool"
    for name, value in MAC.items():
        monkeypatch.setattr(mapped._MAPPING, name, value)
    monkeypatch.setattr(OS, "posix_fallocate", None)
    made = MappedFile(FilePath.of(path), 300_000)
    made.map[:5] = b"first"
    made.grow(700_000)
    assert path.stat().st_blocks * 512 >= 700_000
    assert made.map[:5] == b"first"
    made.close()


def test_a_full_disk_is_told_where_blocks_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "a.pyspool"
    for name, value in MAC.items():
        monkeypatch.setattr(mapped._MAPPING, name, value)
    monkeypatch.setattr(OS, "posix_fallocate", None)
    made = MappedFile(FilePath.of(path), 8192)

    def refuse(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(OS, "write", refuse)
    with pytest.raises(OSError, match="No space left"):
        made.grow(700_000)
    assert len(made.map) == 8192
    made.map[:4] = b"ours"
    made.close()


def test_windows_unmaps_a_file_before_it_is_cut(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in WINDOWS.items():
        monkeypatch.setattr(mapped._MAPPING, name, value)
    made = MappedFile(FilePath.of(tmp_path / "a.pyspool"), 80_000)
    original, cut = OS.ftruncate, []

    def ftruncate(descriptor: int, size: int) -> None:
        if not made.map.closed:
            raise PermissionError(errno.EACCES, "a file with a user-mapped section open")
        cut.append(Identity.of(descriptor))
        original(descriptor, size)

    monkeypatch.setattr(OS, "ftruncate", ftruncate)
    made.shrink(8192)
    assert (len(made.map), cut) == (8192, [Identity.of(made._descriptor)])
    made.close()


def test_a_file_that_cannot_be_cut_is_mapped_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in WINDOWS.items():
        monkeypatch.setattr(mapped._MAPPING, name, value)
    made = MappedFile(FilePath.of(tmp_path / "a.pyspool"), 80_000)

    def refuse(descriptor: int, size: int) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(OS, "ftruncate", refuse)
    with pytest.raises(PermissionError, match="no"):
        made.shrink(8192)
    assert len(made.map) == 80_000
    made.close()


def test_only_linux_moves_maps() -> None:
    assert mapped._MAPPING.is_movable == (sys.platform == "linux")
    assert {name: getattr(mapped._MAPPING, name) for name in LINUX} == LINUX or (
        sys.platform != "linux"
    )
