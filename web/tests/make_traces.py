"""Records every program of `tests/programs`, and writes its page and its events into a folder.

    python make_traces.py FOLDER

`NAME.html` is the page, `NAME.json` the events of the JSON lines export as JavaScript can compare
them: objects with recorded names as keys are lists of pairs, and large ints are texts. So are those
of `tests/golden`, and `blocks`, which has several. `objects` has blocks that no program made, and
the limits of the reader in Python.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import object_cases  # noqa: E402
from object_cases import LIST, container, reference  # noqa: E402
from tests.engines import support  # noqa: E402
from tests.faults import hostile  # noqa: E402
from tests.unit.format import records  # noqa: E402

from pytest_recorder import testing  # noqa: E402
from pytest_recorder.analysis.source_text import source_lines  # noqa: E402
from pytest_recorder.analysis.value_text import render_value  # noqa: E402
from pytest_recorder.export.jsonl import event_object  # noqa: E402
from pytest_recorder.format import limits  # noqa: E402
from pytest_recorder.format.primitives import uv  # noqa: E402
from pytest_recorder.render.page import write_page  # noqa: E402
from pytest_recorder.tracefile.reader import Trace, open_trace  # noqa: E402

PROGRAMS = Path(__file__).parent / "programs"
GOLDEN = ROOT / "tests" / "golden"
_SAFE = 2**53


def comparable(item: Any) -> Any:
    """Give what survives JSON in a browser."""
    if isinstance(item, bool) or item is None or isinstance(item, str):
        return item
    if isinstance(item, int):
        return item if abs(item) < _SAFE else f"int {item:x}"
    if isinstance(item, dict):
        return {
            key: [[name, comparable(inner)] for name, inner in value.items()]
            if key in ("args", "changes", "attributes")
            else comparable(value)
            for key, value in item.items()
        }
    return [comparable(inner) for inner in item] if isinstance(item, (list, tuple)) else item


def main(folder: Path) -> None:
    """Record and write all."""
    engine = support.ENGINES[0]
    for name in support.PROGRAMS:
        if name == "recursion_limit":
            continue
        write(support.run(name, engine).path, folder, name)
    for path in GOLDEN.glob("*.pyrec"):
        write(path, folder, path.stem)
    grown = testing.record(grow)
    write(grown.path, folder, "blocks")
    fewer = folder / "fewer.pyrec"
    fewer.write_bytes(fewer_levels())
    write(fewer, folder, "fewer")
    write_objects(folder)
    run_tests(folder)


def write(path: Path, folder: Path, name: str) -> None:
    """Write the page of a trace, and what Python reads in it."""
    with open_trace(path) as trace:
        write_page(trace, folder / f"{name}.html")
        events = [comparable(event_object(event)) for event in trace.events()]
        values = {
            str(event.n): comparable({"args": trace.values_at(event)})["args"]
            for event in list(trace.events())[:: max(len(trace) // 40, 1)]
            if event.frame is not None
        }
        told: dict[int, list[list[Any]]] = {}
        for _, changes in trace.events_with_objects():
            for change in changes:
                told.setdefault(change.number, []).append([change.n, change.is_doubtful])
        texts = {
            n: [[name, render_value(value, width=10_000)] for name, value in found.items()]
            for n, found in ((n, trace.values_at(int(n))) for n in values)
        }
        sources = {file: read_source(trace, file) for file in trace.files()}
    content = {
        "events": events,
        "values": values,
        "texts": texts,
        "told": told,
        "sources": sources,
    }
    (folder / f"{name}.json").write_text(json.dumps(content), encoding="ascii")


def read_source(trace: Trace, file: str) -> dict[str, Any] | None:
    """Give the lines of a file, and the first and last of each run that is not there."""
    text = trace.source(file)
    gaps = [[gap.start, gap.stop - 1] for gap in trace.left_out(file)]
    return {"lines": source_lines(text), "gaps": gaps} if text is not None else None


def write_objects(folder: Path) -> None:
    """Write blocks that tell of objects, what Python reads in them, and its limits."""
    cases = object_cases.cases(comparable)
    named = {name: number for name, number in vars(limits).items() if name.startswith("MAX_")}
    content = {
        "definitions": object_cases.DEFINITIONS.hex(),
        "cases": cases,
        "limits": {**named, "NOT_HELD": limits.NOT_HELD},
    }
    (folder / "objects").write_text(json.dumps(content), encoding="ascii")


def meshed() -> bytes:
    """Give a trace in which 200 lists hold all of them, and a chain of pairs doubles."""
    ring = range(1, 201)
    told = b"".join(
        object_cases.whole(container(LIST, n, [reference(m) for m in ring])) for n in ring
    )
    for n in range(201, 300):
        told += object_cases.whole(container(LIST, n, [reference(n + 1)] * 2))
    told += object_cases.whole(container(LIST, 300, []))
    lines = b"".join(
        hostile.changed(hostile.LINE, uv(1) + reference(n), uv(2) + reference(n + 100))
        for n in ring
    )
    records = hostile.CALL + told + lines + hostile.END
    return hostile.Maker().events(records, len(ring) + 3).ended()


def fewer_levels() -> bytes:
    """Give a trace in which frames show fewer levels of their values, in two blocks."""
    made = hostile.Maker(records.definitions(hostile.DIGEST), version=2, values={"depth": 3})
    told, x = records.chain(), records.refer(1)
    made.events(
        told
        + records.call(1, x=x)
        + records.line(x=x)
        + records.levels(1, 2)
        + records.line(y=x)
        + records.levels(2, 1)
        + records.call(2, parent=1, x=x)
        + records.line(y=records.refer(2))
        + records.returned(x)
        + records.switch(1)
        + records.line(),
        7,
    )
    made.events(
        records.levels(1, 1)
        + records.frame(1)
        + records.state(x=x, y=x)
        + told
        + records.line(y=x)
        + records.raised()
        + records.unwound(),
        3,
    )
    return made.ended()


class Shelf:
    """Holds others of its kind, and things."""

    def __init__(self, above: "Shelf | None" = None) -> None:
        """Stand below another one."""
        self.above = above
        self.things: list[Any] = []
        self.below: list[Shelf] = []


def put(shelf: Shelf, thing: int) -> int:
    """Change a list in an object that others hold."""
    shelf.things.append(thing)
    if len(shelf.things) > 4:
        del shelf.things[0]
    return len(shelf.things)


def grow() -> int:
    """Change objects inside of others, through some blocks of events."""
    top = Shelf()
    top.below = [Shelf(top), Shelf(top)]
    lowest = top.below[1]
    index = {"top": top, "lowest": lowest}
    count = 0
    for number in range(3400):
        count += put(lowest, number)
        index["last"] = lowest.things
    return count


def busy() -> int:
    """Take more events than there is room for."""
    total = 0
    for number in range(20_000):
        total += number
    return total


def run_tests(folder: Path) -> None:
    """Run the tests of `programs` as CI would: each leaves a page, the hostile one a text too."""
    tests = folder / "tests"
    shutil.copytree(PROGRAMS, tests)
    environ = {**os.environ, "CI": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--record-trace", "--reruns=1", str(tests)]
    subprocess.run(command, cwd=tests, env=environ, stdout=subprocess.DEVNULL, check=False)
    index = json.loads((tests / "test-traces" / "index.json").read_bytes())
    pages: dict[str, str] = {}
    for entry in index["tests"]:
        name = entry["test"].partition("::")[2].partition("[")[0]
        pages[f"{name}-{entry['attempt']}"] = entry["trace"].removesuffix("pyrec")
    assert len(pages) == 16, pages
    named = {name: str(tests / "test-traces" / f"{path}html") for name, path in pages.items()}
    # A page of a part of a trace.
    with open_trace(Path(named["test_long-1"]).with_suffix(".pyrec")) as trace:
        most = sum(block[2] for block in trace.event_blocks()) // 2
        write_page(trace, folder / "excerpt.html", most_stored_bytes=most)
    # One with a gap in the middle, and one whose end is missing.
    long = testing.record(busy, max_bytes=64 * 1024)
    with long.trace() as trace:
        write_page(trace, folder / "gap.html")
    (folder / "cut.pyrec").write_bytes(long.path.read_bytes()[:-200])
    with open_trace(folder / "cut.pyrec") as trace:
        write_page(trace, folder / "cut.html")
    (folder / "mesh.pyrec").write_bytes(meshed())
    with open_trace(folder / "mesh.pyrec") as trace:
        # Its explanation would look at all values.
        write_page(trace, folder / "mesh.html", text="mesh")
    named.update({name: str(folder / f"{name}.html") for name in ("gap", "cut", "mesh")})
    named["excerpt"] = str(folder / "excerpt.html")
    (folder / "pages").write_text(json.dumps(named), encoding="ascii")


if __name__ == "__main__":
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    main(Path(sys.argv[1]))
