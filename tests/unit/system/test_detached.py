"""A process of ours that the program does not meet."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.system import detached

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is none on Windows")

PROBE = """
import json, os, signal, sys, threading, time

def exactly(number, size):
    data = b""
    while len(data) < size:
        part = os.read(number, size - len(data))
        if not part:
            os._exit(0)
        data += part
    return data

def serve(requests, answers, parent):
    while True:
        asked = exactly(requests, int.from_bytes(exactly(requests, 8), "little"))
        if asked == b"die":
            os._exit(3)
        if asked == b"sleep":
            time.sleep(60)
        if asked == b"about":
            found = {
                "pid": os.getpid(),
                "parent": parent,
                "real parent": os.getppid(),
                "session": os.getsid(0),
                "folder": os.getcwd(),
                "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1],
                "environ": dict(os.environ),
                "modules": sorted(sys.modules),
                "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            }
            asked = json.dumps(found).encode()
        os.write(answers, len(asked).to_bytes(8, "little"))
        for at in range(0, len(asked), 1000):
            os.write(answers, asked[at : at + 1000])
"""


WAYS = [pytest.param(name, id=name) for name in ("in C", "by posix_spawn")]


@pytest.fixture(params=WAYS, autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "in C":
        if detached._START.spawn is None:
            pytest.skip("only where the part in C is there, on Linux")
    else:
        monkeypatch.setattr(detached._START, "spawn", None)
    found: str = request.param
    return found


@pytest.fixture
def process(tmp_path: Path) -> Iterator[detached.Detached]:
    (tmp_path / "probe_of_ours.py").write_text(PROBE)
    started = detached.start("probe_of_ours", [str(tmp_path)])
    yield started
    started.close()


def about(process: detached.Detached) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.exchange(b"about", within_s=30))
    return found


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_end(pid: int) -> None:
    until = time.monotonic() + 30
    while is_there(pid):
        assert time.monotonic() < until, "the process goes on"
        time.sleep(0.01)


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
def test_what_is_asked_is_answered(process: detached.Detached, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    assert process.exchange(data[:size], within_s=30) == data[:size]
    assert process.exchange(b"again", within_s=30) == b"again"


def test_it_is_no_child_and_has_nothing_of_the_program(process: detached.Detached) -> None:
    found = about(process)
    with pytest.raises(ChildProcessError, match="No child"):
        os.waitpid(found["pid"], os.WNOHANG)
    assert found["pid"] != os.getpid() == found["parent"]
    assert found["real parent"] != os.getpid()
    assert found["session"] != os.getsid(0)
    assert found["folder"] == "/"
    assert found["descriptors"] == [0, 1, 2, 3, 4]
    assert found["blocked"] == 0
    assert not [name for name in found["environ"] if name.startswith(("PYTEST", "PYTHON"))]
    assert not {"sitecustomize", "site", "_pytest", "pytest_recorder"} & {*found["modules"]}


def test_a_descriptor_that_the_program_lets_others_inherit_does_not_leak(
    tmp_path: Path,
) -> None:
    (tmp_path / "probe_of_ours.py").write_text(PROBE)
    number = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(number, True)
    os.dup2(number, 200, inheritable=True)
    try:
        process = detached.start("probe_of_ours", [str(tmp_path)])
        assert about(process)["descriptors"] == [0, 1, 2, 3, 4]
        process.close()
    finally:
        os.close(number)
        os.close(200)


def test_a_program_that_opens_a_file_gets_the_number_that_it_would_get(tmp_path: Path) -> None:
    (tmp_path / "probe_of_ours.py").write_text(PROBE)

    def next_number() -> int:
        number = os.open(tmp_path, os.O_RDONLY)
        os.close(number)
        return number

    before = next_number()
    process = detached.start("probe_of_ours", [str(tmp_path)])
    during = next_number()
    process.close()
    assert during == before == next_number()


HANDLES = """
import json, os, signal, subprocess, sys, threading
sys.path[:0] = json.loads(sys.argv[1])
from pytest_recorder.system import detached

way, what = sys.argv[3:]
if way == "by posix_spawn":
    detached._START.spawn = None
else:
    # A thread that does not block the signal. For the other way it is a known limit.
    threading.Thread(target=threading.Event().wait, daemon=True).start()
calls = []
signal.signal(signal.SIGCHLD, lambda *_: calls.append(1))
real_launch = detached._launch

def launch(*args):
    # A child of the program's ends at the same time.
    child.append(subprocess.Popen([sys.executable, "-c", ""]))
    os.waitid(os.P_PID, child[0].pid, os.WEXITED | os.WNOWAIT)
    real_launch(*args)

child = []
if what == "beside a child":
    detached._launch = launch
process = detached.start("probe_of_ours", [sys.argv[2]])
assert process.exchange(b"x", within_s=30) == b"x"
# By posix_spawn, an end that the program has not waited for yet is told once more.
most = len(child) * (1 if way == "in C" else 2)
assert len(child) <= len(calls) <= most, calls
assert signal.SIGCHLD not in signal.sigpending()
assert signal.SIGCHLD not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
if child:
    assert os.waitpid(-1, 0) == (child[0].pid, 0)
try:
    os.wait()
except ChildProcessError:
    print("no other child")
"""


@pytest.mark.parametrize("what", ["alone", "beside a child"])
def test_handlers_and_waits_of_the_program_do_not_meet_it(
    tmp_path: Path, way: str, what: str
) -> None:
    (tmp_path / "probe_of_ours.py").write_text(PROBE)
    args = [json.dumps(sys.path), str(tmp_path), way, what]
    done = subprocess.run(
        [sys.executable, "-c", HANDLES, *args], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("no other child\n", "")


def test_where_the_program_ignores_its_children_it_starts_too(tmp_path: Path) -> None:
    (tmp_path / "probe_of_ours.py").write_text(PROBE)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        process = detached.start("probe_of_ours", [str(tmp_path)])
        assert process.exchange(b"x", within_s=30) == b"x"
        process.close()
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_it_ends_when_it_is_closed(process: detached.Detached) -> None:
    pid = about(process)["pid"]
    process.close()
    process.close()
    assert not process.is_open
    wait_for_end(pid)


def test_one_that_died_is_unavailable(process: detached.Detached) -> None:
    with pytest.raises(detached.Unavailable, match="died"):
        process.exchange(b"die", within_s=30)
    assert not process.is_open


def test_nobody_waits_longer_than_allowed(process: detached.Detached) -> None:
    with pytest.raises(detached.TooLate, match="in time"):
        process.exchange(b"sleep", within_s=0.2)
    assert not process.is_open


def test_what_a_handler_of_the_program_raises_meanwhile_is_raised(
    process: detached.Detached,
) -> None:
    class Alarm(Exception):
        pass

    def alarm(*_: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Alarm, match=r"^$"):
            process.exchange(b"sleep", within_s=30)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not process.is_open


@pytest.mark.parametrize("what", ["closed", "another file"])
def test_a_pipe_that_the_program_has_closed_is_not_written_to(
    process: detached.Detached, tmp_path: Path, what: str
) -> None:
    number = process._requests.get()
    assert number is not None
    os.close(number)
    with open(tmp_path / "theirs", "w+b", buffering=0) as file:
        if what == "another file":
            os.dup2(file.fileno(), number)
        with pytest.raises(detached.Unavailable, match="closed by the program"):
            process.exchange(b"x", within_s=30)
        assert file.seek(0, os.SEEK_END) == 0
    if what == "another file":
        os.close(number)


def test_a_child_that_was_forked_does_not_speak_with_it(process: detached.Detached) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(process.is_open)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert process.exchange(b"x", within_s=30) == b"x"


def test_an_interpreter_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached._START, "executable", "/nowhere/python")
    opened = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(detached.Unavailable, match=r"FileNotFoundError|BrokenPipe|died"):
        detached.start("probe_of_ours").exchange(b"x", within_s=30)
    assert sorted(os.listdir("/proc/self/fd")) == opened


PARENT = """
import json, os, signal, sys
sys.path[:0] = json.loads(sys.argv[1])
from pytest_recorder.render import messages
from pytest_recorder.system import detached

process = detached.start("probe_of_ours", [sys.argv[2]])
print(json.loads(process.exchange(b"about", within_s=30))["pid"], flush=True)
if sys.argv[3] == "forks" and os.fork() == 0:
    signal.pause()
if sys.argv[3] == "works":
    process.exchange(b"sleep", within_s=60)
signal.pause()
"""


def test_the_service_ends_with_the_process_that_asks_in_the_middle_of_work(
    tmp_path: Path,
) -> None:
    """Killed, so that it can close nothing: the end of the pipe is the only word."""
    probe = """
        import os
        import time
        from pytest_recorder.render import service

        class Slow:
            def do(self, job, about, blobs):
                if job == "sleep":
                    time.sleep(60)
                return os.getpid()

        service.Jobs = Slow
        serve = service.serve
    """
    (tmp_path / "probe_of_ours.py").write_text(textwrap.dedent(probe))
    script = PARENT.replace(
        'json.loads(process.exchange(b"about", within_s=30))["pid"]',
        'messages.read_answer(process.exchange(messages.pack("pid", {}, ()), within_s=30))'
        '["found"]',
    ).replace('b"sleep"', 'messages.pack("sleep", {}, ())')
    args = [json.dumps(sys.path), str(tmp_path), "works"]
    with subprocess.Popen([sys.executable, "-c", script, *args], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert is_there(pid)
        run.kill()
    wait_for_end(pid)


def test_ctrl_c_of_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    (tmp_path / "probe_of_ours.py").write_text(PROBE)
    args = [json.dumps(sys.path), str(tmp_path), "waits"]
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, *args], stdout=subprocess.PIPE, start_new_session=True
    ) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert os.getpgid(pid) != os.getpgid(run.pid)
        os.killpg(run.pid, signal.SIGKILL)
    wait_for_end(pid)
