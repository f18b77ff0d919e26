"""Fetches test suites of PyPI projects and makes environments for them.

Shared by the commands of this folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Repository:
    """Where the tests of a project lie that publishes none: a folder of a tagged commit."""

    url: str
    tag: str
    tests: str = "tests"


@dataclass(frozen=True)
class Suite:
    """A suite. Paths are relative to the folder that the distribution is unpacked to."""

    name: str
    package: str  # the folder of the code under test
    tests: str
    needs: tuple[str, ...] = ()
    part: tuple[str, ...] = ()  # files below `tests`; empty: all of it
    habits: str = ""  # what this suite does that others do not
    arguments: tuple[str, ...] = ()  # for pytest
    left_out: tuple[str, ...] = ()  # node ids: what needs a network, or hangs by itself
    version: str = ""  # empty: the newest
    wheel: bool = False  # the wheel is unpacked, because it holds the tests or is slow to build
    repository: Repository | None = None  # of the tests
    environ: Mapping[str, str] = field(default_factory=dict)


_SEED = ("--hypothesis-seed=0",)

SUITES = {
    suite.name: suite
    for suite in (
        Suite("boltons", "boltons", "tests", habits="data structures"),
        Suite(
            "packaging",
            "src/packaging",
            "tests",
            ("hypothesis", "pip", "pretend", "tomli_w"),
            (
                "test_markers.py",
                "test_metadata.py",
                "test_requirements.py",
                "test_tags.py",
                "test_utils.py",
            ),
            habits="thousands of parametrized tests",
        ),
        Suite("toolz", "toolz", "toolz", habits="functions of functions"),
        Suite(
            "more-itertools",
            "more_itertools",
            "tests",
            part=("test_recipes.py",),
            habits="generators, long loops",
        ),
        Suite(
            "attrs",
            "src/attr",
            "tests",
            ("hypothesis", "pympler", "cloudpickle"),
            habits="code made by `exec`, hypothesis",
            arguments=_SEED,
        ),
        Suite(
            "flask",
            "src/flask",
            "tests",
            # Its tests use a name that pytest 9 has no longer.
            ("asgiref", "greenlet", "python-dotenv", "pytest<9"),
            habits="context variables, greenlets, `sys.path`",
        ),
        Suite(
            "werkzeug",
            "src/werkzeug",
            "tests",
            ("cffi", "cryptography", "ephemeral-port-reserve", "pytest-timeout", "watchdog"),
            habits="servers in processes and threads",
            # It waits for a server that watches all of the environment.
            left_out=("tests/test_serving.py::test_reloader_sys_path",),
        ),
        Suite(
            "httpx",
            "httpx",
            "tests",
            (
                "httpx[brotli,cli,http2,socks,zstd]",
                "chardet",
                "trio",
                "trustme",
                "uvicorn",
                "anyio",
            ),
            habits="a server in a thread, asyncio and trio",
        ),
        Suite(
            "rich",
            "rich",
            "tests",
            ("attrs",),
            habits="terminal output, tracebacks of its own",
            version="14.3.3",
            wheel=True,
            repository=Repository("https://github.com/Textualize/rich", "v14.3.3"),
        ),
        Suite(
            "dill",
            "dill",
            "dill/tests",
            habits="pickles code, frames and modules; looks at every object that it can reach",
            # Its files import each other, and pickle the streams.
            arguments=("-s", "-o", "pythonpath=dill/tests"),
        ),
        Suite("freezegun", "freezegun", "tests", habits="replaces the clocks of all modules"),
        Suite("mock", "mock", "mock/tests", habits="replaces built-ins, classes, modules"),
        Suite(
            "wrapt",
            "src/wrapt",
            "tests",
            ("setuptools",),
            habits="proxies in C that pass for what they wrap",
        ),
        Suite(
            "structlog",
            "src/structlog",
            "tests",
            ("pytest-asyncio", "simplejson", "time-machine", "pretend", "rich"),
            habits="frames of callers, time-machine, asyncio",
        ),
        Suite(
            "djangorestframework",
            "rest_framework",
            "tests",
            (
                "django",
                "pytest-django",
                "pytest-cov",
                "dj-database-url",
                "importlib-metadata",
                "inflection",
                "uritemplate",
                "pyyaml",
                "django-filter",
            ),
            habits="Django, pytest-django, SQLite",
        ),
        Suite(
            "zope.interface",
            "src/zope/interface",
            "src/zope/interface",
            habits="C that asks for attributes in its own way, unittest",
        ),
        Suite(
            "pyfakefs",
            "pyfakefs",
            "pyfakefs",
            habits="replaces the file system",
            arguments=("-o", "python_files=*_test.py"),
        ),
        Suite(
            "trio",
            "src/trio",
            "src/trio",
            ("trustme", "pyOpenSSL", "cryptography", "async_generator", "astor", "jedi"),
            habits="its own event loop, signals, threads, reference counts",
            arguments=("--skip-optional-imports",),
        ),
        Suite(
            "anyio",
            "src/anyio",
            "tests",
            (
                "trio",
                "blockbuster",
                "hypothesis",
                "psutil",
                "pytest-mock",
                "pytest-timeout",
                "trustme",
                "truststore",
                "uvloop",
            ),
            (
                "streams",
                "test_concurrency_utils.py",
                "test_contextmanagers.py",
                "test_debugging.py",
                "test_eventloop.py",
                "test_fileio.py",
                "test_from_thread.py",
                "test_functools.py",
                "test_itertools.py",
                "test_lowlevel.py",
                "test_pytest_plugin.py",
                "test_signals.py",
                "test_subprocesses.py",
                "test_synchronization.py",
                "test_taskgroups.py",
                "test_tempfile.py",
                "test_to_process.py",
                "test_to_thread.py",
            ),
            habits="asyncio, uvloop and trio, subprocesses, no blocking calls",
            arguments=_SEED,
        ),
        Suite(
            "hypothesis",
            "hypothesis",
            "tests/cover",
            ("pexpect", "syrupy", "fakeredis", "typing-extensions", "black", "libcst"),
            (
                "test_composite.py",
                "test_control.py",
                "test_core.py",
                "test_deadline.py",
                "test_detection.py",
                "test_error_in_draw.py",
                "test_escalation.py",
                "test_flakiness.py",
                "test_lambda_formatting.py",
                "test_monitoring.py",
                "test_pretty.py",
                "test_reflection.py",
                "test_reporting.py",
                "test_threading.py",
                "test_traceback_elision.py",
                "test_verbosity.py",
            ),
            habits="runs tests many times, deadlines, `sys.monitoring` of its own",
            arguments=_SEED,
            version="6.165.10",
            wheel=True,
            repository=Repository(
                "https://github.com/HypothesisWorks/hypothesis",
                "v6.165.10",
                "hypothesis/tests",
            ),
        ),
        Suite(
            "tornado",
            "tornado",
            "tornado/test",
            habits="an event loop for each test, HTTP servers, unittest",
            arguments=("-o", "python_files=*_test.py"),
        ),
        Suite(
            "aiohttp",
            "aiohttp",
            "tests",
            (
                "blockbuster",
                "freezegun",
                "isal",
                "pkgconfig",
                "proxy.py",
                "pytest-codspeed",
                "pytest-cov",
                "pytest-mock",
                "pytest-timeout",
                "pytest-xdist",
                "trustme",
                "zlib_ng",
            ),
            (
                "test_client_functional.py",
                "test_client_request.py",
                "test_connector.py",
                "test_cookiejar.py",
                "test_helpers.py",
                "test_http_parser.py",
                "test_multipart.py",
                "test_streams.py",
                "test_tracing.py",
                "test_urldispatch.py",
                "test_web_functional.py",
                "test_web_response.py",
                "test_websocket_parser.py",
                "test_websocket_writer.py",
            ),
            habits="asyncio, mocks, warnings as errors, parser in C",
            arguments=(
                "-o",
                "addopts=",
                "-m",
                "not dev_mode and not autobahn and not internal",
                "-p",
                "no:codspeed",
            ),
        ),
        Suite(
            "pydantic",
            "pydantic",
            "tests",
            (
                "dirty-equals",
                "email-validator",
                "faker",
                "jsonschema",
                "pytest-benchmark",
                "pytest-examples",
                "pytest-mock",
                "pytest-run-parallel",
                "pytz",
                "time-machine",
            ),
            (
                "test_aliases.py",
                "test_computed_fields.py",
                "test_config.py",
                "test_construction.py",
                "test_dataclasses.py",
                "test_edge_cases.py",
                "test_forward_ref.py",
                "test_generics.py",
                "test_lazy_imports.py",
                "test_main.py",
                "test_pickle.py",
                "test_private_attributes.py",
                "test_serialize.py",
                "test_type_adapter.py",
                "test_validate_call.py",
                "test_validators.py",
            ),
            habits="classes made by metaclasses, a core in Rust, weak references",
            arguments=("--benchmark-disable",),
        ),
        Suite(
            "gevent",
            "gevent",
            "gevent/tests",
            ("psutil", "objgraph"),
            (
                "test__event.py",
                "test__greenlet.py",
                "test__greenletset.py",
                "test__local.py",
                "test__pool.py",
                "test__queue.py",
                "test__semaphore.py",
                "test__timeout.py",
                "test__hub.py",
                "test__lock.py",
                "test__select.py",
                "test__threadpool.py",
                "test__monkey_queue.py",
                "test__contextvars.py",
            ),
            habits="greenlets, patches the standard library",
            wheel=True,
            arguments=("-p", "no:threadexception"),
        ),
        Suite(
            "pandas",
            "pandas",
            "pandas/tests",
            ("hypothesis",),
            (
                "series/methods",
                "frame/methods/test_assign.py",
                "frame/methods/test_drop.py",
                "frame/methods/test_sort_values.py",
                "groupby/test_reductions.py",
                "reshape/merge/test_merge.py",
                "io/json",
            ),
            habits="big arrays, C and Cython, reference counts (copy on write)",
            wheel=True,
            arguments=_SEED,
        ),
    )
}


# What recording costs them is measured, beside some of those above; see `comparison.suites`.
TIMED_ONLY = {
    suite.name: suite
    for suite in (
        Suite(
            "jinja2", "src/jinja2", "tests", ("trio",), habits="objects that hold everything"
        ),
        Suite("click", "src/click", "tests", habits="replaces `sys.stdout` in each test"),
        Suite(
            "marshmallow", "src/marshmallow", "tests", ("simplejson",), habits="dates, schemas"
        ),
        Suite(
            "sqlalchemy",
            "lib/sqlalchemy",
            "test",
            part=("sql/test_compiler.py", "orm/test_mapper.py"),
            habits="trees of expressions, descriptors, a registry of everything",
        ),
        Suite(
            "beartype",
            "beartype",
            "beartype_test",
            part=("a00_unit/a80_main/a00_decor/a00_core/test_beartype.py::test_beartype",),
            habits="code made by `exec`, caches of type hints",
        ),
        Suite(
            "greenlet",
            "src/greenlet",
            "src/greenlet/tests",
            ("objgraph", "psutil"),
            (
                "test_generator.py",
                "test_generator_nested.py",
                "test_throw.py",
                "test_weakref.py",
            ),
            habits="stacks that are switched; counts all objects of the process in each test",
        ),
    )
}


class SuiteError(Exception):
    """A suite cannot be fetched, installed or run."""


def fetch(suite: Suite, python: str, work: Path, tree: Path | None = None) -> Path:
    """Return the folder of the unpacked distribution, fetched once for a work folder.

    `tree` is a checkout of the suite's repository at its tag; without it, it is cloned.
    """
    unpacked = work / "source"
    if not unpacked.is_dir():
        archive = _download(suite, python, work / "download")
        part = work / "source-part"
        shutil.rmtree(part, ignore_errors=True)
        if suite.wheel:
            # Named as a source distribution would be: name and version.
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(part / "-".join(archive.name.split("-")[:2]))
            # What a checkout has: else the folder of the tests would be all of the project.
            (_only_folder(part) / "pyproject.toml").write_text(
                f'[project]\nname = "{suite.name}"\nversion = "0"\n\n[tool.pytest.ini_options]\n',
                encoding="utf-8",
            )
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")
        if suite.repository is not None:
            tree = tree or _clone(suite.repository, work / "repository")
            shutil.copytree(tree / suite.repository.tests, _only_folder(part) / "tests")
        part.rename(unpacked)
    return _only_folder(unpacked)


def _only_folder(folder: Path) -> Path:
    # A pytest that was started there by hand leaves its cache.
    folders = (path for path in folder.iterdir() if path.is_dir())
    (inside,) = (path for path in folders if not path.name.startswith("."))
    return inside


def _download(suite: Suite, python: str, folder: Path) -> Path:
    kind = "--only-binary" if suite.wheel else "--no-binary"
    pip = [python, "-m", "pip", "download", "--quiet", "--no-deps", kind, ":all:"]
    wanted = f"{suite.name}=={suite.version}" if suite.version else suite.name
    shutil.rmtree(folder, ignore_errors=True)
    command([*pip, "--dest", str(folder), wanted], f"cannot fetch {suite.name}")
    (archive,) = folder.iterdir()
    return archive


def _clone(repository: Repository, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    git = ["git", "clone", "--quiet", "--depth", "1", "--branch", repository.tag]
    command(
        [*git, repository.url, str(folder)],
        f"cannot clone {repository.url} at {repository.tag};"
        " --source NAME=FOLDER names a checkout",
    )
    return folder


def checkout_commit() -> str:
    """Name the commit of this checkout; what was changed since makes it `-dirty`."""
    git = ["git", "describe", "--always", "--dirty", "--abbrev=9"]
    try:
        return command(git, "no commit", cwd=CHECKOUT).strip()
    except (SuiteError, OSError):
        return "no commit"


def checkout_wheel(python: str, work: Path) -> Path:
    """Build this checkout once for each commit, for all environments of a work folder."""
    commit = checkout_commit()
    folder = work / "checkout" / commit
    if commit.endswith(("dirty", "no commit")):
        shutil.rmtree(folder, ignore_errors=True)
    if not list(folder.glob("*.whl")):
        pip = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
        command([*pip, str(folder), str(CHECKOUT)], "cannot build the checkout")
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(
    suite: Suite,
    python: str,
    source: Path,
    work: Path,
    *,
    folder: str = "venv",
    also: tuple[str, ...] = (),
    checkout: Path = CHECKOUT,
) -> Path:
    """Make an environment with the checkout, the suite, its needs and more; return its interpreter.

    The suite is installed as editable: pytest uses `packaging`, and would import the one that
    it came with. An environment of an earlier command that had the same needs is used again,
    with the checkout of today.
    """
    environment = work / folder
    inside = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [str(inside), "-m", "pip", "install", "--quiet"]
    wanted = "\n".join([python, str(source), str(suite.wheel), *suite.needs, *also])
    stamp = environment / "needs.sha256"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    built = environment / "checkout.txt"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        if built.is_file() and built.read_text(encoding="utf-8") == str(checkout):
            return inside
        again = [*install, "--no-deps", "--force-reinstall", str(checkout)]
        command(again, "cannot install the checkout")
        _note_built(built, checkout)
        return inside
    command([python, "-m", "venv", "--clear", str(environment)], "cannot make an environment")
    command([*install, str(checkout), *suite.needs, *also], "cannot install the checkout")
    if suite.wheel:
        _install_unpacked(suite, inside, install, source)
    else:
        command([*install, "--editable", str(source)], f"cannot install {suite.name}")
    stamp.write_text(digest, encoding="ascii")
    _note_built(built, checkout)
    return inside


def _note_built(built: Path, checkout: Path) -> None:
    """Note which wheel an environment has; a folder, or a wheel of no commit, may change."""
    is_fixed = checkout.suffix == ".whl" and not checkout.parent.name.endswith("dirty")
    built.write_text(str(checkout) if is_fixed else "", encoding="utf-8")


def _install_unpacked(suite: Suite, inside: Path, install: list[str], source: Path) -> None:
    """Install what a wheel needs, and name the folder where it lies unpacked."""
    version = source.name.rpartition("-")[2]
    command([*install, f"{suite.name}=={version}"], f"cannot install {suite.name}")
    command(
        [str(inside), "-m", "pip", "uninstall", "--quiet", "--yes", suite.name],
        f"cannot uninstall {suite.name}",
    )
    where = [str(inside), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(command(where, "cannot ask the environment").strip())
    (packages / "suite.pth").write_text(f"{source}\n", encoding="utf-8")


def test_targets(suite: Suite, source: Path, limit: int | None) -> list[str]:
    """Give the files or folders to run, all of them or the first `limit` files."""
    tests = source / suite.tests
    named = [tests / name for name in suite.part] or [tests]
    missing = [str(path) for path in named if not path.exists()]
    if missing:
        raise SuiteError(f"{suite.name} has no {', '.join(missing)}")
    if limit is None:
        return [str(path.relative_to(source)) for path in named]
    files = sorted(file for path in named for file in files_of_tests(path))
    return [str(path.relative_to(source)) for path in files[:limit]]


def files_of_tests(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted({*path.rglob("test*.py"), *path.rglob("*_test.py")})


def command(arguments: list[str], failure: str, *, cwd: Path | None = None) -> str:
    done = subprocess.run(
        arguments,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    if done.returncode:
        raise SuiteError(f"{failure} (status {done.returncode}): {done.stderr.strip()[-1500:]}")
    return done.stdout


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
