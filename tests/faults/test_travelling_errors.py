"""An error of the recorder's arrives whole in another process, by whatever way it travels."""

import multiprocessing
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import Any

import pytest

from pytest_recorder import errors
from pytest_recorder.diagnostics.errorjson import ErrorRecord
from pytest_recorder.errors import ErrorCode, ErrorKind, RecorderError
from tests.plugin.support import index, run

HELPERS = {
    ErrorKind.USAGE: errors.usage,
    ErrorKind.ENVIRONMENT: errors.enverr,
    ErrorKind.TARGET: errors.target,
    ErrorKind.INTERNAL: errors.bug,
}
CONTEXT: dict[str, object] = {"path": "/a b/ü", "n": 3, "odd": "\ud800"}
CAUSES = ("none", "ours", "foreign", "unpicklable", "os")
ERRORS = [
    (kind, code, CAUSES[(number + number // len(ErrorCode)) % len(CAUSES)])
    for number, (kind, code) in enumerate(product(ErrorKind, ErrorCode))
]
# Said after the fork, of threads that other tests have left: the child would stay.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

WAYS = ["spawn", "fork"] if sys.platform != "win32" else ["spawn"]


class Unpicklable(Exception):
    """A cause that cannot travel itself."""

    def __reduce__(self) -> Any:
        raise TypeError("this stays where it is")


def make(kind: ErrorKind, code: ErrorCode, cause: str) -> RecorderError:
    """Make an error as the package does: by a helper, with what was the reason."""
    if cause == "os" and kind is ErrorKind.ENVIRONMENT:
        source = FileNotFoundError(2, "no such file", "/x")
        return errors.from_os_error(source, "text of it", code=code, **CONTEXT)
    error: RecorderError = HELPERS[kind](code, "text of it", **CONTEXT)
    error.__cause__ = {
        "none": None,
        "ours": errors.target(ErrorCode.QUERY, "the reason", deep=1),
        "foreign": ValueError("the reason"),
        "unpicklable": Unpicklable("the reason"),
        "os": OSError(5, "the reason"),
    }[cause]
    return error


def fail(asked: tuple[ErrorKind, ErrorCode, str]) -> None:
    raise make(*asked)


def give(asked: tuple[ErrorKind, ErrorCode, str]) -> RecorderError:
    return make(*asked)


def assert_same(found: object, asked: tuple[ErrorKind, ErrorCode, str]) -> None:
    expected = make(*asked)
    assert type(found) is type(expected), asked
    assert isinstance(found, RecorderError)
    assert (found.code, found.kind, found.message) == (
        expected.code,
        expected.kind,
        "text of it",
    )
    assert found.code is expected.code
    assert found.context == expected.context
    assert found.cause_text == expected.cause_text, asked
    assert str(found) == str(expected)
    assert ErrorRecord.from_error(found) == ErrorRecord.from_error(expected)


@pytest.fixture(scope="module", params=WAYS)
def context(request: pytest.FixtureRequest) -> Iterator[Any]:
    return multiprocessing.get_context(request.param)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_each_class_and_code_can_be_pickled_twice(protocol: int) -> None:
    for asked in ERRORS:
        error = make(*asked)
        for _ in range(2):
            error = pickle.loads(pickle.dumps(error, protocol))
            assert_same(error, asked)


def test_a_pool_raises_what_its_worker_raised(context: Any) -> None:
    with context.Pool(1) as pool:
        results = [(asked, pool.apply_async(fail, (asked,))) for asked in ERRORS]
        for asked, result in results:
            with pytest.raises(RecorderError, match="text of it") as caught:
                result.get(60)
            assert_same(caught.value, asked)
            # What came from there goes on whole: to the next process, for example.
            assert_same(pickle.loads(pickle.dumps(caught.value)), asked)


def test_an_executor_raises_what_its_worker_raised(context: Any) -> None:
    with ProcessPoolExecutor(1, context) as pool:
        futures = [(asked, pool.submit(fail, asked)) for asked in ERRORS]
        for asked, future in futures:
            assert_same(future.exception(60), asked)


def test_an_error_travels_as_a_value_too(context: Any) -> None:
    with context.Pool(1) as pool:
        for asked, found in zip(ERRORS, pool.map(give, ERRORS), strict=True):
            assert_same(found, asked)


def test_an_error_raised_again_names_its_new_reason() -> None:
    error = pickle.loads(pickle.dumps(make(ErrorKind.USAGE, ErrorCode.QUERY, "foreign")))
    with pytest.raises(RecorderError, match="caused by KeyError: 'new'"):
        raise error from KeyError("new")


TESTS = """
import pickle, pytest
from pytest_recorder import errors
from pytest_recorder.errors import ErrorCode

def test_first():
    x = 1
    y = 2

def test_raises():
    error = errors.enverr(ErrorCode.METRICS, "an error of the test's own", n=1)
    raise pickle.loads(pickle.dumps(error)) from ValueError("the reason")
"""


@pytest.mark.parametrize("policy", ["abort", "disable"])
def test_an_error_of_a_worker_stands_in_the_report_with_its_code(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("PYTEST_RECORDER_INJECT", "panic:5")
    done = run(pytester, "--record-trace", f"--record-on-error={policy}", "-n", "2", "-rA")
    text = done.stdout.str()
    assert "[ERR_METRICS] an error of the test's own (n=1): caused by ValueError" in text
    assert "INTERNALERROR" not in text
    assert done.stderr.str().count("Traceback") == 0
    failed = {"abort": {"passed": 1, "failed": 1, "errors": 2}}
    done.assert_outcomes(**failed.get(policy, {"passed": 1, "failed": 1}))
    if policy == "abort":
        done.stdout.fnmatch_lines(
            ["*record-trace: [[]ERR_UNKNOWN[]] the recorder failed*: caused by RuntimeError: *"]
        )
    else:
        done.stdout.fnmatch_lines(["RecorderWarning: *::test_first: [[]ERR_UNKNOWN[]] *"])
    assert {entry["reason"] for entry in index(pytester)} == {"ERR_UNKNOWN"}
