"""A value of a fixture that an earlier test has set up is told with fixture, scope and that test."""

import json
import sys

import pytest

from pytest_recorder.tracefile.reader import open_trace
from tests.plugin.support import run, traces

TESTS = """
import pytest

class Connection:
    def __init__(self):
        self.rows = []

    def count(self):
        return len(self.rows)

@pytest.fixture(scope="{scope}")
def conn():
    return Connection()

@pytest.fixture
def client(conn):
    return conn

class TestThings:
    def test_first(self, conn):
        conn.rows.append(1)

    def test_second(self, conn):
        assert conn.count() == 0

    def test_third(self, client):
        assert client.count() == 0

    def test_of_a_mark(self, conn, number=3):
        assert number == 4
"""


def explained(pytester: pytest.Pytester, test: str) -> str:
    (path,) = [path for path in traces(pytester) if test in str(path)]
    return path.with_name("failure.md").read_text()


@pytest.mark.parametrize("scope", ["session", "module", "class"])
def test_the_value_names_fixture_scope_and_test(pytester: pytest.Pytester, scope: str) -> None:
    pytester.makepyfile(test_it=TESTS.format(scope=scope))
    run(pytester, "--record-trace")
    made = f"(of {scope} scope, set up in test_it.py::TestThings::test_first)"
    for test in ("test_second", "test_third"):
        text = explained(pytester, test)
        assert any("fixture: conn" in line and made in line for line in text.splitlines())
        assert "not recorded, such as a mark" not in text


def test_one_that_the_test_has_set_up_itself_is_followed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=TESTS.format(scope="function"))
    run(pytester, "--record-trace", "-k", "third", "--record-keep=all")
    (path,) = traces(pytester)
    with open_trace(path) as trace:
        assert "conn" not in trace.manifest.fixtures


def test_one_that_is_not_of_the_project_is_named_and_a_mark_is_not(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest

        def test_folder(tmp_path):
            assert tmp_path == 1

        @pytest.mark.parametrize("number", [2])
        def test_number(number):
            assert number == 1
        """
    )
    run(pytester, "--record-trace")
    lines = explained(pytester, "test_folder").splitlines()
    made = "(of function scope, set up by code that is not recorded)"
    assert any("fixture: tmp_path" in line and made in line for line in lines)
    text = explained(pytester, "test_number")
    assert "parameter: number" in text
    assert "such as a mark of the test" in text


def test_a_test_that_was_not_recorded_is_named_too(pytester: pytest.Pytester) -> None:
    source = TESTS.format(scope="session").replace(
        "    def test_first", "    @pytest.mark.record(False)\n    def test_first"
    )
    pytester.makepyfile(test_it=source)
    run(pytester, "--record-trace")
    text = explained(pytester, "test_second")
    assert "set up in test_it.py::TestThings::test_first, which was not recorded)" in text


def test_an_earlier_attempt_is_named(pytester: pytest.Pytester) -> None:
    source = TESTS.format(scope="session").replace("rows.append(1)", "missing")
    pytester.makepyfile(test_it=source)
    run(pytester, "--record-trace", "--reruns=1", "-k", "first")
    second = next(path for path in traces(pytester) if path.parent.name.endswith("-2"))
    with open_trace(second) as trace:
        maker = trace.manifest.fixtures["conn"]
    assert (maker.test, maker.attempt, maker.scope) == (
        "test_it.py::TestThings::test_first",
        1,
        "session",
    )


def test_in_the_trace_of_a_whole_run_the_fixture_is_followed(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_it=TESTS.format(scope="session"))
    run(pytester, "--record-trace", "--record-scope=session")
    (path,) = traces(pytester)
    told = pytester.run(
        *(sys.executable, "-m", "pytest_recorder", "explain", "--json", path),
        *("--test", "test_it.py::TestThings::test_second"),
    )
    text = json.dumps(json.loads(told.stdout.str())["origins"])
    assert '"how": "fixture"' in text
    assert "return Connection()" in text


def test_a_fixture_dies_as_without_us(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import gc, weakref
        import pytest

        class Value: pass
        dead = []

        @pytest.fixture(scope="class")
        def value():
            made = Value()
            dead.append(weakref.ref(made))
            return made

        class TestOne:
            def test_uses(self, value): pass

        def test_is_gone():
            gc.collect()
            assert dead[0]() is None
        """
    )
    for args in ((), ("--record-trace",)):
        run(pytester, *args).assert_outcomes(passed=2)
