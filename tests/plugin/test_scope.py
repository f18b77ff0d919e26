"""What is recorded of real projects: where the tests, the packages and rootdir lie."""

import json
import os
import py_compile
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from tests.plugin.support import ALONE, OURS

SHOP = """\
def price(amount):
    total = amount * 2
    return total
"""
TEST = """\
from shop import price

def test_price():
    assert price(2) == 5
"""
SEES = "from {module} import price\n\ndef test_price():\n    assert price(2) == 5\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Make the files of a project."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def install(site: Path, name: str, files: dict[str, str], origin: str = "") -> None:
    """Put a distribution into a folder of installed ones, as pip does; `origin` is its URL."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    extra = {f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"}
    if origin:
        extra[f"{info}/direct_url.json"] = json.dumps({"url": origin, "dir_info": {}})
    record = "".join(f"{file},,\n" for file in [*files, *extra, f"{info}/RECORD"])
    write(site, {**files, **extra, f"{info}/RECORD": record})


class Run:
    """A run of pytest in a process of its own, and what it recorded."""

    status = "complete"
    """Of all its traces."""

    def __init__(
        self, cwd: Path, *args: str, path: tuple[Path, ...] = (), **environ: str
    ) -> None:
        cwd.mkdir(parents=True, exist_ok=True)
        self.folder = cwd / "test-traces"
        words = [*OURS, "--record-trace", "--record-keep=all", *args]
        self.environ = environment(path) | environ
        self.done = subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=cwd,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        self.output = self.done.stdout + self.done.stderr

    def files(self) -> set[str]:
        """Give the files of which lines were recorded."""
        return {file for path in self.folder.rglob("*.pyrec") for file in self.files_of(path)}

    def files_of(self, path: Path) -> set[str]:
        """Give the same of one trace."""
        with pytest_recorder.open_trace(path) as trace:
            assert trace.status == self.status
            return {str(event.file) for event in trace.events() if event.kind == "line"}

    def has(self, *paths: Path) -> bool:
        """Tell whether lines of all these files were recorded, and of no others."""
        assert self.files() == {str(path) for path in paths}, self.output
        return True

    @property
    def remark(self) -> str:
        """What the summary says of tests of whose files nothing was recorded."""
        found = [line for line in self.output.splitlines() if " recorded no line of " in line]
        assert len(found) <= 1
        return "".join(found)


def environment(path: tuple[Path, ...] = ()) -> dict[str, str]:
    """Give the variables of such a run: `path` is where modules are imported from."""
    here = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return here | {
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_RECORDER_STRICT": "1",
        ALONE: "1",
    }


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that is in no project."""
    return tmp_path / "elsewhere"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed distributions."""
    return tmp_path / "env" / "lib" / "site-packages"


# The cases that left a trace without a line.


def test_an_installed_package_that_pyargs_names_is_recorded_from_elsewhere(
    elsewhere: Path, site: Path
) -> None:
    install(
        site,
        "shop",
        {
            "shop/__init__.py": SHOP,
            "shop/tests/__init__.py": "",
            "shop/tests/test_shop.py": TEST,
        },
    )
    install(site, "other", {"other.py": SHOP})
    run = Run(elsewhere, "--pyargs", "shop", path=(site,))
    assert run.has(site / "shop/__init__.py", site / "shop/tests/test_shop.py")
    assert not run.remark


def test_pyargs_means_the_package_also_where_its_tests_are_in_none(
    elsewhere: Path, site: Path
) -> None:
    install(site, "shop", {"shop/__init__.py": SHOP, "shop/tests/test_shop.py": TEST})
    run = Run(elsewhere, "--pyargs", "shop", path=(site,))
    assert run.has(site / "shop/__init__.py", site / "shop/tests/test_shop.py")


def test_pyargs_means_a_package_of_a_namespace_and_not_the_whole(
    elsewhere: Path, site: Path
) -> None:
    test = "from corp.shop import price\nfrom corp.other import price as other\n\n"
    test += "def test_price():\n    assert price(2) == other(2)\n"
    install(site, "corp-shop", {"corp/shop/__init__.py": SHOP, "corp/shop/t/test_a.py": test})
    install(site, "corp-other", {"corp/other/__init__.py": SHOP})
    run = Run(elsewhere, "--pyargs", "corp.shop", path=(site,))
    assert run.has(site / "corp/shop/__init__.py", site / "corp/shop/t/test_a.py")


def test_tests_outside_rootdir_are_recorded_with_their_project(
    tmp_path: Path, elsewhere: Path
) -> None:
    project = write(
        tmp_path / "project",
        {"setup.py": "", "src/shop/__init__.py": SHOP, "tests/test_shop.py": TEST},
    )
    run = Run(
        elsewhere, f"--rootdir={elsewhere}", str(project / "tests"), path=(project / "src",)
    )
    assert run.has(project / "src/shop/__init__.py", project / "tests/test_shop.py")


@pytest.mark.parametrize(
    "marker", ["pyproject.toml", "setup.py", "setup.cfg", ".git/HEAD", ".hg/store"]
)
def test_no_ini_file_is_no_reason_to_record_nothing(
    tmp_path: Path, elsewhere: Path, marker: str
) -> None:
    project = write(
        tmp_path / "project", {marker: "", "shop.py": SHOP, "tests/test_shop.py": TEST}
    )
    run = Run(elsewhere, "-c", "/dev/null", str(project / "tests"), path=(project,))
    assert run.has(project / "shop.py", project / "tests/test_shop.py")


def test_an_ini_file_among_the_tests_does_not_hide_the_project(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            "pyproject.toml": "[project]\nname = 'x'\n",
            "shop.py": SHOP,
            "tests/pytest.ini": "[pytest]\n",
            # For a linter: no project.
            "tests/pyproject.toml": "[tool.ruff]\n",
            "tests/test_shop.py": TEST,
        },
    )
    run = Run(project / "tests", path=(project,))
    assert run.has(project / "shop.py", project / "tests/test_shop.py")


def test_without_any_project_what_lies_beside_the_test_is_recorded(
    tmp_path: Path, elsewhere: Path
) -> None:
    loose = write(
        tmp_path / "loose",
        {
            "test_shop.py": TEST,
            "shop.py": SHOP,
            "conftest.py": "import pytest\n\n@pytest.fixture(autouse=True)\ndef f():\n    x = 1\n",
        },
    )
    run = Run(elsewhere, f"--rootdir={elsewhere}", str(loose / "test_shop.py"))
    assert run.has(loose / "shop.py", loose / "test_shop.py", loose / "conftest.py")


# A monorepo.


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    return write(
        tmp_path / "mono",
        {
            ".git/HEAD": "",
            "pytest.ini": "[pytest]\n",
            "libs/shop/pyproject.toml": "[project]\nname = 'acme-shop'\n",
            "libs/shop/src/shop/__init__.py": SHOP,
            "libs/shop/tests/test_shop.py": TEST,
            "libs/tills/pyproject.toml": "[project]\nname = 'acme-tills'\n",
            "libs/tills/src/tills/__init__.py": SHOP,
            "libs/tills/tests/test_tills.py": SEES.format(module="tills"),
        },
    )


def test_packages_of_a_monorepo_are_recorded_as_installed(monorepo: Path, site: Path) -> None:
    origin = (monorepo / "libs/shop").as_uri()
    install(site, "acme-shop", {"shop/__init__.py": SHOP}, origin)
    install(site, "acme-tills", {"tills/__init__.py": SHOP})
    run = Run(monorepo, path=(site,))
    assert run.has(
        site / "shop/__init__.py",
        site / "tills/__init__.py",
        monorepo / "libs/shop/tests/test_shop.py",
        monorepo / "libs/tills/tests/test_tills.py",
    )


def test_a_package_installed_from_the_repository_is_recorded_in_another_project_of_it(
    monorepo: Path, site: Path
) -> None:
    write(
        monorepo,
        {"libs/tills/tests/test_tills.py": SEES.format(module="shop"), "pytest.ini": ""},
    )
    install(site, "acme-shop", {"shop/__init__.py": SHOP}, (monorepo / "libs/shop").as_uri())
    run = Run(monorepo / "libs/tills", "--rootdir=.", path=(site,))
    assert run.has(site / "shop/__init__.py", monorepo / "libs/tills/tests/test_tills.py")


@pytest.mark.parametrize("link", ["direct_url", "egg-link"])
def test_an_editable_install_from_the_repository_is_recorded(
    monorepo: Path, site: Path, link: str
) -> None:
    (monorepo / "pytest.ini").unlink()
    write(monorepo, {"libs/tills/tests/test_tills.py": SEES.format(module="shop")})
    source = monorepo / "libs/shop/src"
    if link == "egg-link":
        write(site, {"acme-shop.egg-link": f"{source}\n../"})
    else:
        install(site, "acme-shop", {"shop.pth": str(source)}, (monorepo / "libs/shop").as_uri())
    # A `.pth` file is followed in a folder of packages of this Python alone.
    run = Run(monorepo / "libs/tills", path=(site, source))
    assert run.has(source / "shop/__init__.py", monorepo / "libs/tills/tests/test_tills.py")


def test_the_same_from_outside_the_repository_is_another_distribution(
    monorepo: Path, site: Path, tmp_path: Path
) -> None:
    stranger = write(tmp_path / "stranger", {"pyproject.toml": "", "goods/__init__.py": SHOP})
    write(monorepo, {"libs/tills/tests/test_tills.py": SEES.format(module="goods")})
    install(site, "goods", {"goods/__init__.py": SHOP}, stranger.as_uri())
    run = Run(monorepo, "libs/tills", path=(site,))
    assert run.has(monorepo / "libs/tills/tests/test_tills.py")
    run = Run(monorepo, "libs/tills", path=(site, stranger))
    assert run.has(monorepo / "libs/tills/tests/test_tills.py")


def test_a_folder_that_is_gone_proves_nothing(monorepo: Path, site: Path) -> None:
    write(monorepo, {"libs/tills/tests/test_tills.py": SEES.format(module="goods")})
    install(site, "goods", {"goods/__init__.py": SHOP}, (monorepo / "libs/goods").as_uri())
    run = Run(monorepo, "libs/tills", path=(site,))
    assert run.has(monorepo / "libs/tills/tests/test_tills.py")


def test_a_second_project_of_a_run_widens_the_scope_in_workers_too(
    monorepo: Path, site: Path
) -> None:
    install(site, "acme-shop", {"shop/__init__.py": SHOP})
    install(site, "acme-tills", {"tills/__init__.py": SHOP})
    expected = (
        site / "shop/__init__.py",
        site / "tills/__init__.py",
        monorepo / "libs/shop/tests/test_shop.py",
        monorepo / "libs/tills/tests/test_tills.py",
    )
    assert Run(monorepo, "-p", "xdist", "-n", "2", path=(site,)).has(*expected)
    assert Run(monorepo, "--record-scope=session", path=(site,)).has(*expected)


# Matched by path, never by name.


def test_a_package_of_a_common_name_is_not_taken_for_the_project_s(
    tmp_path: Path, site: Path
) -> None:
    project = write(
        tmp_path / "project",
        {
            "pyproject.toml": "[project]\nname = 'shop'\n",
            "tests/__init__.py": "",
            "src/tools/__init__.py": "",
            "test_shop.py": SEES.format(module="tests.goods"),
        },
    )
    (project / "tests/__init__.py").unlink()
    install(site, "goods", {"tests/__init__.py": "", "tests/goods.py": SHOP})
    assert Run(project, path=(site,)).has(project / "test_shop.py")
    # The project has a package of this name too; this copy is another distribution's.
    write(project, {"test_shop.py": SEES.format(module="tools.goods")})
    install(site, "hammer", {"tools/__init__.py": "", "tools/goods.py": SHOP})
    assert Run(project, path=(site,)).has(project / "test_shop.py")


@pytest.mark.parametrize(
    "names",
    [
        {"pyproject.toml": "[project]\nname = 'Acme.Shop'\n"},
        {"pyproject.toml": "[tool.poetry]\nname = 'acme_shop'\n"},
        {"pyproject.toml": "[tool.flit.metadata]\nmodule = 'x'\ndist-name = 'acme-shop'\n"},
        {"setup.cfg": "[metadata]\nversion = 1\nname = acme-shop\n"},
        {"setup.py": "import setuptools\nsetuptools.setup(version='1', name='acme-shop')\n"},
    ],
    ids=["PEP 621", "poetry", "flit", "setup.cfg", "setup.py"],
)
def test_the_distribution_of_the_project_is_known_by_its_name(
    tmp_path: Path, site: Path, names: dict[str, str]
) -> None:
    # As under tox: the package is built from folders that nothing in the project is called after.
    project = write(tmp_path / "project", {**names, "test_shop.py": TEST})
    install(site, "acme-shop", {"shop/__init__.py": SHOP, "shop/sub/more.py": ""})
    assert Run(project, path=(site,)).has(project / "test_shop.py", site / "shop/__init__.py")


def test_a_vendored_package_of_the_own_one_is_recorded(tmp_path: Path, site: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            "pyproject.toml": "[project]\nname = 'shop'\n",
            "test_shop.py": SEES.format(module="shop._vendor.goods"),
        },
    )
    install(site, "shop", {"shop/__init__.py": "", "shop/_vendor/goods/__init__.py": SHOP})
    run = Run(project, path=(site,))
    assert run.has(project / "test_shop.py", site / "shop/_vendor/goods/__init__.py")


# Odd places.


def test_a_test_that_turns_up_in_the_middle_of_a_run_widens_the_scope(
    monorepo: Path, site: Path
) -> None:
    # The first test runs code of the second project, which is not known to be one by then.
    both = (
        "from shop import price\nimport tills\n\ndef test_price():\n    tills.price(price(2))\n"
    )
    conftest = (
        "import pytest\nfrom pathlib import Path\n\n"
        "def pytest_runtest_teardown(item, nextitem):\n"
        "    if len(item.session.items) == 1:\n"
        "        path = Path(__file__).parent / 'libs/tills/tests/test_tills.py'\n"
        "        module = pytest.Module.from_parent(item.session, path=path)\n"
        "        item.session.items += module.collect()\n"
    )
    write(monorepo, {"libs/shop/tests/test_shop.py": both, "conftest.py": conftest})
    install(site, "acme-shop", {"shop/__init__.py": SHOP})
    install(site, "acme-tills", {"tills/__init__.py": SHOP})
    run = Run(monorepo, "libs/shop", path=(site,))
    first, second = sorted(run.folder.rglob("*.pyrec"))
    assert run.files_of(first) == {
        str(monorepo / "conftest.py"),
        str(site / "shop/__init__.py"),
        str(monorepo / "libs/shop/tests/test_shop.py"),
        # Imported in this test's teardown.
        str(monorepo / "libs/tills/tests/test_tills.py"),
    }
    assert run.files_of(second) == {
        str(site / "tills/__init__.py"),
        str(monorepo / "libs/tills/tests/test_tills.py"),
    }


def test_a_project_inside_an_environment_is_recorded(tmp_path: Path) -> None:
    # Where `pip install -e git+...` puts it.
    environment = write(tmp_path / "env", {"pyvenv.cfg": ""})
    project = write(
        environment / "src/project", {"setup.py": "", "shop.py": SHOP, "t/test_shop.py": TEST}
    )
    assert Run(project, path=(project,)).has(project / "shop.py", project / "t/test_shop.py")


def test_what_lies_in_an_environment_of_the_project_is_not(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {"setup.py": "", "env/pyvenv.cfg": "", "env/shop.py": SHOP, "test_shop.py": TEST},
    )
    assert Run(project, path=(project / "env",)).has(project / "test_shop.py")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_lead_to_the_project_both_ways(tmp_path: Path, elsewhere: Path) -> None:
    project = write(tmp_path / "project", {"setup.py": "", "test_shop.py": TEST})
    real = write(tmp_path / "store", {"shop.py": SHOP})
    (project / "shop.py").symlink_to(real / "shop.py")
    linked = tmp_path / "linked"
    linked.symlink_to(project)
    run = Run(elsewhere, f"--rootdir={linked}", str(linked))
    assert run.has(linked / "test_shop.py", linked / "shop.py")
    run = Run(elsewhere, f"--rootdir={elsewhere}", str(linked / "test_shop.py"), path=(linked,))
    assert run.has(linked / "test_shop.py", linked / "shop.py")


def test_the_standard_library_s_own_tests_can_be_recorded_and_it_is_not(
    elsewhere: Path,
) -> None:
    # A test that lies in the folder of the standard library, as `test.test_json` does.
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    if not (stdlib / "test/test_colorsys.py").is_file():
        pytest.skip("this Python came without its tests")
    run = Run(elsewhere, "--pyargs", "test.test_colorsys", "-k", "test_hsv_roundtrip")
    assert run.has(stdlib / "test/test_colorsys.py")


def test_a_module_in_a_zip_file_of_the_project_is_recorded(tmp_path: Path) -> None:
    import zipfile

    project = write(tmp_path / "project", {"setup.py": "", "test_shop.py": TEST})
    with zipfile.ZipFile(project / "shop.zip", "w") as made:
        made.writestr("shop.py", SHOP)
    run = Run(project, path=(project / "shop.zip",))
    assert run.has(project / "test_shop.py", project / "shop.zip/shop.py")


def test_a_package_that_came_without_its_sources_is_recorded_by_where_it_lies(
    tmp_path: Path,
) -> None:
    build = write(tmp_path / "build", {"shop.py": SHOP})
    project = write(tmp_path / "project", {"setup.py": "", "test_shop.py": TEST})
    py_compile.compile(str(build / "shop.py"), cfile=str(project / "shop.pyc"))
    (build / "shop.py").unlink()
    assert Run(project, path=(project,)).has(project / "test_shop.py", build / "shop.py")


def test_a_project_that_was_moved_with_its_caches_is_recorded(tmp_path: Path) -> None:
    conftest = "import pytest\n\n@pytest.fixture(autouse=True)\ndef f():\n    x = 1\n"
    old = write(
        tmp_path / "old", {"setup.py": "", "test_shop.py": TEST, "conftest.py": conftest}
    )
    write(old, {"shop.py": SHOP})
    Run(old, PYTHONDONTWRITEBYTECODE="")
    assert list(old.rglob("*-pytest-*.pyc"))
    new = tmp_path / "new"
    old.rename(new)
    # pytest takes the rewritten tests of before, with their old names.
    run = Run(new, PYTHONDONTWRITEBYTECODE="")
    (trace,) = run.folder.rglob("*.pyrec")
    names = {Path(file).name for file in run.files_of(trace)}
    assert names == {"conftest.py", "shop.py", "test_shop.py"}
    assert not run.remark


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_how_tests_are_imported_makes_no_difference(
    tmp_path: Path, elsewhere: Path, mode: str
) -> None:
    project = write(
        tmp_path / "project",
        {"setup.py": "", "src/shop/__init__.py": SHOP, "t/a/test_shop.py": TEST},
    )
    words = (f"--import-mode={mode}", f"--rootdir={elsewhere}", str(project / "t"))
    run = Run(elsewhere, *words, path=(project / "src",))
    assert run.has(project / "src/shop/__init__.py", project / "t/a/test_shop.py")


def test_a_relative_file_name_is_below_where_the_run_started(tmp_path: Path) -> None:
    text = "import os\n\ndef test_moves(tmp_path):\n    os.chdir(tmp_path)\n"
    text += "    exec(compile('def f():\\n    return 1\\n', 'made.py', 'exec'), globals())\n"
    text += "    os.rmdir(tmp_path)\n    assert f() == 1\n"
    project = write(tmp_path / "project", {"setup.py": "", "test_a.py": text})
    assert Run(project).files() == {str(project / "test_a.py"), "made.py"}


def test_a_test_that_a_class_inherits_from_a_distribution_is_recorded_and_its_package_is_not(
    tmp_path: Path, site: Path
) -> None:
    suite = "from goods import price\n\nclass Suite:\n    def test_it(self):\n"
    suite += "        assert price(self.amount()) == 4\n"
    install(site, "goods", {"goods/__init__.py": SHOP, "goods/suite.py": suite})
    text = "from goods.suite import Suite\n\nclass TestShop(Suite):\n"
    text += "    def amount(self):\n        return 2\n"
    project = write(tmp_path / "project", {"setup.py": "", "test_shop.py": text})
    run = Run(project, path=(site,))
    assert run.has(project / "test_shop.py", site / "goods/suite.py")


def test_a_test_function_that_a_library_made_does_not_draw_the_library_in(
    tmp_path: Path, site: Path
) -> None:
    # As pytest-bdd makes them: what they call is the project's.
    made = "def make(step):\n    def test():\n        step()\n    return test\n"
    install(site, "goods", {"goods.py": made})
    text = "from goods import make\nfrom steps import step\n\ntest_it = make(step)\n"
    steps = "def step():\n    x = 1\n"
    project = write(
        tmp_path / "project", {"setup.py": "", "test_a.py": text, "steps.py": steps}
    )
    run = Run(project, path=(site,))
    assert run.has(project / "steps.py")
    assert not run.remark


@pytest.mark.parametrize("more", [("--record-level=calls",), ("--record-scope=session",)])
@pytest.mark.parametrize("pure", ["", "1"])
def test_nothing_is_said_where_all_is_well(
    tmp_path: Path, more: tuple[str, ...], pure: str
) -> None:
    text = TEST + "\n\nimport unittest\n\nclass TestIt(unittest.TestCase):\n"
    text += "    def test_it(self):\n        pass\n"
    project = write(tmp_path / "project", {"setup.py": "", "shop.py": SHOP, "test_a.py": text})
    run = Run(project, *more, PYTEST_RECORDER_PURE=pure)
    assert "1 failed, 1 passed" in run.output
    assert not run.remark


def test_doctests_in_an_installed_package_show_what_they_call(
    elsewhere: Path, site: Path
) -> None:
    text = 'def price(n):\n    """\n    >>> price(2)\n    4\n    """\n    return n * 2\n'
    install(site, "shop", {"shop/__init__.py": "", "shop/cart.py": text})
    run = Run(elsewhere, "--doctest-modules", "--pyargs", "shop", path=(site,))
    if sys.version_info < (3, 12):
        run.status = "partial"  # doctest puts the trace function back itself
    assert run.has(site / "shop/cart.py")
    assert not run.remark


# Excludes win.


def test_excludes_win_over_all_of_it(elsewhere: Path, site: Path) -> None:
    install(
        site,
        "shop",
        {"shop/__init__.py": SHOP, "shop/tests/__init__.py": "", "shop/tests/test_a.py": TEST},
    )
    args = ("--pyargs", "shop", "--record-exclude=shop.tests")
    run = Run(elsewhere, *args, path=(site,))
    assert run.has(site / "shop/__init__.py")
    assert not run.remark, "it was asked for, and there is something to see"


# A run that recorded no line of a test's own file says so.


@pytest.mark.parametrize("more", [(), ("--record-keep=failed",), ("-p", "xdist", "-n", "2")])
def test_a_run_that_saw_no_line_of_its_tests_says_so_once(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    text = (
        "import pytest\n\n@pytest.mark.parametrize('n', range(40))\ndef test_it(n):\n    pass\n"
    )
    project = write(tmp_path / "project", {"setup.py": "", "test_a.py": text})
    run = Run(project, "--record-exclude=test_a", *more)
    assert run.remark == (
        "40 tests recorded no line of their own files:"
        " test_a.py (excluded by --record-exclude='test_a'); see pytest-recorder info --covers FILE"
    )


def test_tests_that_cannot_have_lines_of_their_own_are_not_complained_of(
    tmp_path: Path,
) -> None:
    conftest = (
        "import pytest\n\n"
        "class Item(pytest.Item):\n    def runtest(self):\n        pass\n\n"
        "class File(pytest.File):\n    def collect(self):\n"
        "        yield Item.from_parent(self, name='it')\n\n"
        "def pytest_collect_file(parent, file_path):\n"
        "    if file_path.suffix == '.yaml':\n"
        "        return File.from_parent(parent, path=file_path)\n"
    )
    text = (
        "import operator, unittest\nimport pytest\n\n"
        "test_in_c = operator.itemgetter\n\n"
        "@pytest.mark.skip\ndef test_skipped():\n    pass\n\n"
        "@pytest.mark.xfail(run=False)\ndef test_not_run():\n    pass\n\n"
        "def test_needs_what_is_not(there):\n    pass\n"
    )
    project = write(
        tmp_path / "project",
        {
            "setup.py": "",
            "conftest.py": conftest,
            "a.yaml": "",
            "read.txt": ">>> 1 + 1\n2\n",
            "mod.py": '"""\n>>> 1 + 1\n2\n"""\n',
            "test_a.py": text,
        },
    )
    run = Run(project, "--doctest-modules", "--doctest-glob=*.txt")
    assert "passed" in run.output
    assert not run.remark


def test_the_manifest_and_the_index_say_it_too(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project", {"setup.py": "", "test_a.py": "def test_it(): pass\n"}
    )
    run = Run(project, "--record-exclude=test_a")
    rule = "excluded by --record-exclude='test_a'"
    index: dict[str, Any] = json.loads((run.folder / "index.json").read_text())
    (entry,) = index["tests"]
    assert entry["unrecorded"] == rule
    with pytest_recorder.open_trace(run.folder / entry["trace"]) as trace:
        assert trace.manifest.unrecorded == rule


@pytest.mark.parametrize("words", [("--pyargs", "shop"), ("-c", "/dev/null", "."), (".",)])
def test_the_command_says_what_a_run_does(
    monorepo: Path, site: Path, words: tuple[str, ...]
) -> None:
    install(site, "acme-shop", {"shop/__init__.py": SHOP, "shop/test_a.py": TEST})
    install(site, "other", {"other.py": SHOP})
    text = "import other, shop\n\ndef test_it():\n    other.price(shop.price(1))\n"
    write(monorepo, {"libs/tills/tests/test_tills.py": text})
    here = monorepo / "libs/tills"
    test = here / "tests/test_tills.py"
    is_named = "--pyargs" in words
    ran = [site / "shop/__init__.py", *([site / "shop/test_a.py"] if is_named else [test])]
    ran += [] if is_named else [site / "other.py"]
    recorded = Run(here, *words, path=(site,)).files()
    command = [sys.executable, "-m", "pytest_recorder", "info", "--json", "--covers"]
    said: set[str] = set()
    for path in ran:
        done = subprocess.run(
            [*command, str(path), "--", "-p", "record_trace", *words],
            cwd=here,
            env=environment((site,)),
            check=True,
            capture_output=True,
        )
        said |= {str(path)} if json.loads(done.stdout)["is_in_scope"] else set()
    assert said == recorded != set()


# What really installs.

BACKEND = """\
import zipfile
from pathlib import Path

INFO = "acme_shop-1.dist-info"

def build_wheel(folder, config_settings=None, metadata_directory=None, editable=False):
    source = Path(__file__).parent / "src"
    files = {"shop/__init__.py": (source / "shop/__init__.py").read_text()}
    if editable:
        files = {"shop.pth": str(source)}
    files[INFO + "/METADATA"] = "Metadata-Version: 2.1\\nName: acme-shop\\nVersion: 1\\n"
    files[INFO + "/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[INFO + "/RECORD"] = "".join(name + ",,\\n" for name in [*files, INFO + "/RECORD"])
    name = "acme_shop-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as made:
        for file, text in files.items():
            made.writestr(file, text)
    return name

def build_editable(folder, config_settings=None, metadata_directory=None):
    return build_wheel(folder, editable=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a copy", "editable"])
def test_what_pip_has_installed_from_the_repository_is_recorded(
    monorepo: Path, tmp_path: Path, how: str
) -> None:
    build = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    write(
        monorepo,
        {
            "libs/shop/pyproject.toml": f"{build}[project]\nname = 'acme-shop'\nversion = '1'\n",
            "libs/shop/backend.py": BACKEND,
            "libs/tills/tests/test_tills.py": SEES.format(module="shop"),
        },
    )
    (monorepo / "pytest.ini").unlink()
    environment_folder = tmp_path / "env"
    venv.create(environment_folder)
    words = ["--python", str(environment_folder), "install", "--no-index", "--no-deps"]
    words += ["--no-build-isolation", *(["-e"] if how == "editable" else [])]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, str(monorepo / "libs/shop")],
        check=True,
        capture_output=True,
    )
    (site,) = environment_folder.rglob("site-packages")
    source = monorepo / "libs/shop/src"
    # A `.pth` file is followed in the folders of this Python alone.
    path = (site, source) if how == "editable" else (site,)
    run = Run(monorepo / "libs/tills", path=path)
    code = source if how == "editable" else site
    assert run.has(monorepo / "libs/tills/tests/test_tills.py", code / "shop/__init__.py")
