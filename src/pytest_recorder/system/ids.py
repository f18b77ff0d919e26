"""Makes ids that nobody else has.

PYTEST_DONT_REWRITE

Not by `uuid`: a test may have given `uuid4` or `os.urandom` a result of its own, and all traces
would have one id.
"""

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.system.originals import OS

ID_DIGITS = 32


def new_id() -> str:
    """Give a random id of 32 hexadecimal digits."""
    return OS.urandom(ID_DIGITS // 2).hex()


def short_id(digits: int = 6) -> str:
    """Give a short one, for a name beside few others."""
    return OS.urandom((digits + 1) // 2).hex()[:digits]
