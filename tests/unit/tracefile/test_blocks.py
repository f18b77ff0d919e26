"""Blocks lie in the file in their order, whoever deflates them, and no thread outlives the writer."""

import _thread
import io
import itertools
import os
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.format.layout import BLOCK, CHECKSUM, BlockKind
from pytest_recorder.tracefile import blocks
from pytest_recorder.tracefile.blocks import BlockWriter

KIB = 1024


def payloads(count: int = 40) -> list[bytes]:
    """Blocks that take long and short to deflate, in turn."""
    return [
        os.urandom(64 * KIB) * 2 if number % 3 else bytes(200 * KIB) for number in range(count)
    ]


def read(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(data):
        kind, flags, _, stored, plain = BLOCK.unpack_from(data, at)
        (checksum,) = CHECKSUM.unpack_from(data, at + BLOCK.size)
        start = at + BLOCK.size + CHECKSUM.size
        payload = data[start : start + stored]
        assert zlib.crc32(payload, zlib.crc32(data[at : at + BLOCK.size])) == checksum
        whole = zlib.decompress(payload) if flags else payload
        assert len(whole) == plain
        yield at, kind, whole
        at = start + stored


def write(many: list[bytes]) -> tuple[bytes, list[list[int]]]:
    file = io.BytesIO()
    with BlockWriter(file) as writer:
        writer.put(BlockKind.MANIFEST, b"{}", deflate=False)
        for number, data in enumerate(many):
            writer.put(BlockKind.EVENTS, data[:10], data[10:], events=(number * 5, 5))
        writer.put(BlockKind.TRAILER, b"end", deflate=False)
        assert writer.size_bytes == len(file.getvalue())
    return file.getvalue(), writer.events


@pytest.mark.parametrize("cores", [1, 2])
def test_blocks_come_in_their_order(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(blocks, "_cores", lambda: cores)
    many = payloads()
    data, events = write(many)
    found = list(read(data))
    assert [whole for _, _, whole in found] == [b"{}", *many, b"end"]
    assert events == [[at, n * 5, 5] for n, (at, _, _) in enumerate(found[1:-1])]


def test_the_file_is_the_same_with_and_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    many = payloads()
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    beside = write(many)
    monkeypatch.setattr(blocks, "_cores", lambda: 1)
    assert write(many) == beside


def test_where_no_thread_can_be_started_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise RuntimeError("can't start new thread")

    many = payloads()
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    expected = write(many)
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    assert write(many) == expected


def test_a_small_trace_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    monkeypatch.setattr(_thread, "start_new_thread", lambda *args: started.append(args))
    write([bytes(100 * KIB)] * 10)
    assert started == []


def test_threads_are_not_seen_by_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    before = next_thread_number()
    threading.settrace(lambda *args: seen.append(args))
    threading.setprofile(lambda *args: seen.append(args))
    try:
        write(payloads())
    finally:
        threading.settrace(None)  # type: ignore[arg-type]
        threading.setprofile(None)
    assert seen == []
    assert next_thread_number() == before + 1


def next_thread_number() -> int:
    return int(threading.Thread().name.removeprefix("Thread-").split(" ")[0])


def write_all(file: io.BytesIO, many: list[bytes]) -> None:
    with BlockWriter(file) as writer:
        for data in many:
            writer.put(BlockKind.EVENTS, data)
        writer.flush()


class Full(io.BytesIO):
    """A disk that takes so many writes."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self.writes = itertools.count(-writes)

    def write(self, data: Any) -> int:
        if next(self.writes) >= 0:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("writes", [0, 4, 40, 80])
def test_threads_end_when_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    before = _thread._count()
    with pytest.raises(OSError, match="No space left"):
        write_all(Full(writes), payloads())
    for _ in range(1000):
        # A thread gives its lock back just before it ends.
        if _thread._count() == before:
            break
        time.sleep(0.001)
    assert _thread._count() == before


@pytest.mark.slow
def test_a_fault_of_a_thread_is_raised_where_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(data: bytes, level: int) -> bytes:
        if level == blocks._QUICK:
            raise MemoryError("no room")
        return zlib.compress(data, level)

    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    monkeypatch.setattr(blocks, "compress", fail)
    with pytest.raises(MemoryError, match="no room"):
        write(payloads())


@pytest.mark.slow
@pytest.mark.parametrize("dying", [1, 2])
def test_what_a_dead_thread_leaves_is_done_by_who_waits(
    monkeypatch: pytest.MonkeyPatch, dying: int
) -> None:
    """Something is raised into the threads, as a program can do by `PyThreadState_SetAsyncExc`."""
    many = payloads()
    expected, _ = write(many)
    left = [dying]

    def compress(data: bytes, level: int) -> bytes:
        if level == blocks._QUICK and _thread.get_ident() != ours and left[0]:
            left[0] -= 1
            raise SystemExit
        return zlib.compress(data, level)

    ours = _thread.get_ident()
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    monkeypatch.setattr(blocks, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(blocks, "compress", compress)
    data, _ = write(many)
    assert left == [0]
    assert data == expected


def test_the_first_mebibyte_is_deflated_thoroughly() -> None:
    text = Path(__file__).read_bytes()
    data, _ = write([text * 200] * 3)
    stored = [BLOCK.unpack_from(data, at)[3] for at, kind, _ in read(data) if kind == 4]
    assert stored[0] == len(zlib.compress(text * 200, 6))
    assert stored[1] == stored[2] == len(zlib.compress(text * 200, 2))
