import sys
from pathlib import Path

import pytest

from pytest_recorder.diagnostics.installed import is_installed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages in two folders of the path, whose code fails where it is imported."""
    for part in ("one/space_x/inner/deep", "two/space_x/other", "one/pack_x/sub"):
        (tmp_path / part).mkdir(parents=True)
    for file in ("one/space_x/inner/deep/__init__", "two/space_x/other/leaf", "one/single_x"):
        (tmp_path / f"{file}.py").write_text("raise AssertionError")
    for file in ("one/pack_x/__init__", "one/pack_x/sub/__init__", "one/pack_x/sub/end"):
        (tmp_path / f"{file}.py").write_text("raise AssertionError")
    for name in ("one", "two"):
        monkeypatch.syspath_prepend(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    "name, expected",
    [
        ("single_x", True),
        ("space_x", True),
        ("space_x.inner.deep", True),
        ("space_x.other.leaf", True),
        ("pack_x.sub.end", True),
        ("pack_x.sub.nothing", False),
        ("space_x.inner.leaf", False),
        ("space_x.nothing.leaf", False),
        ("single_x.sub", False),
        ("nothing_x", False),
        ("nothing_x.sub.end", False),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_module_is_found_and_nothing_is_imported(name: str, expected: bool) -> None:
    before = set(sys.modules)
    assert is_installed(name) == expected
    assert set(sys.modules) == before


@pytest.mark.usefixtures("folder")
def test_what_is_imported_already_counts_and_what_is_barred_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    assert "json.decoder" in sys.modules
    assert is_installed("json.decoder")
    assert is_installed("json.tool")
    assert not is_installed("json.nothing")
    for name in ("single_x", "space_x", "pack_x.sub"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("single_x", "space_x", "space_x.inner.deep", "pack_x.sub.end"):
        assert not is_installed(name)
