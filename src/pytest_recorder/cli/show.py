"""Shows a trace as text: the call tree with values, or the steps before a moment."""

import argparse
import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path

from pytest_recorder.analysis.failure import last_failure_point
from pytest_recorder.analysis.history import ALL_EVENTS, History
from pytest_recorder.analysis.source_text import SourceLines, shown_file
from pytest_recorder.analysis.story import Story, tell, tell_failure
from pytest_recorder.analysis.value_text import (
    RenderValue,
    render_numbered,
    render_value,
    safe_text,
)
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.cli.progress import with_progress
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.export.jsonl import dump, event_object
from pytest_recorder.format.events import Event
from pytest_recorder.render.call_tree import TreePrinter
from pytest_recorder.render.steps import render_steps, used_lines
from pytest_recorder.tracefile.reader import Trace

HELP = "show the calls of a trace, or the steps before its failure"


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "trace", type=Path, metavar="TRACE", help="a trace, or a folder of traces"
    )
    parser.add_argument("--at", metavar="failure|N", help="show the steps before this moment")
    parser.add_argument("-n", type=int, default=30, metavar="N", help="how many steps (30)")
    parser.add_argument("--lines", action="store_true", help="show lines and changes too")
    parser.add_argument(
        "--objects",
        action="store_true",
        help="name containers and instances by their numbers, as #17",
    )
    parser.add_argument("--function", metavar="NAME", help="only calls of this function")
    parser.add_argument("--file", metavar="PATTERN", help="only calls in files like this")
    parser.add_argument("--grep", metavar="REGEX", help="only events with this in their text")
    parser.add_argument(
        "--width", type=int, default=120, metavar="N", help="longest line (120)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the story."""
    with open_argument(args.trace) as trace:
        root = Path(trace.manifest.root)
        lines = (_steps if args.at is not None else _tree)(trace, args, root)
        print(_header(trace))
        for line in lines:
            print(line)
        if trace.status == "partial":
            print(_partial(trace))
        check_whole(trace)
    return 0


def _header(trace: Trace) -> str:
    manifest = trace.manifest
    what = manifest.test or "a program"
    attempt = f", attempt {manifest.attempt}" if manifest.attempt > 1 else ""
    outcome = f" {manifest.outcome}" if manifest.outcome else ""
    line = (
        f"{what}{attempt}:{outcome} | {trace.status}, {len(trace):,} events | Python"
        f" {manifest.python}, {manifest.engine}/{manifest.hot_path}, level {manifest.level}"
    )
    return safe_text(line)


def _partial(trace: Trace) -> str:
    why = trace.message or "the recording ended early"
    held = f"{len(trace):,} events, {trace.trailer.dropped:,} dropped"
    return safe_text(f"partial: {trace.reason}: {why} ({held})")


def _steps(trace: Trace, args: argparse.Namespace, root: Path) -> list[str]:
    until: int | None = None
    if args.at != "failure":
        if not args.at.isdecimal() or int(args.at) >= len(trace):
            raise usage(
                ErrorCode.QUERY,
                f"bad value {args.at!r} for --at, expected failure or the number of an event"
                f" below {len(trace)}",
            )
        until = int(args.at)
    wanted = _filters(args, root)
    events = with_progress(trace.events(), len(trace), "read")
    lines: list[str] = []
    render = _render(args)
    if until is not None:
        story = Story(tell(events, args.n, until=until, wanted=wanted, render=render))
    else:
        is_of_run = trace.manifest.scope == "session"
        point = last_failure_point(History(trace, most_events=ALL_EVENTS), is_of_run=is_of_run)
        story = tell_failure(events, args.n, point, wanted=wanted, render=render)
        if story.failure is None:
            lines.append("no exception escaped recorded code; its last steps:")
    lines += render_steps(story.steps, trace.source, root=root, width=args.width)
    return lines + used_lines(story, trace.source, trace.manifest.level, render=render)


def _tree(trace: Trace, args: argparse.Namespace, root: Path) -> Iterable[str]:
    wanted = _filters(args, root)
    source = SourceLines(trace.source)
    printer = TreePrinter(
        root,
        wanted=wanted,
        source_of=source.line if args.lines else None,
        width=args.width,
        render=_render(args),
    )
    return printer.lines(with_progress(trace.events(), len(trace), "read"))


def _render(args: argparse.Namespace) -> RenderValue:
    return render_numbered if args.objects else render_value


def _filters(args: argparse.Namespace, root: Path) -> "Filter | None":
    if args.function is None and args.file is None and args.grep is None:
        return None
    try:
        pattern = re.compile(args.grep) if args.grep is not None else None
    except re.error as error:
        raise usage(
            ErrorCode.QUERY, f"bad value {args.grep!r} for --grep, expected a regex: {error}"
        ) from error
    return Filter(args.function, args.file, pattern, root)


class Filter:
    """Picks events; all conditions that were given must hold."""

    def __init__(
        self, function: str | None, file: str | None, grep: re.Pattern[str] | None, root: Path
    ) -> None:
        self._function = function
        self._file = file
        self._grep = grep
        self._root = root

    def __call__(self, event: Event) -> bool:
        name = event.function or ""
        if self._function is not None:
            last = name.rpartition(".")[2]
            if not any(fnmatch.fnmatchcase(part, self._function) for part in (name, last)):
                return False
        if self._file is not None:
            shown = shown_file(event.file or "", self._root)
            pattern = self._file if "*" in self._file else f"*{self._file}"
            if not fnmatch.fnmatchcase(shown, pattern):
                return False
        return self._grep is None or self._grep.search(dump(event_object(event))) is not None
