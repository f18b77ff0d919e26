"""The measured defects of the CodeTracer recorder that can concern us, by their numbers.

Each of B1 to B21 has a test that bears its number; where it has a suite of its own elsewhere, the
test here proves its heart once more. Two hardly can occur here: of B7, patterns are globs and there
are no regexes; of B11, a trace is one file, which is there when it is whole.
"""

import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import pytest_recorder
from pytest_recorder.diagnostics import inject
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.engine.scope import Scope
from pytest_recorder.errors import ErrorCode, ErrorKind, enverr, usage
from pytest_recorder.settings import process_policy
from tests.engines.support import ENGINES, record


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def no_session() -> Any:
    yield
    pytest_recorder.stop()
    process_policy.reset_policy()


def test_b01_a_container_that_holds_itself_ends_nobody(engine: str) -> None:
    def program() -> int:
        items: list[Any] = [1]
        items.append(items)
        table: dict[str, Any] = {"items": items}
        table["table"] = table
        return len(items)

    found = record(program, engine=engine)
    assert (found.result, found.status) == (2, "complete")


class Slow:
    """Lets other threads run wherever a recorder might call it."""

    def __str__(self) -> str:
        raise AssertionError("nobody may call this")

    __repr__ = __str__


def test_b02_two_threads_with_values_of_their_own_end(engine: str) -> None:
    def worker() -> None:
        values = [Slow() for _ in range(20)]
        for value in values:
            last = value
        del last

    def program() -> int:
        threads = [threading.Thread(target=worker) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return sum(thread.is_alive() for thread in threads)

    found = record(program, engine=engine)
    assert (found.result, found.status) == (0, "complete")


def fails_in_the_recorder(path: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> Any:
    monkeypatch.setenv(inject.VARIABLE, "line:2")
    session = pytest_recorder.start(path, policy=fields)

    def program() -> int:
        try:
            total = 1
            total += 1
        except Exception:
            total = -1
        return total

    assert program() == 2
    return session


def test_b03_no_except_of_the_program_swallows_an_error_under_abort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = fails_in_the_recorder(tmp_path / "a.pyrec", monkeypatch)
    with pytest.raises(pytest_recorder.InternalError, match="ERR_TRACE_INCOMPLETE"):
        session.stop()
    with pytest_recorder.open_trace(tmp_path / "a.pyrec") as trace:
        assert trace.status == "partial"


def test_b04_a_required_trace_that_ended_early_is_an_error_under_disable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"on_recorder_error": "disable", "require_trace": True}
    session = fails_in_the_recorder(tmp_path / "a.pyrec", monkeypatch, **fields)
    with (
        pytest.warns(pytest_recorder.RecorderWarning, match="injected"),
        pytest.raises(pytest_recorder.UsageError, match="ERR_TRACE_INCOMPLETE"),
    ):
        session.stop()


def test_b05_rules_of_scope_and_of_the_user_never_end_redaction(engine: str) -> None:
    def program(password: str) -> int:
        return len(password)

    found = record(
        program, "hunter2hunter2", engine=engine, redact=("colour",), include=["*", __file__]
    )
    texts = [repr((event.args, event.changes, event.value)) for event in found.events]
    assert found.result == 14
    assert not [text for text in texts if "hunter2" in text]


@pytest.mark.parametrize("name", ["company", "discard", "author", "passed", "expand"])
def test_b06_a_word_that_holds_the_letters_of_a_secret_is_none(name: str) -> None:
    assert not Redactor().is_secret(name)
    assert Redactor().is_secret("api_key")


def test_b07_a_pattern_of_a_folder_means_no_file_whose_name_begins_like_it(
    tmp_path: Path,
) -> None:
    scope = Scope(tmp_path, (), ("sub/",))
    (tmp_path / "sub").mkdir()
    assert not scope.decide(str(tmp_path / "sub" / "a.py"), "sub.a")
    assert scope.decide(str(tmp_path / "subx.py"), "subx")
    outside = tmp_path.parent / "outside"
    assert Scope(tmp_path, (f"{outside}/",), ()).decide(str(outside / "a.py"), "a")
    assert not Scope(tmp_path, (f"{outside}/",), ()).decide(f"{outside}x/a.py", "a")


@pytest.mark.parametrize("name", ["pytest_foo", "packaging_tools", "coverage_x", "test_it"])
def test_b08_packages_named_like_tools_are_the_project_s(name: str, tmp_path: Path) -> None:
    scope = Scope(tmp_path, (), ())
    (tmp_path / name).mkdir()
    assert scope.decide(str(tmp_path / name / "a.py"), f"{name}.a")


def test_b09_functions_of_one_name_in_two_files_stay_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"same_{name}.py").write_text(f"def f():\n    return {name!r}\n")
    sources: dict[str, Any] = {}
    for name in ("a", "b"):
        path = tmp_path / f"same_{name}.py"
        exec(compile(path.read_text(), str(path), "exec"), sources.setdefault(name, {}))
    found = record(
        lambda: sources["a"]["f"]() + sources["b"]["f"](),
        engine=ENGINES[0],
        include=[f"{tmp_path}/*"],
    )
    files = {Path(str(event.file)).name for event in found.events if event.kind == "call"}
    assert (found.result, files) == ("ab", {"same_a.py", "same_b.py"})


def double(number: int) -> int:
    return 2 * number


def test_b10_a_second_session_sees_what_the_first_saw(tmp_path: Path) -> None:
    calls = []
    for name in ("a", "b"):
        with pytest_recorder.trace(tmp_path / f"{name}.pyrec") as session:
            double(21)
        with pytest_recorder.open_trace(session.path) as trace:
            calls.append([e.function for e in trace.events() if e.kind == "call"])
    assert calls[0] == calls[1] == ["double"]


def command(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest_recorder", "run", "-o", "out/a.pyrec", *args],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environ,
    )


def test_b11_a_required_trace_that_is_missing_leaves_nothing_that_is_no_trace(
    tmp_path: Path,
) -> None:
    (tmp_path / "program.py").write_text("print(1)\n")
    done = command(tmp_path, "--require-trace", "--exclude=*.py", "program.py")
    assert (done.returncode, done.stdout) == (2, "1\n")
    assert "[ERR_TRACE_MISSING]" in done.stderr
    with pytest_recorder.open_trace(tmp_path / "out" / "a.pyrec") as trace:
        assert trace.status == "complete"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".gitignore", "a.pyrec"]


def test_b12_nothing_is_traced_after_a_detach_or_a_stop_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = fails_in_the_recorder(tmp_path / "a.pyrec", monkeypatch)
    with pytest.raises(pytest_recorder.RecorderError, match="injected"):
        session.stop()
    assert not pytest_recorder.is_tracing()
    assert not session.is_recording
    monkeypatch.delenv(inject.VARIABLE)
    with pytest_recorder.trace(tmp_path / "b.pyrec"):
        assert pytest_recorder.is_tracing()
    session.stop()


@pytest.mark.parametrize(
    "argument, status, stderr",
    [("", 0, ""), ("0", 0, ""), ("None", 0, ""), ("4", 4, ""), ("'a text'", 1, "a text\n")],
)
def test_b13_a_program_that_leaves_by_sys_exit_has_not_failed(
    tmp_path: Path, argument: str, status: int, stderr: str
) -> None:
    code = f"import sys\ndef f(): sys.exit({argument})\nf()"
    done = command(tmp_path, "--require-trace", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", stderr)
    with pytest_recorder.open_trace(tmp_path / "out" / "a.pyrec") as trace:
        assert (trace.status, trace.reason) == ("complete", None)


def test_b13_leaving_a_block_by_sys_exit_is_no_failure_of_the_recording(tmp_path: Path) -> None:
    def program() -> None:
        with pytest_recorder.trace(tmp_path / "a.pyrec"):
            double(1)
            sys.exit()

    with pytest.raises(SystemExit, match=r"^$") as left:
        program()
    assert left.value.code is None
    with pytest_recorder.open_trace(tmp_path / "a.pyrec") as trace:
        assert (trace.status, trace.reason) == ("complete", None)


def child(path: str) -> None:
    pytest_recorder.start(path, include=[__file__])
    double(21)
    os._exit(0)


def test_b14_a_process_that_never_stops_its_session_leaves_its_trace(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=child, args=(str(tmp_path),))
    process.start()
    process.join()
    (spool,) = tmp_path.glob("*.pyspool")
    with pytest_recorder.open_trace(spool) as trace:
        assert (trace.status, trace.reason) == ("partial", "ERR_TRACE_INCOMPLETE")
        assert "double" in [e.function for e in trace.events() if e.kind == "call"]


def test_b15_events_name_their_thread_and_calls_their_caller(engine: str) -> None:
    def inner() -> None:
        pass

    def worker() -> None:
        inner()

    def program() -> None:
        thread = threading.Thread(target=worker)
        thread.start()
        thread.join()

    found = record(program, engine=engine)
    calls = {str(e.function).rpartition(".")[2]: e for e in found.events if e.kind == "call"}
    assert calls["worker"].thread == calls["inner"].thread != calls["program"].thread
    assert calls["inner"].parent == calls["worker"].frame


def raises() -> None:
    raise enverr(ErrorCode.IO, "the disk is full", path="/x")


def test_b16_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(usage(ErrorCode.QUERY, "no such event", n=3)))
    assert str(error) == "[ERR_QUERY] no such event (n=3)"
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(raises).exception()
    assert isinstance(found, pytest_recorder.EnvironmentError)
    assert (found.code, found.kind) == (ErrorCode.IO, ErrorKind.ENVIRONMENT)


def test_b17_a_bad_variable_never_breaks_the_import() -> None:
    environ = {
        **os.environ,
        "PYTEST_RECORDER_ON_ERROR": "perhaps",
        "CODETRACER_REQUIRE_TRACE": "perhaps",
        inject.VARIABLE: "boom",
    }
    script = (
        "import pytest_recorder\n"
        "try: pytest_recorder.start('out')\n"
        "except pytest_recorder.UsageError as error: print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environ
    )
    assert done.stdout == "ERR_INVALID_POLICY_VALUE\n"


def test_b18_no_code_of_the_program_s_values_is_run(engine: str) -> None:
    def program() -> int:
        value = Slow()
        other = value
        return int(other is value)

    found = record(program, engine=engine)
    assert (found.result, found.error, found.status) == (1, None, "complete")


def test_b19_globals_are_not_recorded(engine: str) -> None:
    found = record(double, 21, engine=engine)
    names = {name for event in found.events for name in (event.changes or {})}
    assert names <= {"number"}


def test_b20_what_refuses_inspection_is_the_target_s_and_ends_nothing(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inject.VARIABLE, "target-args")
    found = record(double, 21, engine=engine)
    assert (found.result, found.status, found.dropped) == (42, "complete", 1)
    assert inject.fault_of("target-args").kind is ErrorKind.TARGET  # type: ignore[attr-defined]


def test_b21_a_failure_is_told_once_and_names_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(inject.VARIABLE, "rename")
    session = pytest_recorder.start(
        tmp_path / "a.pyrec", policy={"on_recorder_error": "disable"}
    )
    with pytest.warns(pytest_recorder.RecorderWarning, match="ERR_IO") as warned:
        session.stop()
    assert len(warned) == 1
    session = pytest_recorder.start(tmp_path / "b.pyrec")
    with pytest.raises(pytest_recorder.EnvironmentError, match="ERR_IO") as caught:
        session.stop()
    assert isinstance(caught.value.__cause__, PermissionError)


@pytest.mark.parametrize("stage", ["panic", "panic:3"])
def test_b21_a_panic_names_its_cause_too(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setenv(inject.VARIABLE, stage)
    found = record(double, 21, engine=engine, folder=tmp_path)
    assert (found.result, found.status, found.reason) == (42, "partial", "ERR_UNKNOWN")
    with found.trace() as trace:
        assert trace.message == (
            "the recorder failed: caused by RuntimeError: injected failure at stage 'panic'"
        )
