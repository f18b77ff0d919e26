"""A kept trace holds the text of what ran, and every reader says where it holds no more."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_recorder
from pytest_recorder.cli import main
from pytest_recorder.tracefile.block_reader import BlockReader
from tests.plugin.support import run, traces

SHOP = '''\
"""Sells."""
import os
from rates import RATE, rate

UNUSED_WORD = "never-read"
LIMIT = 3


class Order:
    currency = "EUR"
    colour = "never-red"

    def __init__(self, count):
        self.count = count

    def never_called(self):
        return "never-called"

    def total(self):
        if self.count > LIMIT:
            return "too many"

        return f"{self.count * RATE * rate()} {self.currency}"


if os.sep == "\\\\":
    def place():
        return "never-windows"
else:
    def place():
        return "here"
'''
TEST = """\
import pytest
from shop import Order, place


def test_never_run():
    assert "never-this-one"


@pytest.mark.parametrize(
    "count",
    [2],
)
def test_total(count):
    order = Order(count)
    place()
    assert order.total() == "6 USD"
"""


def make(pytester: pytest.Pytester, test: str = TEST) -> None:
    pytester.makepyfile(
        shop=SHOP, rates="RATE = 3\n\ndef rate():\n    return 1\n", test_it=test
    )


def payloads(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        reader = BlockReader(file)
        for place in reader.walk():
            yield reader.read(place)


@pytest.fixture
def failed(pytester: pytest.Pytester) -> Path:
    make(pytester)
    run(pytester, "--record-trace", "-k", "total").assert_outcomes(failed=1)
    (path,) = traces(pytester)
    return path


def test_a_trace_holds_the_functions_that_ran_and_nothing_of_the_others(
    pytester: pytest.Pytester, failed: Path
) -> None:
    assert not [data for data in payloads(failed) if b"never" in data]
    shop = str(pytester.path / "shop.py")
    with pytest_recorder.open_trace(failed) as trace:
        text, gaps = trace.source(shop), trace.left_out(shop)
        lines = (text or "").split("\n")
        # The numbers of lines are true: each event stands at one that is there.
        for event in trace.events():
            if event.file == shop and event.line is not None:
                assert lines[event.line - 1] == SHOP.split("\n")[event.line - 1] != ""
    shown = [line for n, line in enumerate(lines, 1) if not any(n in gap for gap in gaps)]
    assert shown[:4] == [
        "from rates import RATE, rate",
        "LIMIT = 3",
        "class Order:",
        '    currency = "EUR"',
    ]
    assert shown.count("") == 1  # that of `total`
    assert "else:" in shown
    assert "    def __init__(self, count):" in shown


def test_the_explanation_has_what_it_needs(
    failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(failed)]) == 0
    text = capsys.readouterr().out
    assert '  class: Order.currency  [shop.py:10]  | currency = "EUR"' in text
    assert "module: RATE" in text
    assert "never" not in text
    assert text == failed.with_name("failure.md").read_text(encoding="utf-8")


def test_the_explanation_says_where_lines_are_not_there(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    make(pytester, TEST + "\n\ndef test_short():\n    assert place() == 'there'\n")
    run(pytester, "--record-trace", "-k", "short").assert_outcomes(failed=1)
    assert main(["explain", str(*traces(pytester))]) == 0
    assert (
        "     ...\n    19  def test_short():\n>   20      assert place() == 'there'\n```\n"
    ) in capsys.readouterr().out


def test_info_counts_the_lines_that_are_not_there(
    pytester: pytest.Pytester, failed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--json", str(failed)]) == 0
    counts = json.loads(capsys.readouterr().out)["lines_left_out"]
    with pytest_recorder.open_trace(failed) as trace:
        assert counts == {file: sum(map(len, trace.left_out(file))) for file in trace.files()}
    assert counts[str(pytester.path / "shop.py")] == 16
    assert main(["info", str(failed)]) == 0
    assert "shop.py=16" in capsys.readouterr().out


def test_a_page_holds_no_more_than_the_trace(failed: Path) -> None:
    page = failed.with_name("trace.html")
    assert main(["html", str(failed), "-o", str(page)]) == 0
    assert "never" not in page.read_text(encoding="ascii")


def test_the_trace_of_a_process_that_died_holds_no_more(pytester: pytest.Pytester) -> None:
    make(
        pytester,
        TEST.replace(
            "    assert order.total", "    import os; os._exit(3)\n    assert order.total"
        ),
    )
    run(pytester, "--record-trace", "-k", "total")
    assert main(["recover", str(pytester.path / "test-traces")]) == 0
    (path,) = traces(pytester)
    assert not [data for data in payloads(path) if b"never" in data]
    with pytest_recorder.open_trace(path) as trace:
        assert "def test_total" in (trace.source(str(pytester.path / "test_it.py")) or "")


def test_a_secret_over_several_lines_is_masked_in_what_is_kept(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_it='''
        PASSWORD = """
        kx81-line
        zz92-other
        """


        def other():
            pass


        def test_a():
            password = """qq73-first
            ww64-second"""
            assert password in PASSWORD
        '''
    )
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    (path,) = traces(pytester)
    for data in payloads(path):
        for part in (b"kx81-line", b"zz92-other", b"qq73-first", b"ww64-second"):
            assert part not in data
    with pytest_recorder.open_trace(path) as trace:
        text = trace.source(str(pytester.path / "test_it.py")) or ""
    assert "*\n" in text


def test_a_template_that_is_no_python_is_whole(pytester: pytest.Pytester) -> None:
    page = "<p>never parsed (\n{{ name }}\n</p>\n"
    pytester.path.joinpath("page.html").write_text(page)
    pytester.makepyfile(
        test_it="""
        from pathlib import Path

        def test_a():
            space = {}
            file = str(Path(__file__).with_name("page.html"))
            exec(compile("def root(name):\\n    return name", file, "exec"), space)
            assert space["root"]("x") == "y"
        """
    )
    run(pytester, "--record-trace").assert_outcomes(failed=1)
    (path,) = traces(pytester)
    with pytest_recorder.open_trace(path) as trace:
        file = str(pytester.path / "page.html")
        if file in trace.files():
            assert (trace.source(file), trace.left_out(file)) == (page, [])


def test_the_example_of_a_doctest_that_failed_is_there(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    pytester.makepyfile(
        shop='''
        """Sells.

        >>> total(2)
        5
        """

        UNUSED = "never-used"


        def total(count):
            return count * 3
        '''
    )
    run(pytester, "--record-trace", "--doctest-modules", "shop.py").assert_outcomes(failed=1)
    (path,) = traces(pytester)
    assert main(["explain", str(path)]) == 0
    text = capsys.readouterr().out
    assert ">    3  >>> total(2)" in text
    assert not [data for data in payloads(path) if b"never-used" in data]
