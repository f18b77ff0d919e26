"""What is run to try a pytest plugin: a small project that uses it, for each of them.

A probe's own files stand beside `PROJECT`, a suite that has something of everything: tests that
pass, fail, are skipped, come from parameters, from `unittest`, and fail in a fixture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

PROJECT: Mapping[str, str] = {
    "shop.py": """\
def total(prices, discount=0):
    result = 0
    for price in prices:
        result += price
    return result - discount


async def total_later(prices):
    return total(prices)


def unused():
    return 1
""",
    "test_shop.py": """\
import unittest

import pytest

from shop import total


@pytest.fixture
def basket():
    prices = [1, 2]
    prices.append(3)
    yield prices
    prices.clear()


def test_total(basket):
    print(f"of {basket}\\n", end="")  # one write: threads may run this
    assert total(basket) == 6


def test_wrong_total(basket):
    assert total(basket, discount=1) == 6


@pytest.mark.parametrize("price", [1, 2])
def test_one(price):
    assert total([price]) == price


@pytest.fixture
def broken():
    raise LookupError(str(total([4])))


def test_broken(broken):
    pass


@pytest.mark.skip(reason="not today")
def test_skipped():
    pass


@pytest.mark.xfail
def test_expected():
    assert total([1]) == 2


class TestUnit(unittest.TestCase):
    def setUp(self):
        self.prices = [5]

    def test_unit(self):
        self.assertEqual(total(self.prices), 5)

    def test_wrong_unit(self):
        self.assertEqual(total(self.prices), 6)
""",
}


@dataclass(frozen=True)
class Probe:
    """How a plugin is tried."""

    name: str  # on PyPI
    test: str = ""  # test_plugin.py of the project
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()  # files that the plugin leaves
    ordered: bool = True  # False: lines of the output come in any order
    git: bool = False  # the project is a git repository
    measures: bool = False  # what it prints are times or memory, which recording changes


_ASYNC = """\
import pytest
from shop import total_later

{mark}
async def test_later({fixture}):
    assert await total_later([1, 2]) == 3

{mark}
async def test_wrong_later({fixture}):
    assert await total_later([1, 2]) == 4
"""

_FROZEN = """\
import datetime
import time

{mark}
def test_frozen({fixture}):
    {first}
    assert datetime.datetime.now().year == 2001
    assert time.time() < 1_000_000_000

{mark}
def test_wrong_frozen({fixture}):
    {first}
    assert datetime.datetime.now().year == 2002
"""


def _frozen(mark: str, fixture: str, first: str) -> str:
    return f"import pytest\n{_FROZEN.format(mark=mark, fixture=fixture, first=first)}"


_DJANGO = {
    "settings.py": """\
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "urls"
USE_TZ = True
""",
    "urls.py": """\
from django.http import JsonResponse
from django.urls import path

from shop import total

urlpatterns = [path("total/", lambda request: JsonResponse({"total": total([1, 2])}))]
""",
    "pytest.ini": """\
[pytest]
DJANGO_SETTINGS_MODULE = settings
""",
}
_DJANGO_TEST = """\
import pytest
from django.contrib.auth.models import User


@pytest.mark.django_db
def test_user():
    User.objects.create(username="ada")
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_wrong_user():
    User.objects.create(username="ada")
    assert User.objects.get().username == "bob"


def test_view(client):
    assert client.get("/total/").json() == {"total": 3}


def test_wrong_view(client):
    assert client.get("/total/").json() == {"total": 4}


def test_no_database():
    User.objects.count()
"""

_FLAKY = """\
import pytest
from shop import total

ROUNDS = []

{mark}
def test_flaky():
    ROUNDS.append(1)
    assert total(ROUNDS) == 2
"""


def _probe(name: str, test: str = "", *arguments: str, **more: object) -> Probe:
    return Probe(name, test, arguments, **more)  # type: ignore[arg-type]


_ALL = (
    # How tests are run
    _probe("pytest-xdist", "", "-n", "2", ordered=False),
    _probe("pytest-forked", "", "--forked"),
    _probe("pytest-parallel", "", "--workers", "1", "--tests-per-worker", "2", ordered=False),
    _probe("pytest-run-parallel", "", "--parallel-threads", "2", ordered=False),
    _probe("pytest-rerunfailures", _FLAKY.format(mark=""), "--reruns", "1"),
    _probe("pytest-retry", _FLAKY.format(mark=""), "--retries", "1"),
    _probe(
        "flaky",
        _FLAKY.format(mark="@pytest.mark.flaky(max_runs=3)"),
    ),
    _probe("pytest-flakefinder", "", "--flake-finder", "--flake-runs=2"),
    _probe(
        "pytest-repeat",
        """\
import pytest
from shop import total

@pytest.mark.repeat(3)
def test_repeated():
    assert total([1]) == 1
""",
    ),
    _probe(
        "pytest-randomly", "", "-p", "randomly", "-p", "no:cacheprovider", "--randomly-seed=3"
    ),
    _probe("pytest-random-order", "", "--random-order", "--random-order-seed=3"),
    _probe("pytest-reverse", "", "--reverse"),
    _probe(
        "pytest-order",
        """\
import pytest
from shop import total

@pytest.mark.order(2)
def test_second():
    assert total([2]) == 1

@pytest.mark.order(1)
def test_first():
    assert total([1]) == 1
""",
    ),
    _probe(
        "pytest-dependency",
        """\
import pytest
from shop import total

@pytest.mark.dependency()
def test_first():
    assert total([1]) == 2

@pytest.mark.dependency(depends=["test_first"])
def test_second():
    assert total([2]) == 2
""",
    ),
    _probe("pytest-split", "", "--splits", "2", "--group", "1"),
    _probe("pytest-shard", "", "--num-shards=2", "--shard-id=0"),
    _probe("pytest-picked", "", "--picked", git=True),
    _probe("pytest-testmon", "", "--testmon", writes=(".testmondata",)),
    _probe(
        "pytest-timeout",
        """\
import time
import pytest
from shop import total

@pytest.mark.timeout(1)
def test_slow():
    for _ in range(100):
        total([1])
        time.sleep(0.05)
""",
        "--timeout=60",
    ),
    _probe(
        "pytest-reraise",
        """\
import threading
from shop import total

def test_thread(reraise):
    def run():
        with reraise:
            assert total([1]) == 2
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
""",
    ),
    # Event loops
    _probe("pytest-asyncio", _ASYNC.format(mark="@pytest.mark.asyncio", fixture="")),
    _probe(
        "anyio",
        _ASYNC.format(mark="@pytest.mark.anyio", fixture="anyio_backend"),
        needs=("trio",),
    ),
    _probe("pytest-trio", _ASYNC.format(mark="@pytest.mark.trio", fixture="")),
    _probe(
        "pytest-aiohttp",
        """\
from aiohttp import web
from shop import total

async def answer(request):
    return web.json_response(total([1, 2]))

async def ask(aiohttp_client):
    app = web.Application()
    app.router.add_get("/", answer)
    client = await aiohttp_client(app)
    return await (await client.get("/")).json()

async def test_answer(aiohttp_client):
    assert await ask(aiohttp_client) == 3

async def test_wrong_answer(aiohttp_client):
    assert await ask(aiohttp_client) == 4
""",
        "--asyncio-mode=auto",
    ),
    _probe(
        "pytest-tornasync",
        """\
from shop import total_later

async def test_later():
    assert await total_later([1]) == 1

async def test_wrong_later():
    assert await total_later([1]) == 2
""",
        needs=("tornado",),
    ),
    _probe(
        "pytest-tornado",
        """\
import pytest
from shop import total
from tornado import gen, web

class Main(web.RequestHandler):
    def get(self):
        self.write(str(total([1])))

@pytest.fixture
def app():
    return web.Application([("/", Main)])

@pytest.mark.gen_test
def test_answer(http_client, base_url):
    response = yield http_client.fetch(base_url)
    assert response.body == b'2'
""",
        needs=("setuptools<81", "tornado"),
    ),
    _probe(
        "pytest-twisted",
        """\
import pytest_twisted
from twisted.internet import defer
from shop import total

@pytest_twisted.inlineCallbacks
def test_later():
    got = yield defer.succeed(total([1]))
    assert got == 1

@pytest_twisted.inlineCallbacks
def test_wrong_later():
    got = yield defer.succeed(total([1]))
    assert got == 2
""",
        needs=("twisted",),
    ),
    # Reports
    _probe("pytest-html", "", "--html=report.html", writes=("report.html",)),
    _probe("pytest-json-report", "", "--json-report", writes=(".report.json",)),
    _probe("pytest-reportlog", "", "--report-log=log.jsonl", writes=("log.jsonl",)),
    _probe("allure-pytest", "", "--alluredir=allure", writes=("allure",)),
    _probe("pytest-tap", "", "--tap"),
    _probe("pytest-md", "", "--md=report.md", writes=("report.md",)),
    _probe("pytest-metadata", "", "--metadata", "shop", "open"),
    _probe("pytest-sugar", "", "--force-sugar"),
    _probe("pytest-pretty"),
    _probe("pytest-rich", "", "--rich"),
    _probe("pytest-spec", "", "--spec"),
    _probe("pytest-instafail", "", "--instafail"),
    _probe(
        "pytest-clarity",
        """\
def test_texts():
    assert "one two" == "one three"
""",
        "-vv",
    ),
    _probe(
        "pytest-icdiff",
        """\
def test_lists():
    assert [1, 2, 3] == [1, 3]
""",
        "-vv",
    ),
    _probe("pytest-durations"),
    _probe(
        "pytest-print",
        """\
def test_said(printer):
    printer('working')
""",
        "-v",
    ),
    _probe(
        "pytest-github-actions-annotate-failures", files={".env-of-run": "GITHUB_ACTIONS=true"}
    ),
    _probe(
        "pytest-harvest",
        """\
def test_session(session_results_dct):
    assert session_results_dct
""",
    ),
    # Measuring
    _probe("pytest-cov", "", "--cov=shop", "--cov-branch", "--cov-report=term-missing"),
    _probe(
        "pytest-benchmark",
        """\
from shop import total

def test_speed(benchmark):
    assert benchmark.pedantic(total, ([1, 2],), rounds=3) == 3

def test_wrong_speed(benchmark):
    assert benchmark.pedantic(total, ([1, 2],), rounds=3) == 4
""",
        measures=True,
    ),
    _probe(
        "pytest-codspeed",
        """\
from shop import total

def test_speed(benchmark):
    assert benchmark(total, [1]) == 2
""",
    ),
    _probe("pytest-memray", "", "--memray", measures=True),
    _probe("pytest-monitor", writes=(".pymon",)),
    _probe("pytest-profiling", "", "--profile", needs=("setuptools<81",), measures=True),
    _probe(
        "pyinstrument",
        """\
from pyinstrument import Profiler
from shop import total

def test_profiled():
    with Profiler():
        assert total([1]) == 2
""",
    ),
    # Fixtures
    _probe(
        "pytest-mock",
        """\
import shop

def test_patched(mocker):
    mocker.patch("builtins.open", mocker.mock_open(read_data="3"))
    with open("prices") as prices:
        assert shop.total([int(prices.read())]) == 3
    open.assert_called_once_with("prices")

def test_wrong_patched(mocker):
    spy = mocker.spy(shop, "total")
    shop.total([1])
    spy.assert_called_once_with([2])
""",
    ),
    _probe(
        "pytest-subtests",
        """\
from shop import total

def test_all(subtests):
    for price in range(3):
        with subtests.test(price=price):
            assert total([price]) == 1
""",
    ),
    _probe(
        "pytest-check",
        """\
from pytest_check import check
from shop import total

def test_checks():
    check.equal(total([1]), 2)
    check.equal(total([2]), 3)
""",
    ),
    _probe(
        "pytest-assume",
        """\
import pytest
from shop import total

def test_assumed():
    pytest.assume(total([1]) == 2)
    pytest.assume(total([2]) == 3)
""",
    ),
    _probe(
        "pytest-cases",
        """\
from pytest_cases import parametrize_with_cases
from shop import total

def case_one():
    return [1], 1

def case_two():
    return [2], 1

@parametrize_with_cases("prices, wanted", cases=".")
def test_case(prices, wanted):
    assert total(prices) == wanted
""",
    ),
    _probe(
        "pytest-lazy-fixtures",
        """\
import pytest
from pytest_lazy_fixtures import lf
from shop import total

@pytest.fixture
def one():
    return [1]

@pytest.fixture
def two():
    return [2]

@pytest.mark.parametrize("prices", [lf("one"), lf("two")])
def test_lazy(prices):
    assert total(prices) == 1
""",
    ),
    _probe(
        "pytest-factoryboy",
        """\
import factory
from pytest_factoryboy import register
from shop import total

class Basket:
    def __init__(self, price):
        self.price = price

@register
class BasketFactory(factory.Factory):
    class Meta:
        model = Basket

    price = 3

def test_made(basket):
    assert total([basket.price]) == 3

def test_wrong_made(basket):
    assert total([basket.price]) == 4
""",
    ),
    _probe(
        "Faker",
        """\
from shop import total

def test_fake(faker):
    assert total([faker.random_int(1, 9)]) == 10
""",
    ),
    _probe(
        "pytest-datadir",
        """\
from shop import total

def test_file(shared_datadir):
    assert total([int((shared_datadir / "price").read_text())]) == 4
""",
        files={"data/price": "3"},
    ),
    _probe(
        "pytest-regressions",
        """\
from shop import total

def test_kept(data_regression):
    data_regression.check({"total": total([1])})

def test_changed(data_regression):
    data_regression.check({"total": total([2])})
""",
        files={
            "test_plugin/test_kept.yml": "total: 1\n",
            "test_plugin/test_changed.yml": "total: 1\n",
        },
    ),
    _probe(
        "syrupy",
        """\
from shop import total

def test_kept(snapshot):
    assert total([1]) == snapshot

def test_changed(snapshot):
    assert total([2]) == snapshot
""",
        files={
            "__snapshots__/test_plugin.ambr": """\
# serializer version: 1
# name: test_changed
  1
# ---
# name: test_kept
  1
# ---
"""
        },
    ),
    _probe(
        "pytest-snapshot",
        """\
from shop import total

def test_changed(snapshot):
    snapshot.assert_match(str(total([1])), "total.txt")
""",
        files={"snapshots/test_plugin/test_changed/total.txt": "2"},
    ),
    _probe(
        "inline-snapshot",
        """\
from inline_snapshot import snapshot
from shop import total

def test_kept():
    assert total([1]) == snapshot(1)

def test_changed():
    assert total([1]) == snapshot(2)
""",
    ),
    _probe(
        "pytest-unordered",
        """\
from pytest_unordered import unordered

def test_any_order():
    assert [1, 2] == unordered([2, 1])
    assert [1] == unordered([2])
""",
    ),
    _probe(
        "pytest-bdd",
        """\
from pytest_bdd import given, scenarios, then
from shop import total

scenarios("shop.feature")

@given("a basket", target_fixture="prices")
def _basket():
    return [1, 2]

@then("it costs three")
def _three(prices):
    assert total(prices) == 3

@then("it costs four")
def _four(prices):
    assert total(prices) == 4
""",
        files={
            "shop.feature": """\
Feature: shop
  Scenario: right
    Given a basket
    Then it costs three

  Scenario: wrong
    Given a basket
    Then it costs four
"""
        },
    ),
    _probe(
        "hypothesis",
        """\
from hypothesis import given, strategies as st
from shop import total

@given(st.lists(st.integers()))
def test_sum(prices):
    assert total(prices) == sum(prices)

@given(st.lists(st.integers()))
def test_wrong_sum(prices):
    assert total(prices) < 100
""",
        "--hypothesis-seed=1",
        "-p",
        "no:cacheprovider",
    ),
    _probe(
        "typeguard",
        """\
from priced import price

def test_typed():
    assert price(1) == 1

def test_wrong_typed():
    price('one')
""",
        "--typeguard-packages=priced",
        files={
            "priced.py": """\
def price(of: int) -> int:
    return of
"""
        },
    ),
    # Time, files, environment, network
    _probe("pytest-freezer", _frozen('@pytest.mark.freeze_time("2001-02-03")', "", "pass")),
    _probe(
        "pytest-freezegun",
        _frozen('@pytest.mark.freeze_time("2001-02-03")', "", "pass"),
        needs=("setuptools<81",),
    ),
    _probe("time-machine", _frozen("", "time_machine", 'time_machine.move_to("2001-02-03")')),
    _probe(
        "pyfakefs",
        """\
import os
from shop import total

def test_file(fs):
    fs.create_file("/shop/price", contents="3")
    assert os.listdir("/shop") == ["price"]
    with open("/shop/price") as file:
        assert total([int(file.read())]) == 3

def test_wrong_file(fs):
    fs.create_file("/shop/price")
    assert os.path.isfile("/shop/prices")
""",
    ),
    _probe(
        "pytest-env",
        """\
import os

def test_set():
    assert os.environ["SHOP"] == "shut"
""",
        files={
            "pytest.ini": """\
[pytest]
env =
    SHOP=open
"""
        },
    ),
    _probe(
        "pytest-dotenv",
        """\
import os

def test_set():
    assert os.environ["SHOP"] == "shut"
""",
        files={".env": "SHOP=open\n"},
    ),
    _probe(
        "pytest-socket",
        """\
import socket
from shop import total

def test_no_network():
    total([1])
    socket.socket()
""",
        "--disable-socket",
    ),
    _probe(
        "pytest-httpserver",
        """\
import urllib.request

def ask(server):
    server.expect_request("/").respond_with_data("3")
    with urllib.request.urlopen(server.url_for("/")) as answer:
        return answer.read()

def test_asked(httpserver):
    assert ask(httpserver) == b'3'

def test_wrong_asked(httpserver):
    assert ask(httpserver) == b'4'
""",
    ),
    _probe(
        "pytest-localserver",
        """\
import urllib.request

def ask(server):
    server.serve_content('3')
    with urllib.request.urlopen(server.url) as answer:
        return answer.read()

def test_asked(httpserver):
    assert ask(httpserver) == b'3'

def test_wrong_asked(httpserver):
    assert ask(httpserver) == b'4'
""",
    ),
    _probe(
        "pytest-httpx",
        """\
import httpx

def test_asked(httpx_mock):
    httpx_mock.add_response(json=3)
    assert httpx.get("https://shop.invalid").json() == 3

def test_wrong_asked(httpx_mock):
    httpx_mock.add_response(json=3)
    assert httpx.get("https://shop.invalid").json() == 4
""",
    ),
    _probe(
        "requests-mock",
        """\
import requests

def test_asked(requests_mock):
    requests_mock.get("https://shop.invalid", json=3)
    assert requests.get("https://shop.invalid").json() == 4
""",
    ),
    _probe(
        "pytest-recording",
        """\
import pytest
from shop import total

@pytest.mark.vcr
def test_cassette():
    assert total([1]) == 2
""",
        "--block-network",
    ),
    _probe(
        "pytest-flask",
        """\
import pytest
from flask import Flask
from shop import total

@pytest.fixture
def app():
    made = Flask(__name__)
    made.add_url_rule("/", view_func=lambda: {"total": total([1, 2])})
    return made

def test_asked(client):
    assert client.get("/").json == {"total": 3}

def test_wrong_asked(client):
    assert client.get("/").json == {"total": 4}
""",
        needs=("setuptools<81",),
    ),
    _probe("pytest-django", _DJANGO_TEST, files=_DJANGO, needs=("django",)),
    _probe(
        "pytest-structlog",
        """\
import structlog
from shop import total

def test_logged(log):
    structlog.get_logger().info("sold", total=total([1]))
    assert log.has("sold", total=1)
    assert log.has("sold", total=2)
""",
        needs=("structlog",),
    ),
    # Other items than functions
    _probe(
        "pytest-doctestplus",
        "",
        "--doctest-plus",
        "--doctest-modules",
        files={
            "priced.py": "def price(of):\n"
            '    """\n    >>> price(1)\n    2\n    """\n'
            "    return of\n"
        },
    ),
    _probe("pytest-ruff", "", "--ruff", needs=("ruff",)),
    _probe("pytest-mypy", "", "--mypy"),
    _probe(
        "pytest-xprocess",
        """\
from shop import total

def test_process(xprocess):
    assert total([1]) == 2
""",
    ),
)
PROBES: Mapping[str, Probe] = {probe.name: probe for probe in _ALL}

TOGETHER = (
    "pytest-asyncio",
    "pytest-benchmark",
    "pytest-cov",
    "pytest-datadir",
    "pytest-django",
    "pytest-env",
    "pytest-freezer",
    "pytest-html",
    "pytest-httpx",
    "pytest-instafail",
    "pytest-json-report",
    "pytest-metadata",
    "pytest-mock",
    "pytest-order",
    "pytest-repeat",
    "pytest-reportlog",
    "pytest-rerunfailures",
    "pytest-socket",
    "pytest-sugar",
    "pytest-timeout",
    "pytest-xdist",
    "anyio",
    "hypothesis",
    "syrupy",
)
"""The plugins of one run with all of them: those that many projects have.

Not pytest-dotenv: it and pytest-env both want the option `--envfile`.
"""
