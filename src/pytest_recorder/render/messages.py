"""Words what a process that runs tests and the one beside it (`service`) say to each other.

A message is a line of JSON and, after it, the bytes that it announces.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system import json_text


def pack(job: str, about: Mapping[str, Any], blobs: Sequence[bytes]) -> bytes:
    """Give a request as bytes."""
    head = {"job": job, "about": about, "blobs": [len(blob) for blob in blobs]}
    return b"".join((json_text.encode_ascii(head), b"\n", *blobs))


def unpack(request: bytes) -> tuple[str, Mapping[str, Any], list[bytes]]:
    """Read one."""
    line, _, rest = request.partition(b"\n")
    head = json_text.decode_ascii(line)
    blobs: list[bytes] = []
    at = 0
    for size in head["blobs"]:
        blobs.append(rest[at : at + size])
        at += size
    return head["job"], head["about"], blobs


def read_answer(data: bytes) -> dict[str, Any]:
    """Read an answer: what was `found`, or an `error`."""
    found: dict[str, Any] = json_text.decode_ascii(data)
    return found
