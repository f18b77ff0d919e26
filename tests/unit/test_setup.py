"""What `setup.py` keeps of a compiler that fails; `.ci/run` builds with one in earnest.

setuptools need not be installed where the tests run: what is used of it is stood in for here.
"""

import os
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SETUP = Path(__file__).parents[2] / "setup.py"
NATIVE = "pytest_recorder.engine.native._native"
DIRECT_FAILS = """
[ "$2" ] && exit 0
echo cc -Werror=error -c unit.c
echo "In file included from unit.c:1:" >&2
echo "internals.h:62:10: fatal error:   pycore.h: No such file" >&2
echo "unit.c:9: error: another" >&2
exit 1
"""


class Failed(Exception):
    """An error of setuptools."""


class Extension:
    def __init__(self, name: str, sources: list[str], **options: Any) -> None:
        self.name = name
        self.define_macros: list[tuple[str, str]] = options.get("define_macros", [])
        self.extra_compile_args: list[str] = options.get("extra_compile_args", [])


class BuildExt:
    """Compiles each part by the command `cc`, in a shell."""

    compiler = SimpleNamespace(compiler_type="unix")
    inplace = 0

    def __init__(self, folder: Path, extensions: list[Extension], cc: str) -> None:
        self.build_lib = str(folder)
        self.extensions = extensions
        self.cc = folder / "cc.sh"
        self.cc.write_text(cc)

    def run(self) -> None:
        for extension in self.extensions:
            self.build_extension(extension)

    def build_extension(self, ext: Extension) -> None:
        macro = "public" if ext.define_macros else ""
        if os.system(f"sh {self.cc} {ext.name} {macro}"):
            raise Failed("command 'cc' failed with exit code 1")

    def get_ext_filename(self, name: str) -> str:
        return f"{name.replace('.', '/')}.so"


class BuildPy:
    editable_mode = False

    def __init__(self, folder: Path) -> None:
        self.build_lib = str(folder)

    def run(self) -> None:
        """Copies modules."""


def module(name: str, **names: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(names)
    return made


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Give what `setup.py` defines, with the arguments of its `setup` as `asked`."""

    def load(build: str = "") -> dict[str, Any]:
        asked: dict[str, Any] = {}
        stubs = {
            "setuptools": {"Extension": Extension, "setup": asked.update},
            "setuptools.command": {},
            "setuptools.command.build_ext": {"build_ext": BuildExt},
            "setuptools.command.build_py": {"build_py": BuildPy},
            "setuptools.errors": {"BaseError": Failed, "CCompilerError": Failed},
        }
        for name, names in stubs.items():
            monkeypatch.setitem(sys.modules, name, module(name, **names))
        monkeypatch.setenv("PYTEST_RECORDER_BUILD", build)
        # `glob` finds the sources there.
        monkeypatch.chdir(SETUP.parent)
        found = runpy.run_path(str(SETUP))
        (tmp_path / "pytest_recorder").mkdir(exist_ok=True)
        return found | {"asked": asked}

    return load


def build(found: dict[str, Any], folder: Path, cc: str) -> str | None:
    """Build the hot path, and give what is kept of it."""
    extensions = [e for e in found["asked"]["ext_modules"] if e.name == NATIVE]
    found["BuildOptional"](folder, extensions, cc).run()
    kept = folder / found["FAILURES"]
    return kept.read_text() if kept.exists() else None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has no such build")
def test_the_first_error_of_what_has_failed_is_kept(
    made: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = build(made(), tmp_path, DIRECT_FAILS)
    assert (
        kept == f"{NATIVE} (direct): internals.h:62:10: fatal error: pycore.h: No such file\n"
    )
    said = capfd.readouterr()
    assert said.out == ""
    assert "unit.c:9: error: another" in said.err
    assert "on the public API, slower (internals.h:62" in said.err


@pytest.mark.parametrize(
    ("cc", "cause"),
    [
        ("echo a.c:1: error: no room; exit 1", "a.c:1: error: no room"),
        (
            "echo /bin/ld: cannot find -lx >&2; echo collect2: error: ld >&2; exit 1",
            "/bin/ld: cannot find -lx",
        ),
        ("echo one; echo two; exit 1", "two"),
        (
            "echo LINK : fatal error LNK1104: no x.lib; exit 1",
            "LINK : fatal error LNK1104: no x.lib",
        ),
        ("exit 1", "command 'cc' failed with exit code 1"),
        (f"echo error: {'x' * 900}; exit 1", "error: " + "x" * 193),
        (r"printf 'a\377\033: error: \n'; exit 1", "a\ufffd\x1b: error:"),
        ('[ "$LC_ALL" = C ] && echo error: in English; exit 1', "error: in English"),
    ],
)
def test_a_part_that_is_not_built_leaves_one_line(
    made: Any, tmp_path: Path, cc: str, cause: str
) -> None:
    stale = tmp_path / "pytest_recorder/engine/native/_native.so"
    stale.parent.mkdir(parents=True)
    stale.write_text("of an earlier build")
    assert build(made(), tmp_path, cc) == f"{NATIVE}: {cause}\n"
    assert not stale.exists()


def test_a_build_that_succeeds_leaves_nothing(made: Any, tmp_path: Path) -> None:
    found = made()
    assert build(found, tmp_path, "exit 1") is not None
    assert build(found, tmp_path, "exit 0") is None


def test_a_pure_build_builds_nothing_and_leaves_nothing(made: Any, tmp_path: Path) -> None:
    found = made("pure")
    assert found["asked"]["ext_modules"] == []
    kept = tmp_path / found["FAILURES"]
    kept.write_text("of an earlier build")
    found["BuildModules"](tmp_path).run()
    assert not kept.exists()


def test_the_modules_of_a_build_leave_the_cause_alone(made: Any, tmp_path: Path) -> None:
    found = made()
    kept = tmp_path / found["FAILURES"]
    kept.write_text("of this build")
    found["BuildModules"](tmp_path).run()
    assert kept.exists()


def test_the_wish_for_the_public_api_is_no_failure(made: Any, tmp_path: Path) -> None:
    assert build(made("public"), tmp_path, DIRECT_FAILS) is None


def test_the_file_is_the_one_that_is_read(made: Any) -> None:
    from pytest_recorder.system import compiled

    assert compiled.FAILURES.name == Path(made()["FAILURES"]).name
