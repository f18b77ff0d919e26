"""Measures the page of a large trace: its size, how fast it opens and how it scrolls.

    python bench/viewer.py [--events N] [--output docs/performance.md]

Needs node, the packages of `web/` (`npm ci`) and Chromium (`CHROMIUM`, or on the PATH).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pytest_recorder.render.page import write_page
from pytest_recorder.tracefile.reader import open_trace

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "web" / "bench" / "open.mjs"
BEGIN, END = "<!-- viewer: begin -->", "<!-- viewer: end -->"
EVENTS_PER_ROUND = 17.3
PROGRAM = """
class Account:
    def __init__(self, name):
        self.name = name
        self.balance = 0

    def add(self, amount):
        self.balance += amount
        return self.balance


def price(quantity, unit):
    total = quantity * unit
    if total > 500:
        total -= total // 10
    return total


def work(rounds):
    accounts = [Account(f"a{i}") for i in range(5)]
    seen = []
    for i in range(rounds):
        account = accounts[i % 5]
        amount = price(i % 17, 40 + i % 7)
        account.add(amount)
        if i % 1000 == 0:
            print("round", i)
        seen.append(amount)
        if len(seen) > 15:
            seen.pop(0)
    return seen


def test_large():
    got = work(ROUNDS)
    assert max(got) < 0
"""


def main() -> None:
    """Print a table, and put it into the document where that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0] if __doc__ else None
    )
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--output", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = measure(Path(folder), args.events, args.rounds)
    print("\n".join(lines))
    if args.output is not None:
        text = args.output.read_text("utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        block = "\n".join([BEGIN, *lines, END])
        args.output.write_text(before + block + after, "utf-8")


def measure(folder: Path, events: int, rounds: int) -> list[str]:
    """Record, write the page, open it in a browser."""
    rounds_of_work = int(events / EVENTS_PER_ROUND)
    test = folder / "test_large.py"
    test.write_text(PROGRAM.replace("ROUNDS", str(rounds_of_work)))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--record-trace"]
    command += ["--record-html=off", "--record-max-bytes=1GiB", str(test)]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    (path,) = folder.rglob("trace.pyrec")
    page = path.with_suffix(".html")
    began, began_cpu = time.perf_counter(), time.process_time()
    with open_trace(path) as trace:
        count = len(trace)
        size = write_page(trace, page)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    ran = subprocess.run(
        ["node", str(SCRIPT), str(page), str(rounds)],
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    ratio = size / path.stat().st_size
    load = f"load {os.getloadavg()[0]:.1f}"
    python = f"Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {load}, {found['browser']}, {python}"
    return [
        f"{count:,} events, {path.stat().st_size:,} bytes; {machine}. Medians of {rounds}.",
        "",
        "| | measured | wanted |",
        "|---|--:|--:|",
        f"| size of the page, times the trace | {ratio:.2f} | 1.5 |",
        f"| until the failing line is drawn with its values | {found['open_s']:.2f} s | 2 s |",
        f"| CPU time of that, main thread | {found['open_cpu_s']:.2f} s | |",
        f"| frames a second, scrolling {found['rows']:,} rows | {found['fps']:.0f} | 60 |",
        f"| CPU time of a frame, main thread | {found['frame_cpu_ms']:.1f} ms | 16.7 ms |",
        f"| a step (over), until it is drawn | {found['step_ms']:.0f} ms | |",
        f"| writing the page, in Python | {wall:.1f} s, {cpu:.1f} s of CPU | |",
    ]


if __name__ == "__main__":
    main()
