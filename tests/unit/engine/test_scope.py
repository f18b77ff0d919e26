"""Which code is recorded: the rules, each with a file that they are for."""

import sysconfig
from pathlib import Path

import pytest

from pytest_recorder.engine.project_folders import Project, find_project_root
from pytest_recorder.engine.scope import Decision, Scope


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (
        "src/shop/__init__.py",
        "src/shop/cart.py",
        "tests/test_cart.py",
        "tool.py",
        ".venv/pyvenv.cfg",
        ".venv/lib/python3.12/site-packages/requests/api.py",
        ".venv/lib/python3.12/site-packages/shop/cart.py",
        "other_env/pyvenv.cfg",
        "other_env/bin/script.py",
        ".tox/py312/lib/python3.12/site-packages/shop/cart.py",
        ".nox/tests/tmp/thing.py",
        "node_modules/gyp/setup.py",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    return tmp_path


def decide(scope: Scope, path: Path, module: str | None = None) -> Decision:
    return scope.decide(str(path), module)


def test_the_project_is_in_scope(project: Path) -> None:
    scope = Scope(project)
    assert decide(scope, project / "src/shop/cart.py", "shop.cart")
    assert decide(scope, project / "tests/test_cart.py", "test_cart")
    assert decide(scope, project / "tool.py", "__main__")
    assert decide(scope, project / "tool.py", None)


@pytest.mark.parametrize(
    "path, module",
    [
        (".venv/lib/python3.12/site-packages/requests/api.py", "requests.api"),
        ("other_env/bin/script.py", "__main__"),
        (".nox/tests/tmp/thing.py", "thing"),
        ("node_modules/gyp/setup.py", "setup"),
    ],
)
def test_environments_below_the_root_are_out(project: Path, path: str, module: str) -> None:
    assert not decide(Scope(project), project / path, module)


@pytest.mark.parametrize("environment", [".venv", ".tox/py312"])
def test_the_installed_copy_of_the_own_package_is_in(project: Path, environment: str) -> None:
    installed = project / environment / "lib/python3.12/site-packages/shop/cart.py"
    assert decide(Scope(project), installed, "shop.cart")
    # By its path, whatever the module is called.
    assert decide(Scope(project), installed, None)


def test_an_installed_copy_far_away_is_in_by_the_name_of_its_module(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "site-packages"
    scope = Scope(project)
    assert decide(scope, elsewhere / "shop/cart.py", "shop.cart")
    assert decide(scope, elsewhere / "tool.py", "tool")
    assert not decide(scope, elsewhere / "requests/api.py", "requests.api")
    assert not decide(scope, elsewhere / "shopping/cart.py", "shopping.cart")


def test_what_is_not_of_the_project_is_out(project: Path) -> None:
    scope = Scope(project)
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    assert not decide(scope, stdlib / "json/decoder.py", "json.decoder")
    assert not scope.decide("<string>", "__main__")
    assert not scope.decide("<frozen importlib._bootstrap>", "importlib._bootstrap")
    assert not scope.decide("", None)
    assert not decide(scope, project.parent / "neighbour.py", "neighbour")


def test_we_are_out_even_when_included() -> None:
    import pytest_recorder

    package = Path(pytest_recorder.__file__).parent
    scope = Scope(package.parent, ["**/*.py", "pytest_recorder"])
    assert not decide(scope, package / "recorder.py", "pytest_recorder.recording.recorder")


@pytest.mark.parametrize(
    "pattern, path, expected",
    [
        ("src/shop/*.py", "src/shop/cart.py", True),
        ("src/*.py", "src/shop/cart.py", False),
        ("src/**/*.py", "src/shop/cart.py", True),
        ("src/**/*.py", "src/top.py", True),
        ("cart.py", "src/shop/cart.py", True),
        ("c?rt.py", "src/shop/cart.py", True),
        ("[ab]art.py", "src/shop/cart.py", False),
        ("[!ab]art.py", "src/shop/cart.py", True),
        ("./src/shop/cart.py", "src/shop/cart.py", True),
        ("src/shop/", "src/shop/cart.py", True),
        ("src/shop/", "src/shop/sub/deep.py", True),
        ("src/sho/", "src/shop/cart.py", False),
        ("shop", "src/shop/cart.py", True),
        ("shop.cart", "src/shop/cart.py", True),
        ("shop.car", "src/shop/cart.py", False),
        ("*.cart", "src/shop/cart.py", True),
        ("shop.*", "src/shop/cart.py", True),
        ("sh*p", "src/shop/cart.py", True),
        ("cart", "src/shop/cart.py", False),
    ],
)
def test_patterns_match_paths_and_modules(
    project: Path, pattern: str, path: str, expected: bool
) -> None:
    # As an exclude: everything under the root is in scope otherwise.
    scope = Scope(project, exclude=[pattern])
    assert bool(decide(scope, project / path, "shop.cart")) is not expected
    # As an include: nothing is in scope otherwise.
    empty = project / "empty"
    empty.mkdir()
    relative = pattern if "/" not in pattern or pattern.startswith("/") else None
    if relative is not None and "/" not in pattern and not pattern.endswith(".py"):
        included = Scope(empty, [pattern])
        assert bool(decide(included, project / path, "shop.cart")) is expected


def test_an_absolute_pattern_reaches_outside_the_root(project: Path) -> None:
    outside = project.parent / "library" / "code.py"
    assert decide(Scope(project, [f"{project.parent}/library/*"]), outside, "code")
    assert not decide(Scope(project, ["library/*"]), outside, "code")


def test_includes_add_and_excludes_win(project: Path) -> None:
    requests = project / ".venv/lib/python3.12/site-packages/requests/api.py"
    added = Scope(project, ["requests"])
    assert decide(added, requests, "requests.api")
    assert decide(added, project / "tool.py", "tool")
    both = Scope(project, ["requests"], ["requests.api"])
    assert not decide(both, requests, "requests.api")
    assert decide(both, requests.with_name("other.py"), "requests.other")


def test_the_standard_library_can_be_included(project: Path) -> None:
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    assert decide(Scope(project, ["json"]), stdlib / "json/decoder.py", "json.decoder")


def test_a_link_to_the_root_is_the_root(project: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(project / "src", target_is_directory=True)
    assert decide(Scope(link), project / "src/shop/cart.py", "shop.cart")
    assert decide(Scope(project / "src"), link / "shop/cart.py", "shop.cart")


def test_own_packages_are_found_under_the_root_and_under_src(project: Path) -> None:
    found = set(Project(str(project)).modules)
    assert {"shop", "tool"} <= found
    assert found.isdisjoint({"tests", "src", "json"})


def test_the_root_is_where_the_project_file_lies(project: Path) -> None:
    assert find_project_root(project / "src/shop") == project
