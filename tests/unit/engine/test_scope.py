"""Which code is recorded: the rules, each with a file that they are for."""

import json
import sys
import sysconfig
from pathlib import Path

import pytest

from pytest_recorder.engine.distributions import Installed, path_of_url
from pytest_recorder.engine.project_folders import (
    Project,
    find_project_root,
    project_of,
    repository_of,
)
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


# The files of tests, and what they are part of. Each answer names its rule.


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    for name, text in {
        ".git/HEAD": "",
        "libs/shop/pyproject.toml": "[project]\nname = 'shop'\n",
        "libs/shop/src/shop/__init__.py": "",
        "libs/shop/src/corp/shop/__init__.py": "",
        "libs/shop/tests/unit/__init__.py": "",
        "libs/tills/setup.cfg": "[metadata]\nname = acme.tills\n",
        "libs/tills/tills.py": "",
        "vendored/.git/HEAD": "",
        "module/.git": "gitdir: ../.git/modules/module",
        ".venv/pyvenv.cfg": "",
        ".venv/src/dep/setup.py": "",
        "tools/check.py": "",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def put(site: Path, name: str, *modules: str, origin: Path | None = None) -> None:
    """Put a distribution into a folder of installed ones."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("".join(f"{module},sha256=x,1\n" for module in modules))
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps({"url": origin.as_uri()}))


def test_the_file_of_a_test_is_in_and_nothing_is_that_lies_elsewhere(
    monorepo: Path, project: Path
) -> None:
    scope = Scope(monorepo / "libs/tills")
    test = monorepo / "libs/shop/tests/unit/test_a.py"
    assert scope.decide(str(test), None) == (False, "in no folder of the project")
    assert scope.add_tests([test])
    assert not scope.add_tests([test])
    folder = monorepo / "libs/shop"
    assert scope.decide(str(test), None) == (True, f"in the project of a test, {folder}")
    assert decide(scope, folder / "src/shop/__init__.py")
    assert not decide(scope, monorepo / "tools/check.py")


def test_the_rule_of_what_is_out_is_named_too(project: Path) -> None:
    scope = Scope(project, exclude=["shop.cart"])
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    rules = {
        project / "src/shop/cart.py": "excluded by --record-exclude='shop.cart'",
        project / ".nox/tests/tmp/thing.py": f"in an environment, {project / '.nox'}",
        project / "other_env/bin/x.py": f"in an environment, {project / 'other_env'}",
        stdlib / "json/decoder.py": "the standard library",
        Path(pytest.__file__): "an installed distribution that is not of this project",
        Path(Scope.__init__.__code__.co_filename): "code of the recorder itself",
        project.parent / "neighbour.py": "in no folder of the project",
    }
    for path, rule in rules.items():
        module = "shop.cart" if path.name == "cart.py" else None
        assert scope.decide(str(path), module) == (False, rule)
    no_file = scope.decide("<string>", None)
    assert no_file == (False, "code without a file (a name in angle brackets)")


@pytest.mark.parametrize(
    "path, name",
    [
        ("libs/shop/tests/unit/test_a.py", "libs/shop"),
        ("libs/tills/test_a.py", "libs/tills"),
        ("tools/test_a.py", "."),
        ("vendored/deep/test_a.py", "vendored"),
        ("module/test_a.py", "module"),
        (".venv/src/dep/test_a.py", ".venv/src/dep"),
        (".venv/lib/test_a.py", None),
        (".venv/lib/site-packages/pkg/test_a.py", None),
    ],
)
def test_the_project_of_a_file_is_the_nearest_one(
    monorepo: Path, path: str, name: str | None
) -> None:
    expected = str(monorepo / name) if name is not None else None
    assert project_of(str(monorepo / path)) == expected


def test_a_home_folder_under_version_control_is_no_project(
    monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(monorepo))
    assert project_of(str(monorepo / "tools/test_a.py")) is None
    assert repository_of(str(monorepo / "tools")) == str(monorepo / "tools")
    scope = Scope(monorepo / "libs/shop")
    scope.add_tests([monorepo / "test_loose.py"])
    assert scope.decide(str(monorepo / "test_loose.py"), None).rule == "the file of a test"
    assert not decide(scope, monorepo / "tools/check.py")


@pytest.mark.parametrize(
    "origin, is_own",
    [
        ("libs/tills", True),
        ("module", True),
        ("vendored", False),
        (".venv/src/dep", False),
        ("gone", False),
        ("..", False),
    ],
)
def test_what_was_installed_from_the_repository_is_own(
    monorepo: Path, tmp_path_factory: pytest.TempPathFactory, origin: str, is_own: bool
) -> None:
    site = tmp_path_factory.mktemp("env") / "site-packages"
    put(site, "any", "goods/__init__.py", "goods/a.py", "one.py", origin=monorepo / origin)
    scope = Scope(monorepo / "libs/shop")
    for name in ("goods/a.py", "one.py", "goods/generated.py"):
        assert bool(decide(scope, site / name)) is is_own
    assert not decide(scope, site / "goods2/a.py")
    if is_own:
        rule = f"installed from {(monorepo / origin).resolve()}, in the same repository"
        assert decide(scope, site / "one.py").rule == rule


def test_of_a_namespace_only_the_own_part_is_own(monorepo: Path, tmp_path: Path) -> None:
    site = tmp_path / "env/site-packages"
    put(site, "unknown", "corp/goods/__init__.py")
    (site / "corp/shop").mkdir(parents=True)
    scope = Scope(monorepo / "libs/shop")
    assert decide(scope, site / "corp/shop/a.py")
    assert not decide(scope, site / "corp/goods/__init__.py")
    put(site, "hammer", "corp/shop/__init__.py")
    assert not decide(Scope(monorepo / "libs/shop"), site / "corp/shop/a.py")


def test_the_finder_of_an_editable_install_is_nobody_s_code(monorepo: Path) -> None:
    site = monorepo.parent / "site-packages"
    put(site, "shop", "__editable___shop_finder.py", origin=monorepo / "libs/shop")
    assert not decide(Scope(monorepo), site / "__editable___shop_finder.py")


def test_a_new_project_brings_its_names_with_it(monorepo: Path, tmp_path: Path) -> None:
    site = tmp_path / "env/site-packages"
    put(site, "acme_tills", "tills.py", "extra/__init__.py")
    scope = Scope(monorepo)
    assert not decide(scope, site / "extra/a.py")
    assert scope.has_answered
    assert scope.add_tests([monorepo / "libs/tills/test_a.py"])
    assert not scope.has_answered
    tills = monorepo / "libs/tills"
    assert decide(scope, site / "extra/a.py").rule == (
        f"of acme-tills 1.0, the distribution of {tills}"
    )


def test_what_is_installed_is_read_when_code_of_it_is_met(
    monorepo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    real = Installed.__init__

    def spy(self: Installed, folder: str) -> None:
        looked_at.append(folder)
        real(self, folder)

    monkeypatch.setattr(Installed, "__init__", spy)
    scope = Scope(monorepo)
    scope.add_tests([monorepo / "libs/shop/tests/unit/test_a.py"])
    assert decide(scope, monorepo / "tools/check.py")
    assert not decide(scope, Path(sysconfig.get_paths()["stdlib"]) / "os.py")
    assert looked_at == []


def test_two_spellings_of_a_link_are_one_file(monorepo: Path) -> None:
    link = monorepo.parent / "link"
    link.symlink_to(monorepo / "libs", target_is_directory=True)
    scope = Scope(link / "tills", exclude=[f"{link}/tills/skipped/"])
    assert decide(scope, monorepo / "libs/tills/tills.py")
    assert decide(scope, link / "tills/tills.py")
    assert not decide(scope, link / "tills/skipped/a.py")


def test_a_file_that_no_system_knows_is_out(tmp_path: Path) -> None:
    scope = Scope(tmp_path)
    for name in ("a\0b.py", "\udc80.py", "/x" * 3000, "//", "/"):
        assert not decide(scope, Path("/elsewhere") / name if name[0] != "/" else Path(name))
        scope.decide(name, "m")


@pytest.mark.parametrize(
    "url, path",
    [
        ("file:///a/b", "/a/b"),
        ("file://localhost/a%20b/%C3%BC", "/a b/\u00fc"),
        ("file://server/a", None),
        ("https://example.org/a.whl", None),
        ("file:", None),
        ("", None),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="other paths there")
def test_the_url_of_a_folder_is_a_path(url: str, path: str | None) -> None:
    assert path_of_url(url) == path


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"url": 3}', '{"url": "file:///nowhere"}', "\udc80", "[" * 99999]
)
def test_what_others_wrote_about_an_origin_is_not_trusted(tmp_path: Path, text: str) -> None:
    info = tmp_path / "site-packages/x-1.dist-info"
    info.mkdir(parents=True)
    (info / "direct_url.json").write_text(text, errors="surrogateescape")
    assert Installed(str(info.parent)).origins() == []


def test_the_name_of_a_project_is_what_its_files_say(tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup, Extension\n"
        "setup(ext_modules=[Extension(name='shop._c')], name='Shop_Core', version=v)\n"
    )
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 3\n[tool]\npoetry = 'x'\n")
    (tmp_path / "setup.cfg").write_text("[other]\nname = no\n[metadata]\nname: shop.extra\n")
    assert Project(str(tmp_path)).names == {"shop-core", "shop-extra"}
    (tmp_path / "setup.py").write_text("print 'old'")
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    assert Project(str(tmp_path)).names == {"shop-extra"}
