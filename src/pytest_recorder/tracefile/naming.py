"""Turns node ids into names of folders: readable, distinct, safe everywhere."""

import hashlib
import re

_MOST_BYTES = 200
_MOST_SLUG = 120
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")


def folder_name(test: str, attempt: int, twin: int = 1) -> str:
    """Give the folder of an attempt: `<slug>-<digest>-<attempt>`, ASCII, at most 200 bytes.

    Where this is taken, by another run or a worker that died, a second number tells twins apart.

    The slug is what can be read of the node id and never starts or ends with a dot; the digest is
    of the full id, so that ids which differ only in case or beyond the cut stay apart.
    """
    slug = _UNSAFE.sub("-", test.replace("::", "-")).strip("-.")[:_MOST_SLUG].strip("-.")
    digest = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    suffix = f"-{twin}" if twin > 1 else ""
    return f"{slug or 'test'}-{digest}-{attempt}{suffix}"[-_MOST_BYTES:]
