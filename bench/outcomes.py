"""The pytest plugin that writes down what a run did (``-p outcomes``), and how two runs compare.

Per test and phase: the outcome, the output that pytest caught, what the failure says. Beside them
the warnings, by category and test. A comparison needs two plain runs: what differs between
these is the suite's own doing, and is told apart.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

FILE_VARIABLE = "OUTCOMES_FILE"
SAMPLE_VARIABLE = "OUTCOMES_SAMPLE"
OUR_WARNING = "RecorderWarning"
NOT_COLLECTED = "collect:failed"
OUR_SECTION = "Recorded trace"


@dataclass(frozen=True)
class Outcomes:
    """What one run wrote down: a list of phases for each test, and how often each warning came."""

    phases: Mapping[str, list[str]]
    details: Mapping[str, str]
    warnings: Mapping[str, int]
    process_s: float
    our_lines: frozenset[str] = frozenset()
    """The lines of the sections that we add to reports."""

    @property
    def our_warnings(self) -> int:
        return sum(n for name, n in self.warnings.items() if name.startswith(OUR_WARNING))


def read(path: Path) -> Outcomes:
    document = json.loads(path.read_text(encoding="utf-8"))
    lines = frozenset(document.pop("our_lines"))
    return Outcomes(**document, our_lines=lines)


@dataclass(frozen=True)
class Comparison:
    """A recorded run beside the plain runs before and after it."""

    tests: int
    flaky: tuple[str, ...]  # the plain runs differ
    different: tuple[str, ...]  # the plain runs agree, the recorded one differs
    details: tuple[str, ...]  # as above, but of output and messages
    warnings: tuple[str, ...]
    not_collected: tuple[str, ...]
    passed: int = 0  # in the first plain run: a suite that fails shows little


def compare(before: Outcomes, recorded: Outcomes, after: Outcomes) -> Comparison:
    tests = sorted({*before.phases, *recorded.phases, *after.phases})
    flaky = tuple(t for t in tests if before.phases.get(t) != after.phases.get(t))
    different = tuple(
        f"{test}: {_phases(before, test)} plain, {_phases(recorded, test)} recorded"
        for test in tests
        if test not in flaky and before.phases.get(test) != recorded.phases.get(test)
    )
    same = set(tests) - set(flaky)
    details = [
        f"{test}: {_first_difference(before.details.get(test), recorded.details.get(test))}"
        for test in _odd(before.details, recorded.details, after.details, same)
    ]
    warnings = _odd(before.warnings, recorded.warnings, after.warnings, None)
    not_collected = [test for test in tests if before.phases.get(test) == [NOT_COLLECTED]]
    return Comparison(
        len(tests) - len(not_collected),
        flaky,
        different,
        tuple(details),
        tuple(warning for warning in warnings if not _is_ours(warning)),
        tuple(not_collected),
        sum("call:passed" in said and not _has_failed(said) for said in before.phases.values()),
    )


def _has_failed(said: list[str]) -> bool:
    return any(phase.endswith(":failed") for phase in said)


def _first_difference(before: str | None, recorded: str | None) -> str:
    lines = zip_longest((before or "").splitlines(), (recorded or "").splitlines())
    for one, other in lines:
        if one != other:
            return f"{(one or '')[:120]!r} plain, {(other or '')[:120]!r} recorded"
    return "other ends of lines"


def _phases(outcomes: Outcomes, test: str) -> str:
    return " ".join(outcomes.phases.get(test, ["not run"]))


def _is_ours(warning: str) -> bool:
    return warning.startswith(OUR_WARNING)


def _odd(
    before: Mapping[str, Any],
    recorded: Mapping[str, Any],
    after: Mapping[str, Any],
    among: set[str] | None,
) -> Iterator[str]:
    """Give the keys where the plain runs agree and the recorded one does not."""
    for key in sorted({*before, *recorded, *after}):
        agreed = before.get(key) == after.get(key)
        if agreed and before.get(key) != recorded.get(key) and (among is None or key in among):
            yield key


# The plugin. It uses what it took at import: tests replace much of what it needs.

_phases_of: dict[str, list[str]] = {}
_details: dict[str, list[str]] = {}
_warnings: dict[str, int] = {}
_our_lines: set[str] = set()
_digest = hashlib.sha256
_dumps, _times, _open = json.dumps, os.times, os.open
_MOST_CHARS = 2000
"""Of a longer text the rest is a digest."""
_CHANGES = re.compile(r"0x[0-9a-f]+|\b\d+\.\d+\b|pytest-\d+")
"""Addresses, times and the number of the temporary folder differ in each run."""


def pytest_runtest_logreport(report: Any) -> None:
    expected = ":xfail" if hasattr(report, "wasxfail") else ""
    _phases_of.setdefault(report.nodeid, []).append(f"{report.when}:{report.outcome}{expected}")
    crash = getattr(report.longrepr, "reprcrash", None)
    for name, content, *_ in (*getattr(report.longrepr, "sections", ()), *report.sections):
        if name.startswith(OUR_SECTION):
            _our_lines.update(line.strip() for line in content.splitlines() if line.strip())
    said = [
        f"{name}\n{text}" for name, text in report.sections if not name.startswith(OUR_SECTION)
    ]
    said.append("" if crash is None else str(crash.message))
    _details.setdefault(report.nodeid, []).append(_CHANGES.sub("_", "\n".join(said)))


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _phases_of[report.nodeid] = [NOT_COLLECTED]


def pytest_warning_recorded(warning_message: Any, nodeid: str) -> None:
    key = f"{warning_message.category.__name__} {nodeid}"
    _warnings[key] = _warnings.get(key, 0) + 1


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep a sample of at most so many tests, spread evenly."""
    most = int(os.environ.get(SAMPLE_VARIABLE, "0"))
    if most and len(items) > most:
        step = -(-len(items) // most)
        left_out = [item for number, item in enumerate(items) if number % step]
        items[:] = items[::step]
        config.hook.pytest_deselected(items=left_out)


def _shortened(text: str) -> str:
    if len(text) <= _MOST_CHARS:
        return text
    return f"{text[:_MOST_CHARS]} {_digest(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def pytest_sessionfinish() -> None:
    spent = _times()
    document = {
        "phases": _phases_of,
        "details": {
            test: _shortened("\n".join(said)) for test, said in _details.items() if any(said)
        },
        "warnings": _warnings,
        "process_s": sum(spent[:4]),
        "our_lines": sorted(_our_lines),
    }
    # Not `open`: a suite that replaces it may not have put it back.
    file = _open(os.environ[FILE_VARIABLE], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    with os.fdopen(file, "w", encoding="utf-8") as stream:
        stream.write(_dumps(document))
