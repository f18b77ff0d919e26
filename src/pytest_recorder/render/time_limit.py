"""Says of a test that failed by a time limit how much of the time the recording took at least."""

from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.render.quantities import time_text

_WHAT_TO_DO = "raise the limit while recording, or record less (`--record-level=calls`)"


def time_limit_text(limit: str, cpu_us: int, *, of: str = "") -> str:
    """Give the sentence; `limit` names the time limit, `of` says of what the time is counted."""
    much = f", by at least {time_text(cpu_us)} of CPU time{of}" if cpu_us >= 1000 else ""
    return f"time limit ({limit}): recording made the test slower{much}; {_WHAT_TO_DO}"
