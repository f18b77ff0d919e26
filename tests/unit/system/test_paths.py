"""Paths that are texts: they answer as `os.path` and `pathlib` do."""

import os
import sys
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.system import paths
from pytest_recorder.system.paths import FilePath

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="compared with POSIX paths")

TEXTS = st.text(st.sampled_from("/.ab-"), max_size=12)


@given(TEXTS, TEXTS)
def test_two_paths_are_joined_as_os_path_does(folder: str, name: str) -> None:
    assert paths.join(folder, name) == os.path.join(folder, name)


@given(TEXTS)
def test_a_path_is_normalized_as_os_path_does(text: str) -> None:
    assert paths.normalized(text) == os.path.normpath(text)


@given(TEXTS)
def test_folder_and_name_are_those_of_os_path(text: str) -> None:
    assert paths.parent_of(text) == os.path.dirname(text)
    assert paths.name_of(text) == os.path.basename(text)


@given(st.lists(st.text(st.sampled_from(".ab-"), min_size=1, max_size=4), min_size=1))
def test_a_plain_path_answers_as_pathlib_does(names: list[str]) -> None:
    text = paths.normalized("/" + "/".join(names))
    ours, theirs = FilePath(text), PurePosixPath(text)
    assert [str(path) for path in ours.parents] == [str(path) for path in theirs.parents]
    assert ours.name == theirs.name
    if sys.version_info < (3, 14):
        # From then on `a.` has the suffix `.`.
        assert ours.suffix == theirs.suffix
    assert ours / "x" == str(theirs / "x")
    if ours.name:
        assert ours.with_name("x.y") == str(theirs.with_name("x.y"))


def test_a_path_knows_what_lies_in_it() -> None:
    folder = FilePath("/a/b")
    assert (folder / "c/d").relative_to(folder) == "c/d"
    assert folder.relative_to(folder) == "."
    assert FilePath("/a/bc").relative_to(folder) == "/a/bc"
    assert FilePath("/a").relative_to("/") == "a"
    assert FilePath("/a/b/").is_in(folder)


def test_a_path_is_a_text_of_its_own_kind() -> None:
    found = FilePath("/a") / "b"
    assert isinstance(found, FilePath)
    assert found == "/a/b"
    assert {found: 1}["/a/b"] == 1
    assert os.fspath(found) == "/a/b"
