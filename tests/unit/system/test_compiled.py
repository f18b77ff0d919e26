"""Why a part in C is not there: one line, whatever lies in the place of the file that says so."""

from pathlib import Path

import pytest

from pytest_recorder.system import compiled
from pytest_recorder.system.compiled import build_failures
from pytest_recorder.system.paths import FilePath

NOTHING = "pytest_recorder.engine._nothing"


@pytest.fixture(autouse=True)
def parts_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(compiled.PURE_VARIABLE, raising=False)


def read(tmp_path: Path, content: bytes) -> dict[str, str]:
    path = tmp_path / "failures.txt"
    path.write_bytes(content)
    return build_failures(FilePath.of(path))


def test_a_part_that_was_not_built_says_what_the_compiler_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = read(tmp_path, f"{NOTHING}: a.c:1: fatal error: Python.h: no\n".encode())
    monkeypatch.setattr(compiled, "build_failures", lambda: found)
    assert compiled.load(NOTHING).why_not == (
        "the part in C was not built: a.c:1: fatal error: Python.h: no"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", {}),
        (b"\n\n: \na\nb:\nc: \n", {}),
        (b"a: one\na: two\r\nb: three", {"a": "one", "b": "three"}),
        (
            b"\xff\xfe\x00a: \x1b[31mred\x07\xe2\x80\xaetext\n",
            {"\ufffd\ufffd a": "[31mred text"},
        ),
        (b"a: " + b"x" * 5000, {"a": "x" * 197 + "..."}),
        (b"\x00" * 100_000, {}),
    ],
    ids=["empty", "nothing said", "two of a name", "bytes", "long", "zeros"],
)
def test_a_broken_file_does_no_harm(
    tmp_path: Path, content: bytes, found: dict[str, str]
) -> None:
    assert read(tmp_path, content) == found


def test_what_is_no_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "link")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "link", Path("/dev/zero")):
        assert build_failures(FilePath.of(path)) == {}


def test_a_file_of_many_lines_is_read_so_far(tmp_path: Path) -> None:
    found = read(tmp_path, b"".join(b"part%d: cause\n" % n for n in range(100_000)))
    assert 100 < len(found) < 1000


@pytest.mark.parametrize("ending", ["cpython-39-x86_64-linux-gnu.so", "cp39-win_amd64.pyd"])
def test_a_part_of_another_python_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / f"_nothing.{ending}").write_bytes(b"")
    (folder / "_nothing_else.so").write_bytes(b"")
    monkeypatch.setattr(compiled, "_PACKAGE", FilePath.of(tmp_path))
    assert compiled.load(NOTHING).why_not == (
        f"the part in C that lies there is of another Python (_nothing.{ending}),"
        " install pytest-record-trace again with this one"
    )


def test_an_error_of_many_lines_becomes_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_part.py").write_text("raise ImportError('one\\n\\x1b two' + 'x' * 900)")
    why = compiled.load("broken_part").why_not
    assert why is not None
    assert why.startswith("the part in C cannot be loaded: one two")
    assert len(why) < 240


def test_each_interpreter_has_a_file_of_its_own() -> None:
    assert compiled.FAILURES.name.startswith("build_failure.")
    assert compiled.FAILURES.parent == compiled._PACKAGE
