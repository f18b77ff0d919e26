"""Gives the inputs that mutation begins with: real recordings, made-up records, and the corpus."""

import json
import tempfile
from functools import cache
from pathlib import Path

from pytest_recorder.format.layout import EVENTS_HEAD, BlockKind
from pytest_recorder.tracefile.spool import Spool
from tests.faults import hostile
from tests.fuzz.mutation import parts_of

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
_GOLDEN = HERE.parent / "golden" / "format-1.pyrec"
_GRID = hostile.sequence(3, b"\3\2\0\1")
_ARGS = b"\2\1" + _GRID + b"\2\3\4"


@cache
def traces() -> list[bytes]:
    """Give trace files."""
    made = hostile.Maker()
    made.events(
        hostile.call(1, 0, _ARGS)
        + hostile.LINE
        + hostile.call(2, 1, _ARGS)
        + hostile.changed(hostile.LINE, b"\1" + _GRID, deleted=b"\1\2")
        + hostile.END
        + bytes((2, 1))  # back to frame 1
        + hostile.UNWIND,
        7,
    )
    made.add(
        BlockKind.EXCERPT, hostile.excerpt(hostile.DIGEST, (3, 1), (2, 1), (1, 0), text=b"a\nb")
    )
    made.events(bytes((1, 1, 1, 1, 0, 2, 3)) + _ARGS + hostile.returned(_GRID), 1)
    index = {
        "blocks": [[0, 0, 7]],
        "steps": [[1, 1, 1, 0, 6, 2], [1, 1, 1, 2, 3, 2]],
        "calls_cut": False,
        "exceptions": [[4, 2, "ValueError", "no"]],
    }
    return [
        _GOLDEN.read_bytes(),
        hostile.failing().ended(),
        made.ended(index=json.dumps(index).encode()),
        *_stored("pyrec"),
    ]


@cache
def records() -> list[bytes]:
    """Give definitions and records of a block, with the length of the former before them."""
    found: list[bytes] = []
    for trace in traces():
        parts = parts_of(trace)
        definitions = b"".join(p.plain for p in parts if p.kind == BlockKind.DEFINITIONS)
        for part in parts:
            if part.kind == BlockKind.EVENTS and len(definitions) < 1 << 16:
                head = len(definitions).to_bytes(2, "little")
                found.append(head + definitions + part.plain[EVENTS_HEAD.size :])
    return [*found, *_stored("records")]


@cache
def spools() -> list[bytes]:
    """Give spools as processes leave them that die."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.pyspool"
        spool = Spool(path, 1)
        spool.begin(json.dumps(hostile.MANIFEST).encode())
        spool.define(hostile.DEFINITIONS)
        spool.keep_source(hostile.DIGEST, hostile.SOURCE)
        for _ in range(2):
            spool.next_events(64, 0)
            spool.append(hostile.call(1, 0, _ARGS) + hostile.LINE, 2)
            spool.append(hostile.returned(_GRID), 1)
        data = path.read_bytes()
        spool.close()
    return [data[: 4096 + 16 * 4096], *_stored("pyspool")]


@cache
def indexes() -> list[bytes]:
    """Give what `index.json` holds."""
    entry = {
        "test": "test_a.py::test_b", "attempt": 1, "outcome": "failed", "trace": "a/trace.pyrec",
        "status": "partial", "reason": "ERR_IO", "size_bytes": 5, "events": 1, "dropped": 2,
        "phase": "call", "exception": "ValueError", "message": "no", "place": "a.py:3",
    }  # fmt: skip
    index = {"schema": 1, "run_id": "r", "pid": 1, "tests": [entry, {**entry, "attempt": 2}]}
    return [json.dumps(index).encode(), *_stored("json")]


def _stored(kind: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.glob(f"*.{kind}"))]
