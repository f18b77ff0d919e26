"""Files beside a trace that were not finished: nothing is left of them, or the next run removes it."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_recorder import testing
from pytest_recorder.errors import EnvironmentError
from pytest_recorder.render import page as html_page
from pytest_recorder.render.page_data import AttemptLink
from pytest_recorder.system.atomic_write import own_part_path, write_text_whole, writer_of_part
from pytest_recorder.tracefile.index import Entry, clear_earlier_run, write_index

RUN, NEXT_RUN = "1" * 32, "2" * 32

KILLED = """
import os, pathlib, signal, sys
import pytest_recorder.render.page as page
from pytest_recorder.tracefile.reader import open_trace

def dies(data, text, render=page.render_page):
    yield from list(render(data, text))[:3]
    os.kill(os.getpid(), signal.SIGKILL)

page.render_page = dies
path = pathlib.Path(sys.argv[1])
with open_trace(path) as trace:
    page.write_page(trace, path.with_name("trace.html"))
"""


def double(number: int) -> int:
    return number * 2


def folder_with_a_trace(folder: Path) -> Path:
    """Give the trace of a run that an index lists."""
    path = folder / "a-1" / "trace.pyrec"
    path.parent.mkdir()
    testing.record(double, 2, folder=folder).path.rename(path)
    entry = Entry(
        test="a", attempt=1, outcome="failed", trace="a-1/trace.pyrec", status="complete"
    )
    write_index(folder, RUN, [entry])
    return path


def test_what_a_process_left_that_was_killed_goes_with_its_trace(tmp_path: Path) -> None:
    path = folder_with_a_trace(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(path.parent.iterdir())) == 2
    clear_earlier_run(tmp_path, NEXT_RUN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["trace.html.mine.part", "notes.html.12.part", "trace.html.12.part.txt", "part"]
)
def test_a_file_of_somebody_beside_a_trace_stays(tmp_path: Path, name: str) -> None:
    path = folder_with_a_trace(tmp_path)
    path.with_name(name).touch()
    clear_earlier_run(tmp_path, NEXT_RUN)
    assert [each.name for each in path.parent.iterdir()] == [name]


@pytest.mark.parametrize(
    "name", ["trace.html", "trace.html.part", "trace.html..part", "trace.html.1", "a.1.part"]
)
def test_the_name_of_a_part_file_is_known(name: str) -> None:
    assert writer_of_part(own_part_path(Path("trace.html")).name, "trace.html") == os.getpid()
    assert writer_of_part(name, "trace.html") is None


def test_an_index_that_a_dead_process_did_not_finish_goes_and_that_of_a_living_one_stays(
    tmp_path: Path,
) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    living = os.getppid()
    for name in ("index.json", "index.html"):
        for pid in (living, dead.pid, os.getpid()):
            (tmp_path / f"{name}.{pid}.part").touch()
    (tmp_path / f"notes.txt.{dead.pid}.part").touch()
    clear_earlier_run(tmp_path, NEXT_RUN)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"index.html.{living}.part",
        f"index.json.{living}.part",
        f"notes.txt.{dead.pid}.part",
    ]


def test_a_page_that_cannot_be_changed_stays_as_it_was_and_alone(tmp_path: Path) -> None:
    page = tmp_path / "trace.html"
    with testing.record(double, 2).trace() as trace:
        html_page.write_page(trace, page)
    before = page.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(EnvironmentError, match="cannot write the page"):
            html_page.replace_attempts(page, [AttemptLink(1), AttemptLink(2, is_this=True)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert page.read_bytes() == before
    assert list(tmp_path.iterdir()) == [page]


def test_a_text_that_ends_early_leaves_what_was_there(tmp_path: Path) -> None:
    def ends() -> str:
        raise KeyboardInterrupt("now")

    path = tmp_path / "failure.md"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt, match="now"):
        write_text_whole(path, (ends() for _ in range(1)), "explanation")
    assert os.listdir(tmp_path) == ["failure.md"]
    assert path.read_text() == "before"
