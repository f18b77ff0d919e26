"""Greenlets switch in the middle of frames: the call tree stays right on every engine.

The oracle is a profile function, which sees the same interpreter and knows nothing of ours.
"""

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
import gevent.pool
import gevent.queue
import pytest
from greenlet import GreenletExit, getcurrent, greenlet

from pytest_recorder.format.vocabulary import LEVELS
from pytest_recorder.testing import Recorded
from tests.engines.support import capabilities, record

_SUSPENDABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
# Edge, number of the frame by first appearance in its thread, that of its parent, and its function.
Step = tuple[str, int, int | None, str]


# Programs.


def depth(levels: int, switch: Callable[[int], Any]) -> int:
    if levels == 0:
        return 0
    below = depth(levels - 1, switch)
    switch(levels)
    return below + 1


def ping_pong() -> list[Any]:
    log: list[Any] = []

    def ping() -> str:
        number = 0
        while number < 5:
            log.append(("ping", second.switch(number)))
            number += 1
        return "ping ends"

    def pong(number: int) -> str:
        while number < 4:
            log.append(("pong", number))
            number = first.switch(number * 10)
        return "pong ends"

    first, second = greenlet(ping), greenlet(pong)
    log.append(first.switch())
    return log


def in_the_middle_of_deep_frames() -> list[int]:
    main = getcurrent()
    log: list[int] = []

    def runs(number: int) -> int:
        return depth(20 + number, lambda level: main.switch(level))

    running = [greenlet(runs) for _ in range(4)]
    for number, each in enumerate(running):
        each.switch(number)
    while running:
        each = running.pop(0)
        log.append(each.switch())
        if not each.dead:
            running.append(each)
    return log


def nested() -> list[str]:
    log: list[str] = []

    def inner(name: str) -> str:
        log.append(f"in {name}")
        getcurrent().parent.switch(name)
        log.append(f"out {name}")
        return name.upper()

    def middle(name: str) -> str:
        child = greenlet(inner)
        child.switch(name + ".inner")
        getcurrent().parent.switch(name)
        return str(child.switch())

    def outer() -> str:
        children = [greenlet(middle) for _ in range(3)]
        got = [child.switch(str(n)) for n, child in enumerate(children)]
        return " ".join(got + [child.switch() for child in children])

    log.append(greenlet(outer).switch())
    return log


def thrown() -> list[str]:
    log: list[str] = []

    def waits(name: str) -> str:
        try:
            inside(name)
        except ValueError as error:
            log.append(f"{name} caught {error}")
            getcurrent().parent.switch("after")
        finally:
            log.append(f"{name} left")
        return "end"

    def inside(name: str) -> None:
        try:
            getcurrent().parent.switch(name)
        finally:
            cleans(name)

    def cleans(name: str) -> None:
        log.append(f"{name} cleaned")

    caught, killed, failing, fresh, dropped = (greenlet(waits) for _ in range(5))
    for name, each in (("a", caught), ("b", killed), ("c", failing), ("e", dropped)):
        each.switch(name)
    log.append(caught.throw(ValueError("thrown")))
    log.append(str(caught.switch()))
    log.append(type(killed.throw()).__name__)
    try:
        failing.throw(KeyError("through"))
    except KeyError as error:
        log.append(str(error))
    try:
        fresh.throw(KeyError("never began"))
    except KeyError as error:
        log.append(str(error))
    del dropped, each  # the last reference: its frames end here
    return log


def parents() -> list[str]:
    log: list[str] = []

    def fails() -> None:
        raise LookupError("to the parent")

    def receives(first: str) -> str:
        try:
            child = greenlet(fails, getcurrent())
            child.switch()
        except LookupError as error:
            log.append(f"{first}: {error}")
        return "received"

    def ends(*_: object) -> str:
        return "result"

    last = greenlet(lambda value: log.append(f"last got {value}") or value)
    middle = greenlet(receives, last)
    log.append(middle.switch("middle"))
    chain = greenlet(ends)
    for _ in range(5):
        chain = greenlet(lambda *_: ends(), chain)
    log.append(str(chain.switch()))
    return log


def generators() -> list[int]:
    main = getcurrent()
    got: list[int] = []

    def numbers(first: int) -> Iterator[int]:
        for number in range(first, first + 6):
            main.switch()
            yield number

    def through(first: int) -> Generator[int, None, None]:
        yield from numbers(first)

    shared = through(100)

    def consumes(first: int) -> None:
        for number in through(first):
            got.append(number)
            if number % 2:
                got.append(next(plain))

    def shares() -> None:
        got.append(next(shared))

    plain = (number * number for number in range(50))
    running = [greenlet(consumes) for _ in range(3)]
    for number, each in enumerate(running):
        each.switch(10 * number)
    while not all(each.dead for each in running):
        for each in running:
            if not each.dead:
                each.switch()
    for _ in range(3):  # one generator goes on in one greenlet after another
        sharing = greenlet(shares)
        while not sharing.dead:
            sharing.switch()
    # The oracle holds the frames of generators: it would close these only later.
    shared.close()
    plain.close()
    return got


def at_random() -> int:
    chance = random.Random(7)
    main = getcurrent()
    alive: list[greenlet] = []

    def goes(levels: int) -> int:
        if levels == 0:
            return 1
        total = 0
        for _ in range(chance.randrange(3)):
            if chance.random() < 0.5:
                chance.choice([main, *alive]).switch()
            try:
                total += goes(levels - 1)
            except ValueError:
                total += 100
        if chance.random() < 0.1:
            raise ValueError(levels)
        return total

    def begins() -> int:
        try:
            return goes(5)
        except ValueError:
            return -1
        except GreenletExit:
            return stops()

    def stops() -> int:
        return -2

    rounds = 0
    for _ in range(40):
        alive.append(greenlet(begins))
        chance.choice(alive).switch()
        alive[:] = [each for each in alive if not each.dead]
        rounds += 1
        if chance.random() < 0.2 and alive:
            chance.choice(alive).throw()
    while alive:
        chance.choice(alive).switch()
        alive[:] = [each for each in alive if not each.dead]
    return rounds


def awaiting() -> list[Any]:
    """What SQLAlchemy does: synchronous code in a greenlet awaits through its parent."""

    async def answers(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    def await_only(awaitable: Any) -> Any:
        return getcurrent().parent.switch(awaitable)

    def works(number: int) -> int:
        return depth(3, lambda level: await_only(answers(number + level)))

    async def spawn(function: Callable[[int], int], number: int) -> int:
        context = greenlet(function, getcurrent())
        result = context.switch(number)
        while not context.dead:
            result = context.switch(await result)
        return int(result)

    async def main() -> list[Any]:
        return [await spawn(works, number) for number in range(3)]

    return asyncio.run(main())


def gevent_pool() -> list[Any]:
    log: list[Any] = []

    def work(number: int) -> int:
        for _ in range(number % 4):
            gevent.sleep(0)
        return depth(number % 5, lambda level: gevent.sleep(0)) * number

    def produces(queue: Any) -> None:
        for number in range(6):
            queue.put(number)
        queue.put(StopIteration)

    def consumes(queue: Any) -> None:
        log.extend(queue)

    def fails() -> None:
        gevent.sleep(0)
        raise KeyError("inside")

    pool = gevent.pool.Pool(3)
    log.extend(pool.map(work, range(12)))
    queue = gevent.queue.Queue(maxsize=2)
    gevent.joinall([gevent.spawn(produces, queue), gevent.spawn(consumes, queue)])
    failing = gevent.Greenlet(fails)
    failing.start()
    # Without `get` the hub prints the traceback; the exception itself goes nowhere else.
    gevent.get_hub().NOT_ERROR += (KeyError,)
    failing.join()
    log.append(str(failing.exception))
    sleeping = gevent.spawn(work, 3)
    gevent.sleep(0)
    sleeping.kill()
    with gevent.Timeout(5):
        log.append(work(2))
    return log


def threads_of_greenlets() -> list[int]:
    results: list[int] = []

    def runs(number: int) -> None:
        me = getcurrent()
        mine = [greenlet(lambda n: depth(n, lambda level: me.switch())) for _ in range(4)]
        for each in mine:
            each.switch(number + 5)
        while not all(each.dead for each in mine):
            for each in mine:
                if not each.dead:
                    each.switch()
        results.append(number)

    threads = [threading.Thread(target=runs, args=(n,), name=f"t{n}") for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


PROGRAMS: list[Callable[[], Any]] = [
    ping_pong,
    in_the_middle_of_deep_frames,
    nested,
    thrown,
    parents,
    generators,
    at_random,
    awaiting,
    gevent_pool,
    threads_of_greenlets,
]


# What is compared.


class Profile:
    """Follows the frames of this file with a profile function, by thread."""

    def __init__(self) -> None:
        self.steps: defaultdict[str, list[Step]] = defaultdict(list)
        self._numbers: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._kept: dict[int, FrameType] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if code.co_filename != __file__ or event not in ("call", "return"):
            return
        thread = threading.current_thread().name
        numbers = self._numbers[thread]
        key = id(frame)
        if event == "call" and key not in self._kept:
            self._counts[thread] += 1
            numbers[key] = self._counts[thread]
            if code.co_flags & _SUSPENDABLE:
                self._kept[key] = frame  # its address stays its own
        caller, parent = frame.f_back, None
        while caller is not None and parent is None:
            parent = numbers.get(id(caller)) if caller.f_code.co_filename == __file__ else None
            caller = caller.f_back
        edge = "enter" if event == "call" else "leave"
        self.steps[thread].append((edge, numbers[key], parent, code.co_qualname))
        if event == "return" and key not in self._kept:
            del numbers[key]


def profiled(program: Callable[[], Any]) -> tuple[Any, dict[str, list[Step]]]:
    profile = Profile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        result = program()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return result, profile.steps


_ENTERS = {"call", "resume", "throw"}
_LEAVES = {"return", "unwind", "yield"}


def told(recorded: Recorded) -> dict[str, list[Step]]:
    """Give the steps that a trace tells, numbered as those of `Profile`."""
    with recorded.trace() as trace:
        names = trace.threads()
    steps: defaultdict[str, list[Step]] = defaultdict(list)
    numbers: defaultdict[str, dict[int, int]] = defaultdict(dict)
    parents: dict[int, int | None] = {}
    for event in recorded.events:
        if event.kind not in _ENTERS | _LEAVES:
            continue
        assert event.frame is not None
        assert event.thread is not None
        thread = names[event.thread]
        mine = numbers[thread]
        mine.setdefault(event.frame, len(mine) + 1)
        above = parents.setdefault(event.frame, event.parent)
        parent = mine[above] if above is not None else None
        edge = "enter" if event.kind in _ENTERS else "leave"
        steps[thread].append((edge, mine[event.frame], parent, str(event.function)))
    return steps


def first_parents(steps: list[Step]) -> list[Step]:
    """A frame keeps the parent that it began under: a generator may go on under another."""
    first: dict[int, int | None] = {}
    return [
        (edge, number, first.setdefault(number, parent), function)
        for edge, number, parent, function in steps
    ]


def assert_lines_belong(recorded: Recorded) -> None:
    """No event of a frame before it begins, after it ends, or while it is suspended."""
    last: dict[int, str] = {}
    for event in recorded.events:
        if event.frame is None or event.kind == "gap":
            continue
        before = last.get(event.frame)
        if event.kind == "call":
            assert before is None
        else:
            assert before not in (None, "return", "unwind"), (event, before)
            assert (before == "yield") == (event.kind in ("resume", "throw")), (event, before)
        last[event.frame] = event.kind


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_call_tree_is_what_a_profiler_sees(
    program: Callable[[], Any], engine: str, level: str
) -> None:
    is_undisturbed = level != "values" or capabilities(engine).reads_locals_undisturbed
    if program is thrown and not is_undisturbed:
        pytest.skip("reads_locals_undisturbed is False: `del` is not the end of a greenlet")
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        expected, profile = profiled(program)
        recorded = record(program, engine=engine, level=level)
    finally:
        sys.setswitchinterval(before)
    assert recorded.error is None
    assert recorded.result == expected
    assert (recorded.status, recorded.reason) == ("complete", None)
    assert [event for event in recorded.events if event.kind == "gap"] == []
    steps = told(recorded)
    assert steps.keys() == profile.keys()
    for thread, mine in steps.items():
        assert mine == first_parents(profile[thread])
    assert_lines_belong(recorded)


# Programs of their own, in another process.

_PATCHED = """
import gevent.monkey
{early}
gevent.monkey.patch_all()
import queue, socket, sys, threading, time
import gevent
from gevent.pool import Pool
from pytest_recorder.testing import record

def below(levels):
    if levels:
        time.sleep(0)
        return below(levels - 1) + 1
    return 0

def work(number):
    with lock:
        return below(number % 4)

def threads():
    started = []
    for n in range(5):
        started.append(threading.Thread(target=work, args=(n,), name=f"t{{n}}"))
        started[-1].start()
    for thread in started:
        thread.join()

def talks(one):
    one.sendall(b"hello")
    return one.recv(10)

def listens(other):
    other.sendall(other.recv(10).upper())

def sockets():
    one, other = socket.socketpair()
    with one, other:
        jobs = [gevent.spawn(talks, one), gevent.spawn(listens, other)]
        gevent.joinall(jobs)
        return jobs[0].value

def blocks(number):
    # In a thread of the operating system.
    return below(number)

def main():
    got = list(Pool(4).map(work, range(10)))
    threads()
    got.append(sockets())
    pool = gevent.get_hub().threadpool
    for number in range(3):
        got.append(pool.spawn(blocks, number).get())
    return got

lock = threading.Lock()
engine, hot_path, level = sys.argv[1:]
recorded = record(main, engine=engine, hot_path=hot_path, level=level)
assert recorded.error is None, recorded.error
assert recorded.status == "complete", recorded.reason
expected = [n % 4 for n in range(10)] + [b"HELLO", 0, 1, 2]
assert recorded.result == expected, recorded.result
parents, functions, running, threads = {{}}, {{}}, set(), {{}}
for event in recorded.events:
    assert event.kind != "gap", event
    if event.kind == "call":
        parents[event.frame], functions[event.frame] = event.parent, event.function
        threads.setdefault(event.thread, []).append(event.function)
        running.add(event.frame)
    else:
        assert event.frame in running
        if event.kind == "return":
            running.discard(event.frame)
assert not running
for frame, parent in parents.items():
    above = functions.get(parent)
    expected = {{"below": ("work", "below", "blocks"), "sockets": ("main",), "threads": ("main",)}}
    assert above in expected.get(functions[frame], (None,)), (functions[frame], above)
calls = [name for name in functions.values() if name == "below"]
assert len(calls) == sum(n % 4 + 1 for n in range(10)) + 11 + 6, len(calls)
main_thread = next(iter(threads.values()))
# Greenlets are no threads: all but the pool of real threads ran in one.
assert main_thread.count("work") == 15, threads
assert all(set(names) <= {{"blocks", "below"}} for names in list(threads.values())[1:]), threads
print("right")
"""


@pytest.mark.parametrize("level", ["calls", "values"])
@pytest.mark.parametrize(
    "early", ["", "import pytest_recorder.testing, pytest_recorder.engine.pure.hot_path"]
)
def test_a_program_that_gevent_has_patched_is_recorded_by_its_real_threads(
    engine: str, level: str, early: str, tmp_path: Path
) -> None:
    script = tmp_path / "patched.py"
    script.write_text(_PATCHED.format(early=early))
    done = subprocess.run(
        [sys.executable, str(script), *engine.split("/"), level],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert (done.stdout, done.returncode) == ("right\n", 0), done.stderr
