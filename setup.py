"""Builds the parts in C; everything else about the package stands in pyproject.toml.

Each part has a twin in Python: where one cannot be built the package installs without it, and
says so here and later: the first error of the compiler is left in a file of the package, which
`system/compiled.py` reads. `PYTEST_RECORDER_BUILD=pure` leaves them out and makes a wheel for every
platform; so does a free-threaded interpreter, for they need the GIL. `PYTEST_RECORDER_BUILD=public`
builds the hot path on the public API of Python, which is what versions get whose frames it does not
know.
"""

import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from glob import glob
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import BaseError, CCompilerError

BUILD = os.environ.get("PYTEST_RECORDER_BUILD", "").strip().lower()
HOT_PATH = "pytest_recorder.engine.native._native"
PUBLIC = ("HOT_PUBLIC", "1")
# Its header is written from the table of the trace format.
FORMAT = "src/pytest_recorder/format"
VOCABULARY = f"{FORMAT}/vocabulary.h"
IS_PURE = BUILD == "pure" or bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
# One for each interpreter: those of an editable installation share a folder.
FAILURES = f"pytest_recorder/build_failure{EXTENSION_SUFFIXES[0]}.txt"
MOST_CHARS = 200
# What GCC, Clang, MSVC and linkers write; not the options of a command (`-Werror=...`).
ERROR = re.compile(
    r"\berror( [A-Z]+\d+)?:|undefined reference|cannot find|not found", re.IGNORECASE
)

HOT_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-fno-strict-aliasing", "-fvisibility=hidden"]

EXTENSIONS = [
    Extension(
        "pytest_recorder.tracefile._scan",
        [
            "src/pytest_recorder/tracefile/_scan.c",
            *sorted(glob("src/pytest_recorder/tracefile/scan_*.c")),
        ],
        depends=[VOCABULARY, *glob("src/pytest_recorder/tracefile/scan*.h")],
        include_dirs=[FORMAT],
        py_limited_api=True,
        optional=True,
    ),
    Extension(
        "pytest_recorder.system._spawn",
        ["src/pytest_recorder/system/_spawn.c"],
        py_limited_api=True,
        optional=True,
    ),
    Extension(
        "pytest_recorder.engine._taps",
        ["src/pytest_recorder/engine/_taps.c"],
        optional=True,
    ),
    Extension(
        HOT_PATH,
        ["src/pytest_recorder/engine/native/unit.c"],
        depends=[VOCABULARY, *glob("src/pytest_recorder/engine/native/*.[ch]")],
        include_dirs=[FORMAT],
        define_macros=[PUBLIC] if BUILD == "public" else [],
        extra_compile_args=HOT_FLAGS,
        optional=True,
    ),
]


class BuildOptional(build_ext):
    """Says what it means that a part cannot be built, keeps the cause, and goes on."""

    def finalize_options(self) -> None:
        super().finalize_options()
        # What an earlier build left may be made of the same sources and another `BUILD`.
        self.force = True

    def run(self) -> None:
        # `super` builds elsewhere first where the result goes into the sources.
        self.folder = Path("src" if self.inplace else self.build_lib)
        self.causes: dict[str, str] = {}
        super().run()
        failures = self.folder / FAILURES
        failures.unlink(missing_ok=True)
        if self.causes:
            lines = [f"{name}: {cause}\n" for name, cause in self.causes.items()]
            failures.write_text("".join(lines), encoding="utf-8")

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "msvc" and ext.extra_compile_args:
            ext.extra_compile_args = ["/std:c11"]
        cause = self._attempt(ext)
        # The headers of the interpreter's own may be missing; the public ones are not.
        can_retry = ext.name == HOT_PATH and BUILD != "public" and sys.version_info >= (3, 12)
        if cause is not None and can_retry:
            ext.define_macros.append(PUBLIC)
            if self._attempt(ext) is None:
                print(
                    f"pytest-record-trace: on the public API, slower ({cause}).",
                    file=sys.stderr,
                )
                self.causes[f"{ext.name} (direct)"] = cause
                return
        if cause is not None:
            self.causes[ext.name] = cause
            # Or one of an earlier build would be taken for this one.
            with suppress(OSError):
                (self.folder / self.get_ext_filename(ext.name)).unlink(missing_ok=True)
            print(
                f"pytest-record-trace: {ext.name} was not built ({cause}).\n"
                "pytest-record-trace: it works without, slower. For the parts in C install a C "
                "compiler and the headers of Python, then install again.",
                file=sys.stderr,
            )

    def _attempt(self, ext: Extension) -> str | None:
        """Build a part; gives the cause where it cannot be."""
        heard: list[str] = []
        try:
            with overheard(heard):
                super().build_extension(ext)
        except (BaseError, CCompilerError, OSError) as error:
            return first_error(heard, str(error))
        return None


class BuildModules(build_py):
    """Lets no cause of an earlier build stand where nothing was to be built."""

    def run(self) -> None:
        super().run()
        if IS_PURE:
            folder = Path("src" if self.editable_mode else self.build_lib)
            (folder / FAILURES).unlink(missing_ok=True)


@contextmanager
def overheard(heard: list[str]) -> Generator[None]:
    """Add the lines that programs print in the block, in English; they are printed afterwards."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        sys.stderr.flush()
        kept = [os.dup(number) for number in (1, 2)]
        language = os.environ.get("LC_ALL")
        os.environ["LC_ALL"] = "C"
        for number in (1, 2):
            os.dup2(output.fileno(), number)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, former in zip((1, 2), kept, strict=True):
                os.dup2(former, number)
                os.close(former)
            del os.environ["LC_ALL"]
            if language is not None:
                os.environ["LC_ALL"] = language
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
            heard += text.splitlines()
            sys.stderr.write(text)


def first_error(heard: list[str], otherwise: str) -> str:
    """Give the line that says what is wrong; the last one, or another text, where none does."""
    lines = [line for line in heard if line.strip()]
    named = [line for line in lines if ERROR.search(line)]
    cause = next(iter(named or lines[-1:]), otherwise)
    return " ".join(cause.split())[:MOST_CHARS]


setup(
    ext_modules=[] if IS_PURE else EXTENSIONS,
    cmdclass={"build_ext": BuildOptional, "build_py": BuildModules},
)
