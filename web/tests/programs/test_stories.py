"""The tests whose pages the browser tests open; each of them fails, but for the last."""

import asyncio
import logging
import sys
import threading

import pytest


def test_loop():
    total = 0
    for number in range(5):
        doubled = number * 2
        total += doubled
    print("total", total)
    assert total == 21


def factorial(n):
    if n == 0:
        return 1
    smaller = factorial(n - 1)
    return n * smaller


def test_recursion():
    result = factorial(6)
    assert result == 721


def squares(limit):
    for number in range(limit):
        square = number * number
        yield square


def test_generator():
    seen = []
    for value in squares(4):
        seen.append(value)
    assert seen == [0, 1, 4, 10]


async def fetch(name, delay):
    await asyncio.sleep(delay)
    answer = name.upper()
    return answer


async def gather():
    first, second = await asyncio.gather(fetch("a", 0.001), fetch("b", 0))
    return first + second


def test_asyncio():
    joined = asyncio.run(gather())
    assert joined == "BA"


class Refused(Exception):
    pass


def read(settings):
    try:
        return settings["port"]
    except KeyError as error:
        raise Refused("no port") from error


def start(settings):
    logging.getLogger("shop").warning("starting")
    try:
        return read(settings)
    except Refused:
        print("refused", file=sys.stderr)
        raise


def test_exception_chain():
    password = "hunter2"
    settings = {"host": "localhost", "token": password}
    port = start(settings)
    assert port


class Basket:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)
        return self


def cheapest(prices):
    best = min(prices)
    return best


def test_origin():
    basket = Basket()
    basket.add("tea")
    prices = [3, 2]
    copied = prices
    lowest = cheapest(copied)
    chosen = lowest
    assert chosen == 3


HOSTILE = "</script><!-- \u2028 javascript:alert(1) \x1b[31m<img src=x onerror=alert(1)> \u202e &lt; \ud800"


class Odd:
    pass


def takes(**names):
    return names


@pytest.mark.parametrize("number", [1], ids=["</script><!-- javascript:alert(1) <img src=x onerror=alert(1)>"])
def test_hostile(number):
    thread = threading.Thread(target=takes, name=HOSTILE[:-1])
    thread.start()
    thread.join()
    odd = Odd()
    setattr(odd, "</script><b>" + HOSTILE[-40:-1], HOSTILE)
    Odd.__qualname__ = Odd.__name__ = "</script><i>\u2028Odd"
    got = takes(**{"<b>\x1b[31m</script>": HOSTILE, "__proto__": 1, "constructor": 2})
    space = {}
    exec(compile("def weird(x):\n    return x\n", __file__, "exec"), space)
    renamed = space["weird"].__code__.replace(co_name="<b>\u2028</script>", co_qualname="<b>\u2028</script>")
    space["weird"].__code__ = renamed
    back = space["weird"](HOSTILE)
    print(HOSTILE.encode("utf-8", "backslashreplace").decode())
    logging.getLogger("</script><img src=x onerror=alert(1)>").error(HOSTILE[:-1])
    kind = type("</script><u>Bad", (Exception,), {})
    raise kind(HOSTILE)


def test_long():
    values = []
    for number in range(3000):
        values.append(factorial(number % 3))
        if len(values) > 5:
            values.pop(0)
    assert sum(values) == 0
