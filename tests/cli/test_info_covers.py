"""`pytest-recorder info --covers`: whether code is recorded here, and which rule says so."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.cli import main


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, with the variables of nobody."""
    for variable in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "project"
    for name, text in {
        "pytest.ini": "[pytest]\nrecord_exclude = shop.made\n",
        "a.txt": "no Python\n",
        "shop/__init__.py": "",
        "shop/cart.py": "class Cart:\n    def total(self):\n        return 1\n\ndef load(): pass\n",
        "shop/made.py": "x = 1\n",
        "tests/test_cart.py": "from shop import cart\n\ndef test_a():\n    raise SystemError\n",
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.chdir(folder)
    return folder


def ask(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert main(["info", "--json", "--covers", *args]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    found: dict[str, Any] = json.loads(captured.out)
    return found


def test_the_answer_names_the_rule_and_what_it_was_applied_to(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(capsys, "shop/cart.py") == {
        "file": str(project / "shop/cart.py"),
        "is_in_scope": True,
        "rule": f"below rootdir {project}",
        "module": "shop.cart",
        "distribution": None,
        "rootdir": str(project),
        "config_file": str(project / "pytest.ini"),
        "tests": 1,
        "errors": 0,
    }


def test_people_get_it_in_words(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--covers", "shop/cart.py", "--function", "total"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["in", "scope"]
    assert ["function", "total"] in lines
    assert ["lines", "2-3"] in lines
    assert ["rule", f"below rootdir {project}"] in lines
    assert main(["info", "--covers", pytest.__file__]) == 0
    assert "not in scope\n" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["ini", "environment", "addopts", "argument"])
def test_patterns_count_from_wherever_a_run_would_take_them(
    project: Path,
    source: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if source == "ini":
        assert ask(capsys, "shop/made.py")["rule"] == "excluded by --record-exclude='shop.made'"
        return
    words: list[str] = []
    if source == "environment":
        monkeypatch.setenv("PYTEST_RECORDER_EXCLUDE", "shop.cart")
    elif source == "addopts":
        monkeypatch.setenv("PYTEST_ADDOPTS", "--record-exclude=shop.cart")
    else:
        words = ["--", "--record-exclude=shop.cart"]
    found = ask(capsys, "shop/cart.py", *words)
    assert (found["is_in_scope"], found["rule"]) == (
        False,
        "excluded by --record-exclude='shop.cart'",
    )


def test_arguments_are_those_of_a_run(
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    cart = str(project / "shop/cart.py")
    rootdir = f"--rootdir={tmp_path / 'none'}"
    (tmp_path / "none").mkdir()
    assert not ask(capsys, cart, "--", rootdir, "-c", "/dev/null", "none")["is_in_scope"]
    (project / "setup.py").touch()
    found = ask(capsys, cart, "--", rootdir, "-c", "/dev/null", str(project / "tests"))
    assert found["rule"] == f"in the project of a test, {project}"
    found = ask(capsys, cart, "--", rootdir, "-c", "/dev/null", "--pyargs", "shop")
    assert found["rule"] == f"in the package that --pyargs names, {project / 'shop'}"


def test_a_module_in_a_namespace_that_no_test_has_imported_has_its_whole_name(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("src/acme/pay/__init__.py", "src/acme/pay/card.py", "src/acme/flat.py"):
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    arguments = ("--", "-o", "pythonpath=src", "--record-exclude=acme")
    for name, module in (("pay/card.py", "acme.pay.card"), ("flat.py", "acme.flat")):
        found = ask(capsys, f"src/acme/{name}", *arguments)
        assert found["module"] == module
        assert found["rule"] == "excluded by --record-exclude='acme'"


def test_other_distributions_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(capsys, pytest.__file__)
    assert not found["is_in_scope"]
    assert found["distribution"] == f"pytest {pytest.__version__}"
    assert ask(capsys, json.__file__)["rule"] == "the standard library"


def test_nothing_of_a_run_is_done(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--record-trace"]
    subprocess.run(words, check=False, capture_output=True)
    before = {path: path.stat().st_mtime_ns for path in (project / "test-traces").rglob("*")}
    assert before
    (project / ".coverage").write_text("of the last run")
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "--record-trace --cov=shop -n 2 --record-log-file=log.jsonl"
    )
    assert ask(capsys, "shop/cart.py")["tests"] == 1
    after = {path: path.stat().st_mtime_ns for path in (project / "test-traces").rglob("*")}
    assert after == before
    assert (project / ".coverage").read_text() == "of the last run"
    assert not (project / "log.jsonl").exists()
    assert not (project / ".pytest_cache").exists()


def test_tests_that_cannot_be_collected_are_counted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tests/test_broken.py").write_text("import nothing_there\n")
    assert ask(capsys, "shop/cart.py")["errors"] == 1
    assert main(["info", "--covers", "shop/cart.py"]) == 0
    assert "1, and 1 that could not be collected" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, text",
    [
        (["--covers", "gone.py"], "no file 'gone.py' for --covers"),
        (["--covers", "shop"], "no file 'shop' for --covers"),
        (
            ["--covers", "shop/cart.py", "--function", "sum"],
            "no function 'sum' in 'cart.py', expected one of those in it: Cart.total, load",
        ),
        (["--covers", "a.txt", "--function", "x"], "'a.txt' is no Python"),
        (["--function", "x"], "--function is for --covers FILE"),
        (["a.pyrec", "b.pyrec"], "one trace at a time, not 'b.pyrec' too"),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_usage_error(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("\n") == 1


def test_arguments_that_pytest_refuses_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--covers", "shop/cart.py", "--", "--nonsense"]) == 10
    assert "pytest does not start here" in capsys.readouterr().err
