"""What changes where the instructions of a line cannot change it is found at the next event.

Where nothing but such instructions ran since the last event, the hot path in C compares nothing
(`engine/native/quiet.c`). Here something else does run in between: code out of scope, which has no
events. The programs are texts, so that the code in scope has no instruction but those.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder import compat
from tests.engines.support import HAS_NATIVE, IS_DIRECT, record, worded

pytestmark = pytest.mark.skipif(
    not (HAS_NATIVE and IS_DIRECT and compat.HAS_MONITORING),
    reason="nothing is skipped by other hot paths",
)


class Stop(Exception):
    """Ends a loop that does nothing."""


def told(
    folder: Path, text: str, *, rounds: int = 2, **names: Any
) -> list[tuple[int, str, str]]:
    """Record `main` of a text; give line, kind and `held` at each event of the last round.

    Names and code that are met for the first time make the recorder ask, and then compare.
    """
    path = folder / "program.py"
    path.write_text(text, encoding="utf-8")
    namespace: dict[str, Any] = {**names, "__name__": "program"}
    exec(compile(text, str(path), "exec"), namespace)
    main = namespace["main"]
    found = record(
        lambda: [main() for _ in range(rounds)],
        engine="monitoring/native",
        include=[str(path)],
    )
    held, events = "", []
    for event in found.of("main"):
        if event.kind == "call":
            held, events = "", []
        if "held" in (event.changes or {}):
            held = worded(event.changes["held"])
        events.append((event.line, event.kind, held))
    return events


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


def outside(text: str, **names: Any) -> dict[str, Any]:
    """Run a text as code without a file, which is out of scope."""
    namespace: dict[str, Any] = {"__name__": "outside", **names}
    exec(compile(text, "<outside>", "exec"), namespace)
    return namespace


LOOP = """
def main():
    held = HELD
    BEGIN()
    try:
        while True:
            one = held
            one = held
    except STOP:
        return None
"""


def values_in_loop(events: list[tuple[int, str, str]]) -> set[str]:
    return {held for line, kind, held in events if kind == "line" and line in (7, 8)}


@pytest.fixture
def alarm() -> Iterator[Callable[[Any], None]]:
    before = signal.getsignal(signal.SIGALRM)

    def start(handler: Any) -> None:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)

    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers that send signals")
def test_what_a_handler_of_a_signal_changes_is_seen_in_the_loop(
    tmp_path: Path, alarm: Callable[[Any], None]
) -> None:
    held: list[int] = []
    made = outside(
        "def handler(_, frame):\n"
        "    if frame.f_code.co_name != 'main' or frame.f_lineno < 6:\n"
        "        return\n"
        "    if len(held) == 2:\n"
        "        stop()\n"
        "        raise STOP\n"
        "    held.append(len(held))\n",
        held=held,
        STOP=Stop,
        stop=lambda: signal.setitimer(signal.ITIMER_REAL, 0),
    )
    alarm(made["handler"])
    assert values_in_loop(told(tmp_path, LOOP, rounds=1, HELD=held, BEGIN=int, STOP=Stop)) == {
        "[]",
        "[0]",
        "[0, 1]",
    }


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clocks of threads")
def test_what_another_thread_changes_is_seen_in_the_loop(tmp_path: Path) -> None:
    held: list[int] = []
    clock = time.pthread_getcpuclockid(threading.get_ident())
    made = outside(
        lines(
            "def let_it_run():",
            "    until = used(clock) + 0.0002",
            "    while used(clock) < until: pass",
            "def work():",
            "    begun.acquire()",
            "    let_it_run()",
            "    for _ in range(3):",
            "        held.append(len(held))",
            "        let_it_run()",
            "    interrupt(SIGINT)",
        ),
        held=held,
        clock=clock,
        used=time.clock_gettime,
        begun=(begun := threading.Semaphore(0)),
        interrupt=signal.raise_signal,
        SIGINT=signal.SIGINT,
    )
    worker = threading.Thread(target=made["work"])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # in a new block all is compared, and there is none so soon
    try:
        worker.start()
        found = values_in_loop(
            told(
                tmp_path,
                LOOP,
                rounds=1,
                HELD=held,
                BEGIN=begun.release,
                STOP=KeyboardInterrupt,
            )
        )
    finally:
        sys.setswitchinterval(interval)
        worker.join()
        signal.signal(signal.SIGINT, before)
    assert found == {"[]", "[0]", "[0, 1]", "[0, 1, 2]"}


def test_what_another_tool_changes_is_seen(tmp_path: Path) -> None:
    held: list[int] = []
    made = outside(
        lines(
            "def line(code, number):",
            "    if code.co_name == 'main' and number > 4: held.append(1)",
        ),
        held=held,
    )
    monitoring = sys.monitoring
    text = lines("def main():", "    held = HELD", *["    one = held"] * 6, "    return None")
    monitoring.use_tool_id(4, "changes what is recorded")
    try:
        monitoring.register_callback(4, monitoring.events.LINE, made["line"])
        monitoring.set_events(4, monitoring.events.LINE)
        found = told(tmp_path, text, HELD=held)
        monitoring.set_events(4, 0)
    finally:
        monitoring.free_tool_id(4)
    shown = [held for line, kind, held in found if kind == "line" and line > 5]
    assert len(shown) == len(set(shown)) == 4  # another one at each line


CHANGES = {
    "an attribute that is computed": (
        lines(
            "class Held(list):",
            "    @property",
            "    def size(self): self.append(1)",
            "make = Held",
        ),
        "    held.size\n    return None\n",
        ["", "Held[]", "Held[1]"],
    ),
    "truth": (
        lines(
            "class Held(list):",
            "    def __bool__(self): return not self.append(1)",
            "make = Held",
        ),
        "    if held: pass\n    return None\n",
        ["", "Held[]", "Held[1]"],
    ),
    "a list that is sorted when a function in scope has given the last key": (
        lines("def make(): return [3, 1, 2]"),
        "    held.sort(key=lambda one, same=held: one)\n    return None\n",
        ["", "[3, 1, 2]", "[1, 2, 3]"],
    ),
    "another object at the same address": (
        lines("def make(): return [[0]]"),
        "    held = None; held = [1]\n    held = None; held = [2]\n    return None\n",
        ["", "[[0]]", "[1]", "[2]"],
    ),
    "what is called after a function in scope, in the same line": (
        lines("def make(): return []", "def more(held, _): held.append(1)"),
        "    more(held, (lambda: None)())\n    return None\n",
        ["", "[]", "[1]"],
    ),
    "what runs when a line jumps back into itself": (
        lines(
            "def make(): return []",
            "def more(held):",
            "    held.append(1)",
            "    return len(held)",
            "def each(held): return iter(partial(more, held), 3)",
            "from functools import partial",
        ),
        "    for _ in each(held): (lambda same=held: None)()\n    return None\n",
        ["", "[]", "[1, 1, 1]"],
    ),
}


@pytest.mark.parametrize("way", CHANGES)
def test_what_code_out_of_scope_changes_is_seen_at_the_next_event(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, body, expected = CHANGES[way]
    found = []
    for look in ("", "always"):
        monkeypatch.setenv("PYTEST_RECORDER_LOOK", look)
        # At first it is seen to be the same.
        before = "    one = held\n" * 4
        text = f"def main():\n    held = make()\n{before}{body}"
        found.append(told(tmp_path, text, **outside(made)))
    assert found[0] == found[1]
    shown = [held for _, _, held in found[0]]
    assert [
        one for one, last in zip(shown, [None, *shown], strict=False) if one != last
    ] == expected


def test_what_a_finalizer_out_of_scope_takes_away_is_seen_and_not_followed(
    tmp_path: Path,
) -> None:
    made = outside(
        lines(
            "def make(): return [[0], [1]]",
            "class Changes:",
            "    def __init__(self, held): self.held = held",
            "    def __del__(self): self.held.pop()",
        )
    )
    text = lines(
        "def main():",
        "    held = make()",
        "    one = Changes(held)",
        "    two = held",
        "    two = held",
        "    one = None",
        "    two = None",
        "    return None",
    )
    events = told(tmp_path, text, **made)
    shown = {line: held for line, kind, held in events if kind == "line"}
    # The finalizer runs in line 6, in which nothing else can change a list.
    assert (shown[6], shown[7]) == ("[[0], [1]]", "[[0]]")
