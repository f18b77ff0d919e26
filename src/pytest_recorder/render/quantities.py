"""Puts numbers into words for people."""

from pytest_recorder.original_builtins import __builtins__


def size_text(size: int) -> str:
    """Give a number of bytes for people."""
    if size < 1024:
        return f"{size} B"
    for unit in ("KiB", "MiB"):
        size_in_unit = size / 1024 ** (1 if unit == "KiB" else 2)
        if size_in_unit < 1024:
            return f"{size_in_unit:.1f} {unit}"
    return f"{size / 1024**3:.1f} GiB"


def time_text(time_us: int) -> str:
    """Give a time in microseconds for people."""
    if time_us < 1000:
        return f"{time_us} us"
    return f"{time_us / 1000:.0f} ms" if time_us < 1_000_000 else f"{time_us / 1_000_000:.1f} s"


def count(number: int, thing: str) -> str:
    """Give a number of things for people."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
