"""Names the cells of the table of docs/policy.md: what fails, and what the policy says about it.

Imported by the processes that run the cells too: standard library only.
"""

from itertools import product
from typing import NamedTuple


class Situation(NamedTuple):
    """Something that goes wrong: what makes it happen here, and who it is said to be."""

    words: str
    inject: str
    kind: str
    code: str


SITUATIONS = (
    Situation("the disk is full during the test", "spool-full:2", "environment", "ERR_IO"),
    Situation("a fault of the recorder during the test", "panic:9", "internal", "ERR_UNKNOWN"),
    Situation(
        "a fault of the recorder at the end", "finish", "internal", "ERR_TRACE_INCOMPLETE"
    ),
    Situation("the recording cannot begin", "start", "environment", "ERR_IO"),
    Situation("the trace cannot be written", "write-enospc:9", "environment", "ERR_IO"),
    Situation("packing the trace fails", "pack", "internal", "ERR_UNKNOWN"),
    Situation(
        "something refuses inspection",
        "target-args",
        "target",
        "ERR_FRAME_INTROSPECTION_FAILED",
    ),
    Situation("no event is recorded", "suppress-events", "usage", "ERR_TRACE_MISSING"),
)
POLICIES = ("abort", "disable", "fail", "warn", "ignore", "stop")
FLAGS = tuple(product((False, True), (True, False)))
"""`require_trace` and `keep_partial`, in the order of the table's columns."""
COLUMNS = (
    "nothing else",
    "`--no-record-keep-partial`",
    "`--record-require-trace`",
    "both",
)


class Cell(NamedTuple):
    """One policy for one test."""

    policy: str
    is_required: bool
    is_kept: bool

    @property
    def name(self) -> str:
        """The name of its test."""
        return f"{self.policy}_{int(self.is_required)}_{int(self.is_kept)}"

    def settings(self, kind: str) -> dict[str, object]:
        """The keywords of its marker."""
        found: dict[str, object] = {
            "require_trace": self.is_required,
            "keep_partial": self.is_kept,
        }
        if self.policy in ("abort", "disable"):
            return {**found, "on_error": self.policy}
        return {**found, "errors": f"{kind}={self.policy}"}


CELLS = tuple(Cell(policy, *flags) for policy in POLICIES for flags in FLAGS)
