"""Builds the parts in C; everything else about the package stands in pyproject.toml.

Each part has a twin in Python: where there is no compiler the package installs without them, and
says so. `PYTEST_RECORDER_BUILD=pure` leaves them out and makes a wheel for every platform.
`PYTEST_RECORDER_BUILD=public` builds the hot path on the public API of Python, which is what
versions get whose frames it does not know.
"""

import os
import sys
import sysconfig
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

BUILD = os.environ.get("PYTEST_RECORDER_BUILD", "").strip().lower()
HOT_PATH = "pytest_recorder.engine.native._native"
PUBLIC = ("HOT_PUBLIC", "1")
# Its header is written from the table of the trace format.
FORMAT = "src/pytest_recorder/format"
VOCABULARY = f"{FORMAT}/vocabulary.h"
# A free-threaded interpreter has no limited API.
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

EXTENSIONS = [
    Extension(
        "pytest_recorder.tracefile._scan",
        [
            "src/pytest_recorder/tracefile/_scan.c",
            *sorted(glob("src/pytest_recorder/tracefile/scan_*.c")),
        ],
        depends=[VOCABULARY, *glob("src/pytest_recorder/tracefile/scan*.h")],
        include_dirs=[FORMAT],
        py_limited_api=not IS_FREE_THREADED,
        optional=True,
    ),
    Extension(
        "pytest_recorder.system._spawn",
        ["src/pytest_recorder/system/_spawn.c"],
        py_limited_api=not IS_FREE_THREADED,
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
        extra_compile_args=[
            "-std=c11",
            "-D_GNU_SOURCE",
            "-fno-strict-aliasing",
            "-fvisibility=hidden",
        ],
        optional=True,
    ),
]


class BuildOptional(build_ext):
    """Says what it means that a part cannot be built, and goes on."""

    def finalize_options(self) -> None:
        super().finalize_options()
        # What an earlier build left may be made of the same sources and another `BUILD`.
        self.force = True

    def build_extension(self, ext: Extension) -> None:
        try:
            self._build(ext)
        except (BaseError, CCompilerError, OSError) as error:
            print(
                f"pytest-record-trace: {ext.name} was not built ({error}).\n"
                "pytest-record-trace: it works without, slower. For the parts in C install a C "
                "compiler and the headers of Python, then install again.",
                file=sys.stderr,
            )

    def _build(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except (BaseError, CCompilerError):
            # The headers of the interpreter's own may be missing; the public ones are not.
            if (
                ext.name != HOT_PATH
                or PUBLIC in ext.define_macros
                or sys.version_info < (3, 12)
            ):
                raise
            ext.define_macros.append(PUBLIC)
            super().build_extension(ext)


setup(ext_modules=[] if BUILD == "pure" else EXTENSIONS, cmdclass={"build_ext": BuildOptional})
