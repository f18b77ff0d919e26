"""`pytest-recorder run`: Python itself says what is right."""

import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.tracefile.manifest import Manifest
from tests.cli.programs import PROGRAMS, PURE, Program

CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTEST_", "PYTHON", "COV_", "CODETRACER_"))
} | {"PYTHONDONTWRITEBYTECODE": "1"}
ADDRESS = re.compile("0x[0-9a-f]+")
RUNS = [(program, "") for program in PROGRAMS]
RUNS += [(program, "1") for program in PROGRAMS if program.name in PURE]


def python(
    folder: Path, *args: str, stdin: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=folder,
        env=CLEAN | environ,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        timeout=600,
        check=False,
    )


def record(
    folder: Path, *args: str, stdin: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "pytest_recorder", "run", *args, stdin=stdin, **environ)


@pytest.mark.parametrize(
    "program, pure", RUNS, ids=lambda value: value.name if value and value != "1" else value
)
def test_a_program_does_what_it_does_under_python(
    program: Program, pure: str, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    environ = {**program.environ, "PYTEST_RECORDER_PURE": pure}
    seen = []
    for run, options in ((python, ()), (record, ("-o", str(tmp_path / "out.pyrec")))):
        # In the same place: a path is a part of what a program says. An address is not.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        program.write(folder)
        done = run(folder, *options, *program.args, stdin=program.stdin, **environ)
        seen.append(
            (done.returncode, *(ADDRESS.sub("0x", text) for text in (done.stdout, done.stderr)))
        )
    assert seen[1] == seen[0]


# What is recorded.

SCRIPT = """
import json, sys

def double(x):
    y = 2 * x
    return y

print(double(21))
json.dumps([1])
if len(sys.argv) > 1:
    sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a script in it."""
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def functions(path: Path) -> list[str | None]:
    with pytest_recorder.open_trace(path) as trace:
        assert trace.status == "complete"
        return [event.function for event in trace.events() if event.kind == "call"]


def manifest(path: Path) -> Manifest:
    with pytest_recorder.open_trace(path) as trace:
        return trace.manifest


@pytest.mark.parametrize(
    "given, expected",
    [
        (("-o", "out"), "out/trace.pyrec"),
        (("--output=a/b.pyrec",), "a/b.pyrec"),
        ((), "test-traces/script.pyrec"),
    ],
)
def test_the_trace_is_a_file_or_in_a_folder(
    folder: Path, given: tuple[str, ...], expected: str
) -> None:
    done = record(folder, *given, "script.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
    assert functions(folder / expected) == ["<module>", "double"]
    assert not list(folder.rglob("*.pyspool"))
    # Again: a trace of ours is replaced.
    assert record(folder, *given, "script.py", "3").returncode == 3
    assert functions(folder / expected) == ["<module>", "double"]


@pytest.mark.parametrize(
    "program, name, expected",
    [
        (("-m", "script"), "script", ["<module>", "double"]),
        (("-mpkg.tool",), "pkg.tool", ["<module>", "<module>"]),
        (("-c", "import script"), "command", ["<module>", "<module>", "double"]),
        (("-c", "def f():\n  pass\nf()"), "command", ["<module>", "f"]),
        (("app",), "app", ["<module>"]),
        (("-",), "stdin", ["<module>", "double"]),
    ],
)
def test_each_form_of_a_program_is_recorded(
    folder: Path, program: tuple[str, ...], name: str, expected: list[str]
) -> None:
    for path in ("pkg/__init__.py", "pkg/tool.py", "app/__main__.py"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).touch()
    done = record(folder, *program, stdin="import script")
    assert (done.returncode, done.stderr) == (0, "")
    assert functions(folder / "test-traces" / f"{name}.pyrec") == expected


def test_code_that_is_made_from_text_is_no_part_of_the_text_of_the_program(
    folder: Path,
) -> None:
    text = (
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n  x: int\n"
        "def f(p):\n  return p.x\nf(P(1))"
    )
    record(folder, "-o", "a.pyrec", "-c", text)
    assert functions(folder / "a.pyrec") == ["<module>", "P", "f"]
    with pytest_recorder.open_trace(folder / "a.pyrec") as trace:
        assert trace.source("<string>") == text


def test_a_status_that_is_not_passed_on_is_that_of_a_forked_child(folder: Path) -> None:
    code = (
        "import os, sys\npid = os.fork()\nif not pid:\n  sys.exit(3)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\nsys.exit(4)"
    )
    done = record(folder, "--no-propagate-script-exit", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


def test_a_script_of_another_place_is_recorded(folder: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = record(elsewhere, str(folder / "script.py"))
    assert done.returncode == 0
    assert functions(elsewhere / "test-traces" / "script.pyrec") == ["<module>", "double"]


def test_an_installed_module_is_recorded_when_it_is_the_program(folder: Path) -> None:
    record(folder, "-o", "a.pyrec", "-m", "json.tool", "--help")
    assert functions(folder / "a.pyrec")[:2] == ["<module>", "main"]


def test_options_say_what_is_recorded_and_win_over_variables(folder: Path) -> None:
    environ = {"PYTEST_RECORDER_LEVEL": "lines", "PYTEST_RECORDER_VALUES": "depth=1"}
    record(folder, "-o", "a.pyrec", "script.py", **environ)
    record(
        folder,
        *("-o", "b.pyrec", "--level", "calls", "--values=chars=9", "--max-bytes", "1MiB"),
        *("--exclude=nothing", "--include", "json", "script.py"),
        **environ,
    )
    first, second = manifest(folder / "a.pyrec"), manifest(folder / "b.pyrec")
    assert (first.level, first.values["depth"]) == ("lines", 1)
    assert (second.level, second.values["chars"], second.max_bytes) == ("calls", 9, 1024**2)
    assert "dumps" in functions(folder / "b.pyrec")


def test_the_policy_is_in_the_manifest_with_the_source_of_each_value(folder: Path) -> None:
    record(
        folder,
        *("-o", "a.pyrec", "--on-recorder-error", "disable", "--no-keep-partial", "script.py"),
        PYTEST_RECORDER_ON_ERROR="abort",
        CODETRACER_LOG_LEVEL="debug",
    )
    found = manifest(folder / "a.pyrec")
    assert found.policy["on_recorder_error"] == "disable"
    assert found.policy["keep_partial_trace"] is False
    assert {
        key: source for key, source in found.policy_sources.items() if source != "default"
    } == {
        "on_recorder_error": "--on-recorder-error (command line)",
        "keep_partial_trace": "--no-keep-partial (command line)",
        "log_level": "CODETRACER_LOG_LEVEL (environment)",
    }


def test_the_kill_switch_leaves_the_program_alone(folder: Path) -> None:
    done = record(folder, "script.py", "4", PYTEST_RECORDER="0")
    assert (done.returncode, done.stdout, done.stderr) == (4, "42\n", "")
    assert not (folder / "test-traces").exists()


# When the recorder fails.


@pytest.mark.parametrize(
    "given, environ, text",
    [
        (
            ("--level", "all"),
            {},
            "bad value 'all' for --level (command line), expected calls, lines",
        ),
        (("--max-bytes=1",), {}, "bad value '1' for --max-bytes (command line)"),
        (
            ("--record-errors=a=b",),
            {},
            "[ERR_INVALID_POLICY_VALUE] bad value 'a' for --record-errors",
        ),
        (
            ("--on-recorder-error", "disable", "--log-level=loud"),
            {},
            "bad value 'loud' for --log-level (command line), expected off, error, warning, info or",
        ),
        (
            (),
            {"PYTEST_RECORDER_LEVEL": "x"},
            "bad value 'x' for PYTEST_RECORDER_LEVEL (environment)",
        ),
        (
            (),
            {"CODETRACER_REQUIRE_TRACE": "x"},
            "bad value 'x' for CODETRACER_REQUIRE_TRACE (env",
        ),
        (
            (),
            {"PYTEST_RECORDER": "x"},
            "bad value 'x' for PYTEST_RECORDER (environment), expected 1",
        ),
        (("-o", "script.py"), {}, "[ERR_TRACE_DIR_CONFLICT] "),
        (("-o", "script.py/below"), {}, "[ERR_TRACE_DIR_CONFLICT] "),
        (("--record-errors=usage=ignore", "-o", "script.py"), {}, "[ERR_TRACE_DIR_CONFLICT] "),
    ],
)
def test_a_wrong_command_ends_with_2_before_the_program_runs(
    folder: Path, given: tuple[str, ...], environ: dict[str, str], text: str
) -> None:
    done = record(folder, *given, "script.py", **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert done.stderr.startswith("pytest-recorder: [ERR_")
    assert done.stderr.count("\n") == 1
    assert not list(folder.rglob("*.pyspool"))


@pytest.mark.parametrize(
    "given, text",
    [
        ((), "no program to run, expected script.py, -m module or -c code"),
        (("--level",), "expected one argument"),
        (("--lev=calls", "script.py"), "unrecognized arguments: --lev=calls"),
    ],
)
def test_an_unfinished_command_is_refused(
    folder: Path, given: tuple[str, ...], text: str
) -> None:
    done = record(folder, *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_a_python_that_takes_no_orders_is_refused(folder: Path, option: str) -> None:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; sys.argv[1:] = ['run', 'script.py'];"
        "from pytest_recorder.cli import main; sys.exit(main())"
    )
    done = python(folder, option, "-c", code)
    assert (done.returncode, done.stdout) == (2, "")
    assert "[ERR_NOT_SUPPORTED] cannot record a program under `python -I`" in done.stderr


@pytest.mark.parametrize("options", [("-O",), ("-W", "error"), ("-X", "dev"), ("-Bu",)])
def test_the_options_of_python_hold_for_the_program(
    folder: Path, options: tuple[str, ...]
) -> None:
    code = (
        "import sys; print(sys.flags, sys.warnoptions, sys.stdout.write_through, sys.orig_argv)"
    )
    recorder = ("-m", "pytest_recorder", "run", "-o", "a.pyrec")
    expected = python(folder, *options, "-c", code)
    assert python(folder, *options, *recorder, "-c", code).stdout == expected.stdout
    letters = options[0].startswith("-B")
    if letters:
        done = python(folder, "-Bum", *recorder[1:], "-c", code)
        assert done.stdout == expected.stdout


BREAKS = """
import os, sys
print("runs")
try:
    import pytest_recorder.engine.pure.hot_path as hot
    def line(*_):
        raise OSError(28, "no space left")
    # A fault of ours, not one of the program's: it is raised in a file of ours.
    line.__code__ = line.__code__.replace(co_filename=hot.__file__)
    hot.PureHotPath._write = line
    def f():
        x = 1
        return x
    f()
except Exception as error:
    print("seen", error)
print("goes on")
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def broken(folder: Path) -> Path:
    """A folder with a program in which the recorder fails."""
    (folder / "script.py").write_text(BREAKS)
    return folder


@pytest.mark.parametrize(
    "given, status, start",
    [
        ((), 10, "pytest-recorder: [ERR_IO] "),
        (
            ("--on-recorder-error=abort", "--no-propagate-script-exit"),
            10,
            "pytest-recorder: [ERR_IO] ",
        ),
        (("--on-recorder-error=disable",), 3, "pytest-recorder: RecorderWarning: [ERR_IO] "),
        (
            ("--on-recorder-error=disable", "--no-propagate-script-exit"),
            0,
            "pytest-recorder: Rec",
        ),
        (("--record-errors=environment=ignore",), 3, ""),
        (("--record-errors=environment=stop",), 10, "pytest-recorder: [ERR_IO] "),
        (
            ("--on-recorder-error=disable", "--record-errors=environment=fail"),
            10,
            "pytest-recorder: [",
        ),
    ],
)
def test_an_error_of_the_recorder_is_in_the_status_and_never_in_the_program(
    broken: Path, given: tuple[str, ...], status: int, start: str
) -> None:
    done = record(broken, *given, "-o", "a.pyrec", "script.py", "3", PYTEST_RECORDER_PURE="1")
    assert (done.returncode, done.stdout) == (status, "runs\ngoes on\n")
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == (1 if start else 0)
    with pytest_recorder.open_trace(broken / "a.pyrec") as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_IO")


def test_a_required_trace_that_ended_early_is_an_error_under_disable_too(broken: Path) -> None:
    given = (
        "--on-recorder-error=disable",
        "--require-trace",
        "--no-keep-partial",
        "-o",
        "a.pyrec",
    )
    done = record(broken, *given, "script.py", "0", PYTEST_RECORDER_PURE="1")
    assert (done.returncode, done.stdout) == (2, "runs\ngoes on\n")
    assert "RecorderWarning: [ERR_IO]" in done.stderr
    assert "[ERR_TRACE_INCOMPLETE] a whole trace is required" in done.stderr
    assert not (broken / "a.pyrec").exists()
    assert not list(broken.rglob("*.pyspool"))


def test_a_required_trace_that_holds_nothing_is_an_error(folder: Path) -> None:
    done = record(folder, "--require-trace", "--exclude=*.py", "script.py", "3")
    assert (done.returncode, done.stdout) == (2, "42\n")
    assert done.stderr.startswith("pytest-recorder: [ERR_TRACE_MISSING] ")


@pytest.mark.parametrize(
    "given, status, lines",
    [((), 10, 1), (("--on-recorder-error=disable",), 4, 1)],
)
def test_a_recording_that_cannot_begin_follows_the_policy(
    folder: Path, given: tuple[str, ...], status: int, lines: int
) -> None:
    # A folder that cannot be made, for root too.
    done = record(folder, *given, "-o", "/proc/traces", "script.py", "4")
    assert done.returncode == status
    assert done.stdout == ("42\n" if status == 4 else "")
    assert "[ERR_TRACE_DIR_CREATE_FAILED]" in done.stderr
    assert done.stderr.count("\n") == lines


@pytest.mark.parametrize("script", ["script.py", "/script.py"])
def test_a_folder_that_is_gone_is_an_error_of_the_environment(
    folder: Path, script: str
) -> None:
    gone = folder / "gone"
    gone.mkdir()
    name = f"{folder}{script}" if script.startswith("/") else script
    code = (
        f"import os, sys; os.rmdir({str(gone)!r}); sys.argv[1:] = ['run', {name!r}];"
        "from pytest_recorder.cli import main; sys.exit(main())"
    )
    # Without the folder in `sys.path`, as for the command: 3.13.0 fails to import from one that
    # is gone.
    done = python(gone, "-P", "-c", code)
    assert (done.returncode, done.stdout) == (10, "")
    assert "[ERR_IO] cannot tell the current folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_recording_that_could_not_begin_is_missing_where_one_is_required(
    folder: Path,
) -> None:
    given = ("--on-recorder-error=disable", "--require-trace", "-o", "/proc/traces")
    done = record(folder, *given, "script.py")
    assert (done.returncode, done.stdout) == (2, "42\n")
    assert "[ERR_TRACE_MISSING]" in done.stderr


def test_a_status_that_is_not_passed_on_is_0(folder: Path) -> None:
    assert record(folder, "--no-propagate-script-exit", "script.py", "3").returncode == 0
    done = record(folder, "--no-propagate-script-exit", "-c", "print(1); 1/0")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert "ZeroDivisionError" in done.stderr


def test_what_cannot_be_written_stays_and_can_be_recovered(folder: Path) -> None:
    # The program puts a folder where the trace is to be.
    code = "import os, script\nos.mkdir('out/trace.pyrec')"
    done = record(folder, "-o", "out", "-c", code)
    assert (done.returncode, done.stdout) == (10, "42\n")
    assert "[ERR_IO]" in done.stderr
    assert main(["recover", str(folder / "out")]) == 0
    (found,) = folder.glob("out/program-*/trace.pyrec")
    with pytest_recorder.open_trace(found) as trace:
        assert "double" in {event.function for event in trace.events()}


@pytest.mark.parametrize("death", ["os._exit(5)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_the_trace_of_a_program_that_died_is_recovered(folder: Path, death: str) -> None:
    done = record(folder, "-o", "out", "-c", f"import os, script\n{death}")
    assert done.returncode == python(folder, "-c", f"import os\n{death}").returncode
    assert main(["recover", str(folder / "out")]) == 0
    (found,) = folder.glob("out/program-*/trace.pyrec")
    with pytest_recorder.open_trace(found) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
        assert [event.kind for event in trace.events() if event.function == "double"][
            -1
        ] == "return"


def test_the_end_of_a_program_is_recorded_too(folder: Path) -> None:
    code = (
        "import atexit, threading\n"
        "def late():\n  threading.main_thread().join()\n  last()\n"
        "def last():\n  print('last')\n"
        "atexit.register(last)\n"
        "threading.Thread(target=late).start()\n1/0"
    )
    done = record(folder, "-o", "a.pyrec", "-c", code)
    assert (done.returncode, done.stdout) == (1, "last\nlast\n")
    assert sorted(functions(folder / "a.pyrec"), key=str) == [
        "<module>",
        "last",
        "last",
        "late",
    ]
    with pytest_recorder.open_trace(folder / "a.pyrec") as trace:
        texts = [event.text for event in trace.events() if event.kind == "output"]
    printed = "".join(str(text["value"]) for text in texts if text is not None)
    assert "ZeroDivisionError: division by zero" in printed


def test_a_forked_child_leaves_the_trace_to_its_parent(folder: Path) -> None:
    code = (
        "import os, sys\n"
        "def child():\n  return 1\n"
        "def parent():\n  return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "pid = os.fork()\n"
        "sys.exit(child() if not pid else parent() + 1)"
    )
    done = record(folder, "-o", "a.pyrec", "-c", code)
    assert (done.returncode, done.stderr) == (2, "")
    assert functions(folder / "a.pyrec") == ["<module>", "parent"]
    assert not list(folder.rglob("*.pyspool"))


def test_zip_files_and_compiled_files_are_programs(folder: Path) -> None:
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.write(folder / "script.py", "__main__.py")
        archive.writestr("near.py", "")
    py_compile.compile(str(folder / "script.py"), cfile=str(folder / "script.pyc"))
    for program in ("app.zip", "script.pyc"):
        expected = python(folder, program, "3")
        done = record(folder, "-o", "a.pyrec", program, "3")
        assert (done.returncode, done.stdout, done.stderr) == (3, "42\n", "")
        assert (expected.returncode, expected.stdout, expected.stderr) == (3, "42\n", "")
        assert functions(folder / "a.pyrec") == ["<module>", "double"]


def test_a_program_that_becomes_another_one_leaves_its_trace(folder: Path) -> None:
    code = "import os, script, sys\nos.execv(sys.executable, ['python', '-c', 'print(1)'])"
    done = record(folder, "-o", "out", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert main(["recover", str(folder / "out")]) == 0
    assert len(list(folder.glob("out/program-*/trace.pyrec"))) == 1


def test_a_checkout_that_is_not_installed_can_record(folder: Path, tmp_path: Path) -> None:
    # An environment that has what the package needs, and not the package: a folder in a `.pth`
    # file is no site folder, so that what makes an editable install importable is not read.
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "needs.pth").write_text(sysconfig.get_path("purelib"))
    done = subprocess.run(
        [
            *(home / "bin" / "python", "-m", "pytest_recorder"),
            *("run", "-o", folder / "a.pyrec", folder / "script.py"),
        ],
        cwd=Path(pytest_recorder.__file__).parent.parent,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
    assert functions(folder / "a.pyrec") == ["<module>", "double"]
