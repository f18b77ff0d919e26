"""Says which attempt of a test a trace is of, and how one ended that was run again to record it."""

from collections.abc import Mapping
from typing import Final

from pytest_recorder.original_builtins import __builtins__

SAME: Final = "same"
OTHER: Final = "other"
PASSED: Final = "passed"
SKIPPED: Final = "skipped"
INTERRUPTED: Final = "interrupted"
RERUN_WORDS: Final[Mapping[str | None, str]] = {
    SAME: "run again, it failed the same way",
    OTHER: "run again, it failed another way",
    PASSED: "run again, it passed",
    SKIPPED: "run again, it was skipped",
    INTERRUPTED: "run again, it was interrupted",
}
FLAKY: Final = "it may be flaky, or depend on the tests that ran before it"
"""What is said of one that did not fail the same way."""


def attempt_words(number: int, rerun: str | None) -> str:
    """Give `attempt 2`, or more of a re-run of a failed test; nothing for the first attempt."""
    again = f": {RERUN_WORDS[rerun]}" if rerun in RERUN_WORDS else ""
    return f"attempt {number}{again}" if number > 1 else ""


def attempt_label(number: int, rerun: str | None) -> str:
    """Give the same in brackets, to stand behind the name of the test."""
    words = attempt_words(number, rerun)
    return f" ({words})" if words else ""
