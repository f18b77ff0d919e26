"""Auto-start: a process records itself because a variable says so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.tracefile.index import Entry, read_index

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTEST_", "PYTHON", "COV_", "CODETRACER_"))
} | {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_RECORDER_AUTOSTART": "traces"}

SCRIPT = """
import sys
import pytest_recorder

def double(x):
    y = 2 * x
    return y

print(double(21), pytest_recorder.is_tracing())
sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def run(folder: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(args or ("script.py",))],
        cwd=folder,
        env=CLEAN | environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def entries(folder: Path) -> tuple[Entry, ...]:
    return read_index(folder / "traces").tests


def functions(folder: Path, entry: Entry) -> list[str | None]:
    with pytest_recorder.open_trace(folder / "traces" / str(entry.trace)) as trace:
        assert trace.status == "complete"
        return [event.function for event in trace.events() if event.kind == "call"]


def test_a_process_records_itself_from_the_import_to_its_end(folder: Path) -> None:
    done = run(folder)
    assert (done.returncode, done.stdout, done.stderr) == (3, "42 True\n", "")
    (entry,) = entries(folder)
    assert entry.test == "script.py"
    assert entry.status == "complete"
    assert functions(folder, entry) == ["double"]
    assert not list(folder.rglob("*.pyspool"))


@pytest.mark.slow
def test_each_process_has_a_trace_of_its_own(folder: Path) -> None:
    (folder / "many.py").write_text(
        "import pytest_recorder, subprocess, sys\n"
        "def start():\n  return subprocess.Popen([sys.executable, 'script.py'])\n"
        "first, second = start(), start()\nprint([first.wait(), second.wait()])\n"
    )
    done = run(folder, "many.py")
    assert done.stdout.endswith("[3, 3]\n")
    assert done.stderr == ""
    found = sorted((entry.test, *functions(folder, entry)) for entry in entries(folder))
    assert found == [
        ("many.py", "start", "start"),
        ("script.py", "double"),
        ("script.py", "double"),
    ]
    assert main(["ls", str(folder / "traces")]) == 0


def test_variables_say_what_is_recorded(folder: Path) -> None:
    run(
        folder,
        PYTEST_RECORDER_LEVEL="calls",
        PYTEST_RECORDER_EXCLUDE="nothing, other",
        PYTEST_RECORDER_REQUIRE_TRACE="1",
    )
    (entry,) = entries(folder)
    with pytest_recorder.open_trace(folder / "traces" / str(entry.trace)) as trace:
        assert trace.manifest.level == "calls"
        assert trace.manifest.policy["require_trace"] is True
        source = trace.manifest.policy_sources["require_trace"]
        assert source == "PYTEST_RECORDER_REQUIRE_TRACE (environment)"


@pytest.mark.parametrize("death", ["os._exit(5)", "os.kill(os.getpid(), 9)"])
def test_the_trace_of_a_process_that_died_is_recovered(folder: Path, death: str) -> None:
    run(folder, "-c", f"import os\ntry: import script\nexcept SystemExit: {death}")
    assert main(["recover", str(folder / "traces")]) == 0
    (entry,) = entries(folder)
    with pytest_recorder.open_trace(folder / "traces" / str(entry.trace)) as trace:
        assert trace.status == "partial"
        assert "double" in {event.function for event in trace.events()}


def test_a_forked_child_has_no_part_in_it(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import os, sys, pytest_recorder\n"
        "pid = os.fork()\n"
        "if not pid:\n  print(pytest_recorder.is_tracing(), flush=True)\n  sys.exit(4)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    done = run(folder)
    assert (done.returncode, done.stdout, done.stderr) == (4, "False\n", "")
    (entry,) = entries(folder)
    assert entry.status == "complete"


def test_the_program_may_stop_the_recording_itself(folder: Path) -> None:
    (folder / "script.py").write_text(
        "import pytest_recorder\ndef f(): pass\nf()\npytest_recorder.stop()\n"
        "print(pytest_recorder.is_tracing())\nwith pytest_recorder.trace('mine'): f()\n"
    )
    done = run(folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
    assert len(list(folder.glob("traces/script.py-*.pyrec"))) == 1
    assert (folder / "mine" / "trace.pyrec").is_file()
    (entry,) = entries(folder)
    assert functions(folder, entry) == ["f"]


@pytest.mark.parametrize(
    "environ, status, text",
    [
        (
            {"PYTEST_RECORDER_REQUIRE_TRACE": "perhaps"},
            2,
            "bad value 'perhaps' for PYTEST_RECORDER_R",
        ),
        (
            {"PYTEST_RECORDER_LEVEL": "all"},
            2,
            "bad value 'all' for PYTEST_RECORDER_LEVEL (environ",
        ),
        ({"PYTEST_RECORDER_AUTOSTART": "script.py"}, 2, "[ERR_TRACE_DIR_CONFLICT]"),
        ({"PYTEST_RECORDER_AUTOSTART": "/proc/x"}, 10, "[ERR_TRACE_DIR_CREATE_FAILED]"),
        (
            {"PYTEST_RECORDER_AUTOSTART": "/proc/x", "PYTEST_RECORDER_ON_ERROR": "disable"},
            3,
            "RecorderWarning: [ERR_TRACE_DIR_CREATE_FAILED]",
        ),
        (
            {"PYTEST_RECORDER": "maybe"},
            2,
            "bad value 'maybe' for PYTEST_RECORDER (environment)",
        ),
        (
            {"PYTEST_RECORDER_EXCLUDE": "*.py", "PYTEST_RECORDER_REQUIRE_TRACE": "1"},
            2,
            "[ERR_TRACE_MISSING]",
        ),
    ],
)
def test_an_error_is_no_import_error_and_stands_in_the_status_where_the_policy_wants_it(
    folder: Path, environ: dict[str, str], status: int, text: str
) -> None:
    done = run(folder, **environ)
    assert done.returncode == status
    assert done.stdout.startswith("42 ")
    assert text in done.stderr
    assert done.stderr.startswith("pytest-recorder: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_is_no_variable(folder: Path, value: str) -> None:
    done = run(folder, PYTEST_RECORDER_AUTOSTART=value)
    assert (done.returncode, done.stdout, done.stderr) == (3, "42 False\n", "")


def test_the_kill_switch_wins(folder: Path) -> None:
    done = run(folder, PYTEST_RECORDER="off")
    assert (done.returncode, done.stdout, done.stderr) == (3, "42 False\n", "")
    assert not (folder / "traces").exists()


@pytest.mark.slow
def test_a_pytest_run_is_the_plugins_to_record(folder: Path) -> None:
    (folder / "test_it.py").write_text(
        "import pytest_recorder\ndef test_it():\n    assert not pytest_recorder.is_tracing()\n"
    )
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (folder / "traces").exists()
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n1", "test_it.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (folder / "traces").exists()


@pytest.mark.slow
def test_a_program_that_a_test_starts_records_itself(folder: Path) -> None:
    (folder / "test_it.py").write_text(
        "import subprocess, sys\ndef test_it():\n"
        "    assert subprocess.run([sys.executable, 'script.py']).returncode == 3\n"
    )
    done = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [entry.test for entry in entries(folder)] == ["script.py"]


@pytest.mark.slow
def test_the_command_is_no_program(folder: Path) -> None:
    done = run(folder, "-m", "pytest_recorder", "info", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["engine"]
    done = run(folder, "-m", "pytest_recorder", "info", "--policy", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (folder / "traces").exists()


@pytest.mark.slow
def test_run_records_the_program_and_its_children_record_themselves(folder: Path) -> None:
    code = "import subprocess, sys, script_of\n"
    (folder / "script_of.py").write_text(
        "import subprocess, sys, pytest_recorder\nprint(pytest_recorder.is_tracing(), flush=True)\n"
        "subprocess.run([sys.executable, 'script.py'])\n"
    )
    done = run(folder, "-m", "pytest_recorder", "run", "-o", "a.pyrec", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n42 True\n", "")
    assert (folder / "a.pyrec").is_file()
    assert [entry.test for entry in entries(folder)] == ["script.py"]


def test_nothing_is_installed_that_python_starts_by_itself() -> None:
    from importlib import metadata

    files = metadata.distribution("pytest-record-trace").files or []
    # An editable install has one that only names the folder of the sources.
    ours = [
        file
        for file in files
        if file.suffix == ".pth" and not file.name.startswith("__editable__")
    ]
    assert ours == []
