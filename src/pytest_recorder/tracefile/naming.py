"""Turns node ids into names of folders: readable, distinct, safe everywhere."""

import re
from hashlib import sha256

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.ids import short_id
from pytest_recorder.system.originals import OS

SPOOL_SUFFIX = ".pyspool"
PROGRAM = "program"
"""What a recording without a test is called."""

RUN_DIGITS = 12
"""So much of the id of a run stands in names."""
_MOST_BYTES = 200
_MOST_SLUG = 120
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
"""Windows takes such a name for a device, whatever follows the dot."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")


def folder_name(test: str, attempt: int, twin: int = 1, *, is_secret: bool = False) -> str:
    """Give the folder of an attempt: `<slug>-<digest>-<attempt>`, ASCII, at most 200 bytes.

    Where this is taken, by another run or a worker that died, a second number tells twins apart.

    The slug is what can be read of the node id and never starts or ends with a dot; the digest is
    of the full id, so that ids which differ only in case or beyond the cut stay apart. Where a
    secret stands in the id the digest is all that is left of it: `<digest>-<attempt>`.
    """
    slug = _UNSAFE.sub("-", test.replace("::", "-")).strip("-.")[:_MOST_SLUG].strip("-.")
    if _DEVICE.match(slug):
        slug = f"test-{slug}"
    digest = sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    suffix = f"-{twin}" if twin > 1 else ""
    if is_secret:
        return f"{digest}-{attempt}{suffix}"
    return f"{slug or 'test'}-{digest}-{attempt}{suffix}"[-_MOST_BYTES:]


def is_safe_name(name: str) -> bool:
    """Tell whether every file system and artifact store takes the name of a folder."""
    is_plain = _UNSAFE.sub("", name.replace("-", "")) == name.replace("-", "")
    fits = 0 < len(name) <= _MOST_BYTES and name.strip(".") == name
    return is_plain and fits and not _DEVICE.match(name)


def spool_name(run_id: str) -> str:
    """Give the name of a new spool: the start of the run's id, the process, something random."""
    return f"{run_id[:RUN_DIGITS]}-{OS.getpid()}-{short_id()}{SPOOL_SUFFIX}"


def run_of_spool(name: str) -> str:
    """Give the start of the id of the run that a spool belongs to, empty for a foreign name."""
    start = name.partition("-")[0]
    return start if len(start) == RUN_DIGITS and name.count("-") == 2 else ""


def writable(text: str) -> str:
    """Name what is no text in a string (lone surrogates): JSON has no place for them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
