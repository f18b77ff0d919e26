"""Fetches test suites of PyPI projects and makes environments for them.

Shared by the commands of this folder.
"""

import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Suite:
    name: str
    package: str  # the folder of the code under test, in the source distribution
    tests: str
    needs: tuple[str, ...] = ()


SUITES = {
    suite.name: suite
    for suite in (
        Suite("boltons", "boltons", "tests"),
        Suite(
            "packaging", "src/packaging", "tests", ("hypothesis", "pip", "pretend", "tomli_w")
        ),
        Suite("toolz", "toolz", "toolz"),
        Suite("more-itertools", "more_itertools", "tests"),
    )
}


class SuiteError(Exception):
    """A suite cannot be fetched, installed or run."""


def fetch(suite: Suite, python: str, work: Path) -> Path:
    """Return the folder of the unpacked source distribution, fetched once for a work folder."""
    unpacked = work / "source"
    if not unpacked.is_dir():
        download = work / "sdist"
        pip = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        command([*pip, "--dest", str(download), suite.name], f"cannot fetch {suite.name}")
        (archive,) = download.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    (source,) = (path for path in unpacked.iterdir() if path.is_dir())
    return source


def make_environment(
    suite: Suite,
    python: str,
    source: Path,
    work: Path,
    *,
    folder: str = "venv",
    also: tuple[str, ...] = (),
) -> Path:
    """Make an environment with the checkout, the suite, its needs and more; return its interpreter.

    The suite is installed as editable: pytest uses `packaging`, and would import the one that
    it came with.
    """
    environment = work / folder
    command([python, "-m", "venv", "--clear", str(environment)], "cannot make an environment")
    inside = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(inside), "-m", "pip", "install", "--quiet"]
    command([*install, str(CHECKOUT), *suite.needs, *also], "cannot install the checkout")
    command([*install, "--no-deps", "--editable", str(source)], f"cannot install {suite.name}")
    return inside


def test_targets(tests: Path, limit: int | None) -> list[str]:
    if limit is None:
        return [str(tests)]
    return [str(path) for path in sorted(tests.rglob("test_*.py"))[:limit]]


def command(arguments: list[str], failure: str) -> str:
    done = subprocess.run(
        arguments, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise SuiteError(f"{failure} (status {done.returncode}): {done.stderr.strip()[-1500:]}")
    return done.stdout


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
