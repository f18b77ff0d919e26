"""Shows the progress of long work on a terminal, and nothing anywhere else."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_STEP = 20_000


def with_progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Pass items through; on a terminal, say on stderr how far it is."""
    if not sys.stderr.isatty():
        yield from items
        return
    at = 0
    for at, item in enumerate(items, 1):
        if at % _STEP == 0:
            print(f"\r{what}: {at:,} of {total:,}", end="", file=sys.stderr, flush=True)
        yield item
    if at >= _STEP:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
