import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.diagnostics import guard
from pytest_recorder.errors import ErrorCode, enverr

PACKAGE = Path(guard.__file__).parent.parent


@pytest.fixture(autouse=True)
def contained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(guard.STRICT_VARIABLE, raising=False)


@pytest.fixture
def strict(contained: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(guard.STRICT_VARIABLE, "1")


def ours(source: str, **names: Any) -> Callable[..., Any]:
    """The function `f` of `source`, as if it stood in a file of the package."""
    exec(compile(source, str(PACKAGE / "engine" / "made_up.py"), "exec"), names)
    function: Callable[..., Any] = names["f"]
    return function


def failing(exc: BaseException) -> Callable[..., Any]:
    return ours("def f(*args): raise exc", exc=exc)


def ignore(exc: BaseException, **_: Any) -> None:
    """A report that succeeds."""


@pytest.fixture
def on_alarm() -> Iterator[Callable[[Callable[[int, Any], None]], None]]:
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler) and None
    signal.signal(signal.SIGALRM, before)


def test_without_a_fault_the_result_of_the_method_comes_back() -> None:
    faults: list[BaseException] = []
    assert guard.shield2(lambda a, b: (a, b), faults.append)(1, 2) == (1, 2)
    assert guard.shield3(lambda a, b, c: (a, b, c), faults.append)(1, 2, 3) == (1, 2, 3)
    assert faults == []


@pytest.mark.parametrize(
    "exc", [ValueError("x"), MemoryError(), RecursionError(), OSError(5, "x"), StopIteration()]
)
def test_a_fault_of_ours_is_reported_and_its_answer_returned(exc: Exception) -> None:
    seen: list[BaseException] = []

    def report(fault: BaseException) -> str:
        seen.append(fault)
        return "answer"

    assert guard.shield2(failing(exc), report)(1, 2) == "answer"
    assert guard.shield3(failing(exc), report)(1, 2, 3) == "answer"
    assert seen == [exc, exc]


def test_a_fault_inside_the_standard_library_is_ours() -> None:
    method = ours("import json\ndef f(a, b): return json.loads(a)")
    seen: list[str] = []
    guard.shield2(method, lambda exc: seen.append(type(exc).__name__))("{", 2)
    assert seen == ["JSONDecodeError"]


@pytest.mark.parametrize(
    "exc", [KeyboardInterrupt("now"), SystemExit("now"), GeneratorExit("now")]
)
def test_what_is_no_exception_passes_untouched(exc: BaseException) -> None:
    reports: list[BaseException] = []
    with pytest.raises(type(exc), match="now") as caught:
        guard.shield2(failing(exc), reports.append)(1, 2)
    with pytest.raises(type(exc), match="now"):
        guard.shield3(failing(exc), reports.append)(1, 2, 3)
    assert caught.value is exc
    assert caught.value.__context__ is None
    assert reports == []


def test_the_exception_of_a_signal_handler_passes_untouched(on_alarm: Any) -> None:
    def handler(signum: int, frame: Any) -> None:
        raise TimeoutError("too slow")

    on_alarm(handler)
    method = ours("import signal\ndef f(a, b): signal.raise_signal(signal.SIGALRM); return 1")
    reports: list[BaseException] = []
    with pytest.raises(TimeoutError, match="too slow"):
        guard.shield2(method, reports.append)(1, 2)
    assert reports == []


def test_the_exception_of_a_handler_that_fails_in_the_standard_library_passes(
    on_alarm: Any,
) -> None:
    import json

    on_alarm(lambda signum, frame: json.loads("{"))
    method = ours("import signal\ndef f(a, b): signal.raise_signal(signal.SIGALRM); return 1")
    with pytest.raises(json.JSONDecodeError, match="Expecting"):
        guard.shield2(method, ignore)(1, 2)


@pytest.mark.parametrize("folder", ["site-packages", "elsewhere"])
def test_what_code_of_the_program_raises_that_should_not_have_run_is_contained(
    folder: str,
) -> None:
    """Such as an audit hook that forbids us to open a file, or a method that we called by mistake."""
    import os

    file = Path(os.__file__).parent / folder / "other.py"
    names: dict[str, Any] = {}
    exec(compile("def f(a, b): raise ValueError('theirs')", f"/x/{file}", "exec"), names)
    assert guard.shield2(names["f"], lambda _: "contained")(1, 2) == "contained"


class Handlers:
    def method(self, signum: int, frame: Any) -> None:
        raise TimeoutError("too slow")

    def __call__(self, *arguments: Any) -> None:
        raise TimeoutError("too slow")


def forgets(signum: Any, frame: Any) -> None:
    del signum, frame
    raise TimeoutError("too slow")


def puts_the_old_one_back(*_: Any) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    raise TimeoutError("too slow")


@pytest.mark.parametrize(
    "handler",
    [
        Handlers().method,
        Handlers(),
        forgets,
        functools.partial(forgets),
        puts_the_old_one_back,
        lambda *_: forgets(*_),
    ],
    ids=["method", "object", "forgets", "partial", "put back", "by another"],
)
def test_the_exception_of_any_kind_of_signal_handler_passes(
    handler: Any, on_alarm: Any
) -> None:
    on_alarm(handler)
    method = ours("import signal\ndef f(a, b): signal.raise_signal(signal.SIGALRM); return 1")
    with pytest.raises(TimeoutError, match="too slow"):
        guard.shield2(method, ignore)(1, 2)
    on_alarm(handler)
    reports: list[str] = []
    handle = guard.failure_handler(lambda exc, **_: reports.append(str(exc)))
    with pytest.raises(TimeoutError, match="too slow"):
        guard.marked(handle, lambda _: method(1, 2), "helper", lambda _: "mark")(1)
    assert reports == []


class FromAnotherThread(Exception):
    """What one thread raises in another has no frame of its own."""


def test_an_exception_of_the_program_without_a_frame_of_its_own_passes() -> None:
    with pytest.raises(FromAnotherThread, match="now"):
        guard.shield2(failing(FromAnotherThread("now")), ignore)(1, 2)


def test_no_exception_is_asked_for_its_class() -> None:
    class Shy(KeyboardInterrupt):
        @property
        def __class__(self) -> Any:
            raise AssertionError("code of the program")

    assert guard.is_foreign(Shy())


@pytest.mark.parametrize(
    "exc", [ValueError("x"), OSError(5, "x"), MemoryError(), BytesWarning()]
)
def test_a_mark_stands_for_the_answer_of_a_helper_that_failed(exc: Exception) -> None:
    seen: list[tuple[str, str, bool]] = []

    def report(found: Any, *, callback: str, is_marked: bool) -> None:
        seen.append((found.code.value, callback, is_marked))

    helper = guard.marked(guard.failure_handler(report), failing(exc), "wording", lambda s: -s)
    assert helper(7) == -7
    assert seen == [("ERR_FRAME_INTROSPECTION_FAILED", "wording", True)]


@pytest.mark.parametrize(
    "exc", [RecursionError(), enverr(ErrorCode.IO, "full"), KeyboardInterrupt("now")]
)
def test_no_mark_stands_for_what_nothing_can_go_on_after(exc: BaseException) -> None:
    helper = guard.marked(guard.failure_handler(ignore), failing(exc), "wording", lambda s: s)
    with pytest.raises(type(exc)):
        helper(7)


def test_a_report_of_a_marked_failure_that_fails_is_contained() -> None:
    handle = guard.failure_handler(failing(ValueError("in the report")))
    assert guard.marked(handle, failing(KeyError("x")), "wording", lambda s: s)(7) == 7


def test_strict_raises_the_bug_of_a_helper(strict: None) -> None:
    handle = guard.failure_handler(ignore)
    with pytest.raises(ValueError, match="bug"):
        guard.marked(handle, failing(ValueError("bug")), "wording", lambda s: s)(7)
    assert guard.marked(handle, failing(OSError(5, "x")), "wording", lambda s: s)(7) == 7


def test_a_report_that_fails_gives_none() -> None:
    report = failing(ValueError("in the report"))
    assert guard.shield2(failing(KeyError("first")), report)(1, 2) is None
    assert guard.shield3(failing(KeyError("first")), report)(1, 2, 3) is None


def test_ctrl_c_during_a_report_passes() -> None:
    shielded = guard.shield2(failing(KeyError("first")), failing(KeyboardInterrupt("now")))
    with pytest.raises(KeyboardInterrupt, match="now"):
        shielded(1, 2)


def test_strict_raises_a_bug_and_a_failing_report(strict: None) -> None:
    with pytest.raises(ValueError, match="bug"):
        guard.shield2(failing(ValueError("bug")), ignore)(1, 2)
    with pytest.raises(ValueError, match="bug"):
        guard.shield3(failing(ValueError("bug")), ignore)(1, 2, 3)
    with pytest.raises(ValueError, match="report"):
        guard.shield2(failing(OSError("first")), failing(ValueError("report")))(1, 2)


@pytest.mark.parametrize(
    "exc", [RecursionError(), OSError(28, "full"), MemoryError(), enverr(ErrorCode.IO, "full")]
)
def test_strict_contains_what_is_no_bug(exc: Exception, strict: None) -> None:
    assert guard.shield2(failing(exc), lambda fault: "answer")(1, 2) == "answer"


def test_no_fault_escapes_at_the_recursion_limit_and_each_is_counted() -> None:
    unreported = guard.Unreported()
    entered = [0]
    reported = [0]

    def report(exc: BaseException) -> None:
        reported[0] += 1

    # The method needs one call more than the callback, so that it fails first.
    method = ours(
        "def g(): pass\ndef f(a, b):\n entered[0] += 1\n g()\n g2()\n",
        entered=entered,
        g2=ours("def f(): pass"),
    )
    shielded = guard.shield2(method, report, unreported)
    escaped: list[str] = []
    calls = [0]

    def dive() -> None:
        calls[0] += 1
        try:
            shielded(1, 2)
        except RecursionError as exc:
            step = exc.__traceback__
            while step is not None and step.tb_next is not None:
                step = step.tb_next
            # At the limit the interpreter cannot enter the callback at all: not ours to catch.
            if step is not None and step.tb_frame.f_code is not dive.__code__:
                escaped.append(step.tb_frame.f_code.co_name)
            raise
        dive()

    outcome: list[str] = []

    def run() -> None:
        try:
            dive()
        except RecursionError:
            outcome.append("limit")

    before = sys.getrecursionlimit()
    thread = threading.Thread(target=run)
    try:
        sys.setrecursionlimit(300)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(before)
    assert outcome == ["limit"]
    assert escaped == []
    assert unreported.count + reported[0] >= 1
    assert entered[0] > 100


def test_a_guarded_hook_gives_its_result() -> None:
    assert guard.run_guarded("hook", lambda: 5, lambda label, exc: None) == 5


def test_a_fault_in_a_hook_is_reported_with_its_label() -> None:
    seen: list[tuple[str, str]] = []
    done = guard.run_guarded(
        "makereport",
        failing(ValueError("x")),
        lambda label, exc: seen.append((label, str(exc))),
    )
    assert done is None
    assert seen == [("makereport", "x")]


def test_named_exceptions_and_ctrl_c_pass_a_hook() -> None:
    with pytest.raises(KeyError, match="mine"):
        guard.run_guarded(
            "h", failing(KeyError("mine")), lambda label, exc: None, passing=(KeyError,)
        )
    with pytest.raises(KeyError, match="mine"):
        guard.run_guarded(
            "h", failing(ValueError()), failing(KeyError("mine")), passing=(KeyError,)
        )
    with pytest.raises(KeyboardInterrupt, match="now"):
        guard.run_guarded("h", failing(KeyboardInterrupt("now")), lambda label, exc: None)


def test_a_hook_report_that_fails_is_silent_unless_strict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault, report = failing(OSError("first")), failing(ValueError("report"))
    assert guard.run_guarded("h", fault, report) is None
    monkeypatch.setenv(guard.STRICT_VARIABLE, "1")
    with pytest.raises(ValueError, match="report"):
        guard.run_guarded("h", fault, report)


def test_strict_raises_a_bug_in_a_hook(strict: None) -> None:
    with pytest.raises(ValueError, match="bug"):
        guard.run_guarded("h", failing(ValueError("bug")), lambda label, exc: None)
