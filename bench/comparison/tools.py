"""Starts and stops each tool: ours, the limit, the peers. One small adapter each.

An adapter imports its tool and prepares it; that is not measured. It gives a `Session`, whose
`start` and `stop` are measured together with what runs between them. `stop` also writes what the
tool keeps of a run, as its own command would. What each of them records, and what that means for
a comparison, stands in `docs/performance.md`.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from comparison.limit import Limit

LEVELS = ("calls", "lines", "values")


class Job(NamedTuple):
    """What an adapter may know."""

    scope: str  # the file or folder that is to be recorded
    package: str  # the same as a pattern of dotted module names
    work: Path  # an empty folder for what the tool writes


class Session(NamedTuple):
    start: Callable[[], object]
    stop: Callable[[], object]
    facts: Callable[[], dict[str, Any]] = dict
    """Asked after the measurement: `events`, `dropped` where the tool can say."""


@dataclass(frozen=True)
class Tool:
    name: str
    level: str
    kind: str  # "untraced", "limit", "ours", "outside" (ours, nothing in scope) or "peer"
    open: Callable[[Job], Session]
    environ: dict[str, str] = field(default_factory=dict)
    needs: str = ""  # the requirement that installs it
    keeps_each_execution: bool = True

    @property
    def key(self) -> str:
        """The name on the command line."""
        return f"{self.name} {self.level}".strip().replace(" ", "-").replace(",", "")


def untraced(_job: Job) -> Session:
    return Session(lambda: None, lambda: None)


def limit(level: str) -> Callable[[Job], Session]:
    def open_limit(job: Job) -> Session:
        counter = Limit(job.scope, level)
        counted: list[int] = []
        return Session(
            counter.start,
            lambda: counted.append(counter.stop()),
            lambda: {"events": counted[-1]},
        )

    return open_limit


def ours(level: str, *, is_in_scope: bool = True) -> Callable[[Job], Session]:
    def open_ours(job: Job) -> Session:
        import pytest_recorder.recording.api as recording
        from pytest_recorder import open_trace

        file = job.work / "trace.pyrec"
        patterns = [re.sub(r"[\[*?]", r"[\g<0>]", job.scope)]
        scope = {"include" if is_in_scope else "exclude": patterns}

        def facts() -> dict[str, Any]:
            with open_trace(file) as trace:
                return {
                    "events": trace.trailer.events,
                    "dropped": trace.trailer.dropped,
                    "hot_path": f"{trace.manifest.engine}/{trace.manifest.hot_path}",
                }

        return Session(
            lambda: recording.start(file, level=level, **scope), recording.stop, facts
        )

    return open_ours


def coverage(job: Job) -> Session:
    from coverage import Coverage

    include = job.scope if job.scope.endswith(".py") else f"{job.scope}/*"
    measured = Coverage(
        data_file=str(job.work / "coverage"), include=[include], config_file=False
    )

    def stop() -> None:
        measured.stop()
        measured.save()

    return Session(measured.start, stop)


def viztracer(**options: bool) -> Callable[[Job], Session]:
    def open_viztracer(job: Job) -> Session:
        from viztracer import VizTracer

        # A filter on files also drops what a file in scope does below one that is not: good for
        # viztracer's time. Under pytest that would be everything.
        files = [job.scope] if job.scope.endswith(".py") else None
        tracer = VizTracer(
            tracer_entries=20_000_000,
            verbose=0,
            ignore_c_function=True,
            ignore_frozen=True,
            include_files=files,
            output_file=str(job.work / "viztracer.json"),
            **options,
        )

        def stop() -> None:
            tracer.stop()
            tracer.save()

        return Session(tracer.start, stop)

    return open_viztracer


def kolo(**options: bool) -> Callable[[Job], Session]:
    def open_kolo(job: Job) -> Session:
        os.environ["KOLO_PATH"] = str(job.work / "kolo")
        import kolo as package

        config = {"auto_emit": False, "hide_startup_message": True, **options}
        enabled = package.enable(config=config, _save_in_thread=False)
        return Session(enabled.__enter__, lambda: enabled.__exit__(None, None, None))

    return open_kolo


def hunter(level: str) -> Callable[[Job], Session]:
    def open_hunter(job: Job) -> Session:
        import hunter as package

        stream = (job.work / "hunter.txt").open("w", encoding="utf-8")
        where: dict[str, Any] = {"filename_startswith": job.scope}
        if level == "calls":
            where["kind_in"] = ("call", "return", "exception")
            actions = [package.CallPrinter(stream=stream)]
        else:
            actions = [package.CodePrinter(stream=stream)]
            if level == "values":
                actions.append(package.VarsSnooper(stream=stream))

        def stop() -> None:
            package.stop()
            stream.close()

        return Session(lambda: package.trace(package.Q(**where, actions=actions)), stop)

    return open_hunter


def codetracer(job: Job) -> Session:
    import codetracer_python_recorder as package

    filter_file = job.work / "filter.toml"
    filter_file.write_text(
        '[meta]\nname = "bench"\nversion = 1\n'
        '[scope]\ndefault_exec = "skip"\ndefault_value_action = "allow"\n'
        "[[scope.rules]]\n"
        f'selector = "pkg:glob:{job.package}"\nexec = "trace"\nvalue_default = "allow"\n'
    )

    def start() -> None:
        # Its JSON is faster to write than its binary form. Output is not captured.
        package.start(
            job.work / "codetracer",
            format="json",
            trace_filter=str(filter_file),
            policy={"io_capture_line_proxies": False},
        )

    return Session(start, package.stop)


_COVERAGE, _VIZTRACER, _KOLO, _HUNTER = "coverage", "viztracer", "kolo", "hunter"
_CODETRACER = "codetracer-python-recorder==0.3.0"

UNTRACED = Tool("untraced", "", "untraced", untraced)
TOOLS = {
    tool.key: tool
    for tool in (
        UNTRACED,
        Tool("limit", "calls", "limit", limit("calls")),
        Tool("limit", "lines", "limit", limit("lines")),
        *(Tool("ours", level, "ours", ours(level)) for level in LEVELS),
        Tool("out of scope", "values", "outside", ours("values", is_in_scope=False)),
        Tool(
            "coverage sysmon",
            "lines",
            "peer",
            coverage,
            {"COVERAGE_CORE": "sysmon"},
            _COVERAGE,
            keeps_each_execution=False,
        ),
        Tool(
            "coverage ctrace",
            "lines",
            "peer",
            coverage,
            {"COVERAGE_CORE": "ctrace"},
            _COVERAGE,
        ),
        Tool("viztracer raw", "calls", "peer", viztracer(dump_raw=True), needs=_VIZTRACER),
        Tool("viztracer", "calls", "peer", viztracer(), needs=_VIZTRACER),
        Tool(
            "viztracer raw, values",
            "calls",
            "peer",
            viztracer(dump_raw=True, log_func_args=True, log_func_retval=True),
            needs=_VIZTRACER,
        ),
        Tool("kolo", "calls", "peer", kolo(omit_return_locals=True), needs=_KOLO),
        Tool(
            "kolo light",
            "lines",
            "peer",
            kolo(line_events=True, lightweight_repr=True),
            needs=_KOLO,
        ),
        Tool("kolo", "values", "peer", kolo(line_events=True), needs=_KOLO),
        *(Tool("hunter", level, "peer", hunter(level), needs=_HUNTER) for level in LEVELS),
        Tool("codetracer", "values", "peer", codetracer, needs=_CODETRACER),
    )
}
PEERS = tuple(dict.fromkeys(tool.needs for tool in TOOLS.values() if tool.needs))
