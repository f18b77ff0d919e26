"""Explains a failure in at most 200 lines of Markdown, for people and for programs that read text.

What a reader needs to find the cause stands in it: the test, the exception, the source, the calls
with their arguments, where the values came from, output, handled exceptions, and what is unknown.
The text is the same for the same trace. Whatever was recorded stands in code spans and fences.
"""

import ast
from pathlib import Path

from pytest_recorder.analysis.expressions import span_of
from pytest_recorder.analysis.failure import Failure, StackFrame, find_failure
from pytest_recorder.analysis.history import MOST_EVENTS, History
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.slicer import origins_of_failure
from pytest_recorder.analysis.source_text import shown_file
from pytest_recorder.analysis.sources import SourceFiles
from pytest_recorder.analysis.story import tell
from pytest_recorder.analysis.surroundings import handled_exceptions, log_tail, output_tail
from pytest_recorder.analysis.value_text import render_value
from pytest_recorder.format.events import Position
from pytest_recorder.render.attempt_words import attempt_words
from pytest_recorder.render.carets import carets
from pytest_recorder.render.explanation_object import (
    MOST_HANDLED,
    MOST_LOG,
    MOST_OUTPUT,
    log_text,
)
from pytest_recorder.render.markdown import code, fenced
from pytest_recorder.render.missing import missing_lines
from pytest_recorder.render.origin_tree import render_origins
from pytest_recorder.render.steps import FailedAt, last_lines, render_steps
from pytest_recorder.render.time_limit import time_limit_text
from pytest_recorder.tracefile.reader import Trace

MOST_LINES = 200
_MOST_MESSAGE = 14
_MOST_CALLS = 14
_MOST_ORIGINS = 72
_FOR_THE_REST = 30  # lines of the section of what was not recorded, of titles and fences
_MOST_OTHERS = 5
_MOST_STEPS = 16
_STEP_EVENTS = 400
_AROUND = 4
_LEFT_OUT = "     ..."


def explain(trace: Trace, *, test: str | None = None, most_events: int = MOST_EVENTS) -> str:
    """Give the explanation of a failure.

    `test` picks one in a trace of a whole run; the first that failed by default. At most about
    `most_events` are read for the search, from the failure back. Raises UsageError (ERR_QUERY) for
    a test that did not fail there.
    """
    history = History(trace, most_events=most_events)
    sources = SourceFiles(trace.source, trace.files())
    return _Explanation(history, sources, find_failure(history, test)).text()


class _Explanation:
    """Puts the sections together."""

    def __init__(self, history: History, sources: SourceFiles, failure: Failure) -> None:
        self._history = history
        self._trace = history.trace
        self._sources = sources
        self._failure = failure
        self._root = Path(history.trace.manifest.root)

    def text(self) -> str:
        """Give the whole text; a section that has nothing to say is left out."""
        head = self._head() + self._exception() + self._source() + self._stack()
        tail = self._output() + self._log() + self._handled()
        room = MOST_LINES - len(head) - len(tail) - _FOR_THE_REST
        origins = self._origins(min(_MOST_ORIGINS, room))
        steps = self._steps() if not origins else []
        # Last, for it tells whether the searches above came to their end.
        tail += _section("What was not recorded", missing_lines(self._history, self._failure))
        lines = head + origins + steps + tail
        return "\n".join(lines) + "\n"

    def _place(self, file: str | None, line: int | None) -> str:
        return f"{shown_file(file or '?', self._root)}:{line}"

    def _head(self) -> list[str]:
        manifest, failure, trace = self._trace.manifest, self._failure, self._trace
        what = failure.test or manifest.test or "a program"
        has_failed = failure.exception is not None or manifest.outcome == "failed"
        lines = [f"# {'Failure of' if has_failed else 'Last moments of'} {code(what)}", ""]
        words = attempt_words(manifest.attempt, manifest.rerun)
        attempt = f", {words}" if words else ""
        phase = f" in {failure.phase}" if failure.phase else ""
        lines.append(f"- outcome: {code(manifest.outcome or 'unknown')}{phase}{attempt}")
        unseen = self._unseen()
        if failure.exception is not None:
            first = failure.exception.message.partition("\n")[0]
            lines.append(f"- exception: {code(_with_message(failure.exception.type, first))}")
        elif unseen is not None:
            lines.append(f"- exception: {code(unseen.exception)}, as pytest says")
            place = self._place(unseen.file, unseen.line)
            lines.append(f"- failed at: {code(place)}, which was not recorded")
        elif has_failed:
            lines.append("- exception: none escaped recorded code")
        if failure.stack:
            last = failure.stack[-1]
            word = "failed at" if failure.exception is not None else "last line recorded"
            place = self._place(last.file, last.line)
            lines.append(f"- {word}: {code(place)} in {code(last.function)}")
        limit = manifest.failing.time_limit if manifest.failing is not None else None
        if limit is not None:
            text = time_limit_text(code(limit), trace.trailer.recording_cpu_us)
            lines.append(f"- {text}")
        status = trace.status if trace.reason is None else f"{trace.status} ({trace.reason})"
        lines.append(
            f"- trace: {status}, {len(trace)} events, level {code(manifest.level)},"
            f" Python {code(manifest.python)}"
        )
        if failure.others:
            shown = ", ".join(code(other, width=100) for other in failure.others[:_MOST_OTHERS])
            more = len(failure.others) - _MOST_OTHERS
            shown += f" and {more} more" if more > 0 else ""
            lines.append(f"- failed in the same run (`--test` explains them): {shown}")
        return lines

    def _exception(self) -> list[str]:
        error = self._failure.exception
        if error is None or ("\n" not in error.message and len(error.message) < 150):
            return []
        lines = _with_message(error.type, error.message).split("\n")
        shown = lines[:_MOST_MESSAGE]
        if len(lines) > len(shown):
            shown.append(f"... {len(lines) - len(shown)} more lines")
        if error.length > len(error.message):
            shown.append(f"... cut, {error.length} characters in all")
        return _section("Exception", fenced(shown, width=240))

    def _unseen(self) -> FailedAt | None:
        """Where it failed, for a failure that the recording has not seen."""
        said = self._trace.manifest.failing
        if said is None or said.exception is None or self._failure.exception is not None:
            return None
        return FailedAt(said.file, said.line, said.exception, "")

    def _source(self) -> list[str]:
        unseen = self._unseen()
        if unseen is not None:
            return self._source_at(unseen.file, unseen.line)
        if not self._failure.stack:
            return []
        frame = self._failure.stack[-1]
        return self._source_at(frame.file, frame.line, frame.position)

    def _source_at(self, path: str, line: int, position: Position | None = None) -> list[str]:
        file = self._sources.file(path)
        if file is None or not 0 < line <= len(file.lines):
            return _section("Failing source", ["The source of this file was not recorded."])
        stmt = file.statement(line)
        marked = range(line, line + 1)
        is_text = isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Constant)
        # An example of a doctest is one line of a text.
        if stmt is not None and not is_text and len(span_of(stmt)) <= 12:
            marked = span_of(stmt)
        first = max(1, marked[0] - _AROUND)
        gaps = self._trace.left_out(path)
        if any(line in gap for gap in gaps):
            said = "The trace does not hold this line: no function that ran has it."
            return _section("Failing source", [said])
        shown: list[str] = []
        for n in range(first, min(marked[-1] + 2, len(file.lines)) + 1):
            if any(n in gap for gap in gaps):
                if not shown or shown[-1] != _LEFT_OUT:
                    shown.append(_LEFT_OUT)
                continue
            text = file.lines[n - 1]
            shown.append(f"{'>' if n in marked else ' '} {n:>4}  {text}")
            under = carets(text, n, position)
            if under:
                shown.append(" " * 8 + under)
        title = f"Failing source: {code(self._place(path, line))}"
        return _section(title, fenced(shown))

    def _stack(self) -> list[str]:
        stack = self._failure.stack
        if not stack:
            return []
        shown: list[str] = []
        for at, frame in enumerate(stack):
            left_out = len(stack) - _MOST_CALLS
            if left_out > 0 and 3 <= at < 3 + left_out:
                if at == 3:
                    shown.append(f"... {left_out} calls in between")
                continue
            shown += self._call(frame)
        return _section("Calls that led there, the innermost last", fenced(shown))

    def _call(self, frame: StackFrame) -> list[str]:
        args = (
            ", ".join(f"{name}={render_value(v, width=60)}" for name, v in frame.args.items())
            if frame.args is not None
            else "arguments not recorded"
        )
        file = self._sources.file(frame.file)
        source = self._sources.text(frame.file, frame.line)
        place = self._place(frame.file, frame.line)
        lines = [f"{place} in {frame.function}({args})", f"    {source}"]
        if source and file is not None:
            whole = file.lines[frame.line - 1]
            indent = len(whole) - len(whole.lstrip())
            under = carets(whole, frame.line, frame.position)
            if under:
                lines.append("    " + under[indent:])
        return lines

    def _roots(self) -> list[Origin]:
        return origins_of_failure(self._history, self._sources, self._failure)

    def _origins(self, most: int) -> list[str]:
        if self._failure.exception is None or not self._failure.stack:
            return []
        lines = render_origins(self._roots(), self._root, most=most)
        if not lines:
            return []
        note = (
            "Each value that the failing line used, and below it what made it so, the latest"
            " first. What stands deeper was used by the line above it."
        )
        return _section("Where the values came from", [note, "", *fenced(lines, width=220)])

    def _steps(self) -> list[str]:
        failure = self._failure
        start = max(0, failure.end - _STEP_EVENTS)
        events = self._history.between(start, min(failure.end + 1, len(self._history)))
        steps = tell(events, _MOST_STEPS, until=failure.end)
        lines = render_steps(steps, self._trace.source, root=self._root, width=110)
        unseen = self._unseen()
        if unseen is not None:
            lines += last_lines(steps, unseen, self._trace.source, root=self._root)
        return _section("Last steps", fenced(lines)) if lines else []

    def _output(self) -> list[str]:
        lines = output_tail(self._history, self._failure.end, MOST_OUTPUT)
        return _section("Output before it, the last lines", fenced(lines)) if lines else []

    def _log(self) -> list[str]:
        lines: list[str] = []
        for event in log_tail(self._history, self._failure.end, MOST_LOG):
            place = self._place(event.file, event.line)
            lines.append(f"{event.level} {event.logger}: {log_text(event)}  [{place}]")
        return _section("Log before it, the last records", fenced(lines)) if lines else []

    def _handled(self) -> list[str]:
        found = handled_exceptions(self._history, self._failure, MOST_HANDLED)
        lines: list[str] = []
        for handled in found:
            raised = handled.raised
            first = handled.exception.message.partition("\n")[0]
            lines.append(
                f"{_with_message(handled.exception.type, first)}  raised at"
                f" {self._place(raised.file, raised.line)} in {raised.function}"
            )
            if handled.went_on is not None:
                on = handled.went_on
                text = self._sources.text(on.file, on.line)
                lines.append(f"    went on at {self._place(on.file, on.line)}  {text}")
        if not lines:
            return []
        return _section("Other exceptions that were raised before it", fenced(lines))


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _with_message(kind: str, message: str) -> str:
    return f"{kind}: {message}" if message else kind
