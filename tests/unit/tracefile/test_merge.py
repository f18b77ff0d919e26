"""Joining the trace folders of shards."""

import errno
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.errors import ErrorCode, RecorderError
from pytest_recorder.tracefile.index import Entry, read_index, write_index
from pytest_recorder.tracefile.merge import merge

RUN_1, RUN_2 = "1" * 32, "2" * 32


def entry(test: str, attempt: int = 1, **facts: Any) -> Entry:
    trace = f"{test}-{attempt}/trace.pyrec"
    plain = {"outcome": "failed", "trace": trace, "status": "complete", "size_bytes": 5}
    return Entry.checked({"test": test, "attempt": attempt, **plain, **facts})


def shard(folder: Path, run_id: str, *entries: Entry, content: str = "trace") -> Path:
    folder.mkdir(exist_ok=True)
    for each in entries:
        path = folder / (each.trace or "")
        if each.trace and ".." not in each.trace and not each.trace.startswith("/"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{content} {each.test}")
            path.with_name("failure.md").write_text(f"why {each.test} failed in {run_id}")
    write_index(folder, run_id, entries, pid=1)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refusal(code: ErrorCode, match: str = "") -> Any:
    return pytest.raises(RecorderError, match=rf"\[{code.value}\].*{match}")


@pytest.mark.skipif(sys.platform == "win32", reason="a limit of POSIX")
def test_a_trace_that_cannot_be_copied_whole_leaves_nothing_in_the_new_folder(
    tmp_path: Path,
) -> None:
    import resource

    one = shard(tmp_path / "one", RUN_1, entry("a"), entry("b"))
    (one / "a-1/trace.pyrec").write_bytes(b"x" * 200_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        merged = merge([one], tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (error,) = merged.errors
    assert error.code is ErrorCode.IO
    assert [(e.test, e.trace, e.status) for e in read_index(tmp_path / "out").tests] == [
        ("a", None, "missing"),
        ("b", "b-1/trace.pyrec", "complete"),
    ]
    assert sorted(tree(tmp_path / "out")) == [
        ".gitignore",
        "b-1/failure.md",
        "b-1/trace.pyrec",
        "index.json",
    ]
    assert not (tmp_path / "out/a-1").exists()


def test_all_traces_are_in_the_new_folder_and_the_shards_as_they_were(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"), entry("b", trace=None, status="missing"))
    two = shard(tmp_path / "two", RUN_2, entry("c"))
    before = tree(one), tree(two)
    merged = merge([one, two], tmp_path / "out")
    assert (tree(one), tree(two)) == before
    assert merged.errors == []
    index = read_index(tmp_path / "out")
    assert [(e.test, e.trace, e.run_id, e.pid) for e in index.tests] == [
        ("a", "a-1/trace.pyrec", RUN_1, None),
        ("b", None, RUN_1, None),
        ("c", "c-1/trace.pyrec", RUN_2, None),
    ]
    assert index.pid == 0
    assert (tmp_path / "out/c-1/failure.md").read_text() == f"why c failed in {RUN_2}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "out", "two"]


def test_attempts_of_the_same_name_are_kept_apart_by_run(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"), content="first")
    two = shard(tmp_path / "two", RUN_2, entry("a"), content="second")
    three = shard(tmp_path / "three", RUN_2, entry("a"), content="third")
    copy = shard(tmp_path / "copy", RUN_2, entry("a"), content="third")
    merged = merge([one, two, three, copy], tmp_path / "out")
    texts = {e.trace: (tmp_path / "out" / str(e.trace)).read_text() for e in merged.entries}
    assert texts == {
        "a-1/trace.pyrec": "first a",
        f"a-1-{RUN_2[:12]}/trace.pyrec": "second a",
        f"a-1-{RUN_2[:12]}-2/trace.pyrec": "third a",
    }


def test_a_copy_is_taken_where_the_first_one_could_not_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    two = shard(tmp_path / "two", RUN_1, entry("a"))

    def copy(source: Path, target: Path, real: Any = shutil.copyfile) -> Any:
        if one in Path(source).parents:
            raise OSError(errno.EIO, "broken")
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy)
    merged = merge([one, two], tmp_path / "out")
    assert [(e.status, e.trace) for e in merged.entries] == [
        ("missing", None),
        ("complete", "a-1/trace.pyrec"),
    ]
    (error,) = merged.errors
    assert "one/a-1" in str(error)


def test_a_merged_folder_can_be_merged_again_and_copies_count_once(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    two = shard(tmp_path / "two", RUN_2, entry("b", trace=None, status="missing"), entry("c"))
    merge([one, two, one, tmp_path / "two/../two"], tmp_path / "first")
    again = merge([tmp_path / "first", one, two], tmp_path / "second")
    assert [(e.test, e.run_id) for e in again.entries] == [
        ("a", RUN_1),
        ("b", RUN_2),
        ("c", RUN_2),
    ]


@pytest.mark.parametrize("where", ["one", "one/deep", ".", "full", "file"])
def test_a_place_that_is_taken_or_within_a_shard_is_refused(tmp_path: Path, where: str) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = tree(tmp_path)
    with refusal(ErrorCode.TRACE_DIR_CONFLICT):
        merge([one], tmp_path / where)
    assert tree(tmp_path) == before


def test_an_empty_folder_is_as_good_as_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    merge([shard(tmp_path / "one", RUN_1, entry("a"))], tmp_path / "out")
    assert (tmp_path / "out/a-1/trace.pyrec").exists()


def test_a_shard_that_is_no_folder_stops_before_anything_is_written(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    with refusal(ErrorCode.TRACE_NOT_FOUND, "nowhere"):
        merge([one, tmp_path / "nowhere"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("index", [None, "[]", "{", '{"schema": 2, "run_id": "x"}', "\xff"])
def test_a_shard_without_a_good_index_gives_its_traces_and_does_not_stop_the_rest(
    tmp_path: Path, index: str | None
) -> None:
    with pytest_recorder.trace(tmp_path / "bad") as session:
        pass
    (tmp_path / "bad/attempt-1").mkdir()
    session.path.rename(tmp_path / "bad/attempt-1/trace.pyrec")
    (tmp_path / "bad/attempt-2").mkdir()
    (tmp_path / "bad/attempt-2/trace.pyrec").write_text("no trace")
    if index is not None:
        (tmp_path / "bad/index.json").write_text(index, "latin-1")
    good = shard(tmp_path / "good", RUN_1, entry("a"))
    merged = merge([tmp_path / "bad", good], tmp_path / "out")
    code = ErrorCode.TRACE_NOT_FOUND if index is None else ErrorCode.TRACE_CORRUPT
    assert [error.code for error in merged.errors] == [code]
    assert [e.trace for e in merged.entries] == ["attempt-1/trace.pyrec", "a-1/trace.pyrec"]
    with pytest_recorder.open_trace(tmp_path / "out/attempt-1/trace.pyrec") as trace:
        assert trace.status == "complete"


def test_nothing_is_written_where_no_shard_had_anything(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with refusal(ErrorCode.TRACE_NOT_FOUND, "no index.json"):
        merge([tmp_path / "empty"], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


@pytest.mark.parametrize(
    "trace",
    [
        "../secret.pyrec",
        "/etc/passwd",
        "a-1/../../secret.pyrec",
        "link/secret.pyrec",
        "a-1/failure.md",
        "a\0b.pyrec",
        "x" * 5000 + ".pyrec",
        ".",
        "",
    ],
)
def test_an_index_cannot_name_what_lies_outside_or_is_no_trace(
    tmp_path: Path, trace: str
) -> None:
    (tmp_path / "secret.pyrec").write_text("secret")
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    (one / "link").symlink_to(tmp_path)
    write_index(one, RUN_1, [entry("bad", trace=trace), entry("a")])
    merged = merge([one], tmp_path / "out")
    assert [error.code for error in merged.errors] == [ErrorCode.TRACE_CORRUPT]
    assert [(e.trace, e.status) for e in merged.entries] == [
        (None, "missing"),
        ("a-1/trace.pyrec", "complete"),
    ]
    assert all(b"secret" not in content for content in tree(tmp_path / "out").values())


def test_a_trace_that_is_gone_is_said_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"), entry("b"))
    (one / "a-1/trace.pyrec").unlink()
    merged = merge([one], tmp_path / "out")
    assert [error.code for error in merged.errors] == [ErrorCode.TRACE_NOT_FOUND]
    assert [(e.test, e.status) for e in merged.entries] == [("a", "missing"), ("b", "complete")]


def test_a_place_that_cannot_be_written_is_an_error_of_the_environment(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    (tmp_path / "file").write_text("mine")
    with refusal(ErrorCode.IO):
        merge([one], tmp_path / "file/out")


def test_an_unsafe_name_of_a_folder_becomes_a_safe_one(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a", trace="a:b?/trace.pyrec"))
    (found,) = merge([one], tmp_path / "out").entries
    assert found.trace is not None
    assert set(found.trace) & set('":<>|*?') == set()
    assert (tmp_path / "out" / found.trace).read_text() == "trace a"


def test_the_command_says_what_it_did_and_what_was_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    two = shard(tmp_path / "two", RUN_2, entry("a"), entry("gone", trace="gone/trace.pyrec"))
    (two / "gone/trace.pyrec").unlink()
    out = tmp_path / "out"
    assert main(["merge", str(one), str(two), "-o", str(out)]) == 10
    said = capsys.readouterr()
    assert said.out == f"merged 2 traces of 2 runs into {out}\n"
    assert said.err.startswith("[ERR_TRACE_NOT_FOUND] ")
    page = (out / "index.html").read_text()
    assert RUN_1[:12] in page
    assert RUN_2[:12] in page
    content = json.loads((out / "index.json").read_text())
    assert [test["run_id"] for test in content["tests"]] == [RUN_1, RUN_2, RUN_2]


def test_a_wrong_command_has_the_status_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = shard(tmp_path / "one", RUN_1, entry("a"))
    assert main(["merge", str(one), "-o", str(one)]) == 2
    assert "[ERR_TRACE_DIR_CONFLICT]" in capsys.readouterr().err
    assert main(["merge", str(one)]) == 2
