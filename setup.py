"""Builds the parts in C; everything else about the package stands in pyproject.toml.

Each part has a twin in Python: where there is no compiler the package installs without them, and
says so. `PYTEST_RECORDER_BUILD=pure` leaves them out and makes a wheel for every platform.
"""

import os
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

# A free-threaded interpreter has no limited API.
IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

EXTENSIONS = [
    Extension(
        "pytest_recorder.tracefile._scan",
        ["src/pytest_recorder/tracefile/_scan.c"],
        py_limited_api=not IS_FREE_THREADED,
        optional=True,
    ),
]


class BuildOptional(build_ext):
    """Says what it means that a part cannot be built, and goes on."""

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except (BaseError, CCompilerError, OSError) as error:
            print(
                f"pytest-record-trace: {ext.name} was not built ({error}).\n"
                "pytest-record-trace: it works without, slower. For the parts in C install a C "
                "compiler and the headers of Python, then install again.",
                file=sys.stderr,
            )


IS_PURE = os.environ.get("PYTEST_RECORDER_BUILD", "").strip().lower() == "pure"
setup(ext_modules=[] if IS_PURE else EXTENSIONS, cmdclass={"build_ext": BuildOptional})
