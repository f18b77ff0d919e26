"""Makes the environments that are measured, in a work folder outside of the checkout."""

import os
from pathlib import Path

from comparison.processes import MeasurementError
from comparison.tools import PEERS
from pypi_suites import CHECKOUT, SuiteError, command, progress

HERE = Path(__file__).resolve().parent
_BUILD = """
import sys
from setuptools import Extension, setup

source, built = sys.argv[1:]
setup(
    name="bench-noop",
    ext_modules=[Extension("bench_noop", [source])],
    script_args=["build_ext", "--build-lib", built, "--build-temp", built + "/objects"],
)
"""


class Environment:
    """A virtual environment with this checkout; each peer is there or has a reason not to be."""

    def __init__(self, python: Path, missing: dict[str, str], noop: Path) -> None:
        self.python = str(python)
        self.missing = missing
        self.noop = noop
        self.environ = {"PYTHONPATH": os.pathsep.join((str(HERE.parent), str(noop)))}


def make_environment(base_python: str, work: Path) -> Environment:
    """Make one with all peers. One that is there gets this checkout as it is now."""
    folder = work / "venv"
    python = interpreter_in(folder)
    if not python.exists():
        progress("making an environment")
        command([base_python, "-m", "venv", str(folder)], "cannot make an environment")
        install(python, "setuptools")
    install_checkout(python)
    return Environment(python, install_peers(python), build_noop(python, work))


def interpreter_in(folder: Path) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def install(python: Path, *what: str) -> None:
    command(
        [str(python), "-m", "pip", "install", "--quiet", *what], f"cannot install {what[0]}"
    )


def install_checkout(python: Path) -> None:
    # First with what it needs, then by force: the version is the same after a change.
    install(python, str(CHECKOUT))
    install(python, "--force-reinstall", "--no-deps", str(CHECKOUT))


def install_peers(python: Path) -> dict[str, str]:
    missing = {}
    for peer in PEERS:
        try:
            install(python, peer)
        except SuiteError as problem:
            lines = str(problem).strip().splitlines()
            missing[peer] = f"cannot be installed: {lines[-1][:160] if lines else ''}"
    return missing


def build_noop(python: Path, work: Path) -> Path:
    """Build the C extension of the limit; without a compiler the limit has a reason instead."""
    built = work / "noop"
    if not built.exists():
        arguments = [str(python), "-c", _BUILD, str(HERE / "noop.c"), str(built)]
        try:
            command(arguments, "cannot build the limit")
        except SuiteError as problem:
            progress(str(problem))
    return built


def versions(python: str) -> str:
    """Give the versions of what was measured, on one line."""
    code = (
        "import importlib.metadata as m, platform, sysconfig\n"
        "asked = sysconfig.get_config_var('CONFIG_ARGS') or ''\n"
        "built = [n for n, w in (('PGO', 'enable-optimizations'), ('LTO', 'with-lto'))"
        " if w in asked]\n"
        "built = ' and '.join(built) or 'no PGO'\n"
        "names = 'coverage viztracer kolo hunter codetracer-python-recorder pytest'.split()\n"
        "found = [(n, m.version(n)) for n in names if list(m.distributions(name=n))]\n"
        "print(f'Python {platform.python_version()} ({platform.python_compiler()}, {built}),"
        " {platform.system()} {platform.machine()};',"
        " ', '.join(f'{n} {v}' for n, v in found))"
    )
    try:
        return command([python, "-c", code], "cannot ask for versions").strip()
    except SuiteError as problem:
        raise MeasurementError(str(problem)) from problem
