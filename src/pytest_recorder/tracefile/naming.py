"""Turns node ids into names of folders: readable, distinct, safe everywhere."""

import hashlib
import os
import re
import uuid
from pathlib import Path

SPOOL_SUFFIX = ".pyspool"
PROGRAM = "program"
"""What a recording without a test is called."""

_RUN_DIGITS = 12
_MOST_BYTES = 200
_MOST_SLUG = 120
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)")
"""Windows takes such a name for a device, whatever follows the dot."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")


def folder_name(test: str, attempt: int, twin: int = 1) -> str:
    """Give the folder of an attempt: `<slug>-<digest>-<attempt>`, ASCII, at most 200 bytes.

    Where this is taken, by another run or a worker that died, a second number tells twins apart.

    The slug is what can be read of the node id and never starts or ends with a dot; the digest is
    of the full id, so that ids which differ only in case or beyond the cut stay apart.
    """
    slug = _UNSAFE.sub("-", test.replace("::", "-")).strip("-.")[:_MOST_SLUG].strip("-.")
    if _DEVICE.match(slug):
        slug = f"test-{slug}"
    digest = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    suffix = f"-{twin}" if twin > 1 else ""
    return f"{slug or 'test'}-{digest}-{attempt}{suffix}"[-_MOST_BYTES:]


def is_safe_name(name: str) -> bool:
    """Tell whether every file system and artifact store takes the name of a folder."""
    is_plain = _UNSAFE.sub("", name.replace("-", "")) == name.replace("-", "")
    fits = 0 < len(name) <= _MOST_BYTES and name.strip(".") == name
    return is_plain and fits and not _DEVICE.match(name)


def spool_name(run_id: str) -> str:
    """Give the name of a new spool: the start of the run's id, the process, something random."""
    return f"{run_id[:_RUN_DIGITS]}-{os.getpid()}-{uuid.uuid4().hex[:6]}{SPOOL_SUFFIX}"


def run_of_spool(name: str) -> str:
    """Give the start of the id of the run that a spool belongs to, empty for a foreign name."""
    start = name.partition("-")[0]
    return start if len(start) == _RUN_DIGITS and name.count("-") == 2 else ""


def staged_path(path: Path) -> Path:
    """Name the file that becomes `path` when it is whole."""
    return path.with_name(path.name + ".part")


def own_staged_path(path: Path) -> Path:
    """Name such a file of this process alone, for what several may write."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def is_staged(name: str, wanted: str) -> bool:
    """Tell whether a file of this name is what some process has staged for `wanted`."""
    start, end = f"{wanted}.", ".part"
    middle = name[len(start) : -len(end)]
    return name == f"{start}{middle}{end}" and middle.isascii() and middle.isdecimal()


def remove_staged(path: Path) -> None:
    """Remove what was not finished; what kept us from writing it may keep us from this too."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def writable(text: str) -> str:
    """Name what is no text in a string (lone surrogates): JSON has no place for them."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
