"""Says what is known of a trace, or what would record here."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, cast

from pytest_recorder import compat
from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.cli import covers
from pytest_recorder.cli.locate import check_whole, open_argument
from pytest_recorder.engine.rivals import rival_tracer
from pytest_recorder.engine.select import select, why_refused
from pytest_recorder.errors import ErrorCode, usage
from pytest_recorder.settings.policy import Policy, policy_digest
from pytest_recorder.settings.process_policy import configure_policy_from_env, sourced_policy
from pytest_recorder.system import compiled
from pytest_recorder.tracefile import scan
from pytest_recorder.tracefile.reader import Trace

HELP = "say what is known of a trace; without one, what would record here and why"

_MOST_SOURCES = 200


def prepare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("trace", nargs="?", metavar="TRACE")
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--policy",
        action="store_true",
        help="print each value of the policy and where it came from; without a trace, that of"
        " pytest and that of programs here",
    )
    covers.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the fields."""
    given = [*([] if args.trace is None else [args.trace]), *args.arguments]
    if args.covers is not None:
        found = covers.answer(args.covers, args.function, given)
        covers.show(found, as_json=args.json)
        return 0
    _check_alone(given, args.function)
    if args.trace is None:
        _print(_policies() if args.policy else _here(), args)
        return 0
    with open_argument(Path(args.trace)) as trace:
        _print(_policy_of(trace) if args.policy else _of(trace), args)
        check_whole(trace)
    return 0


def _check_alone(given: list[str], function: str | None) -> None:
    """Refuse what only `--covers` takes."""
    if function is not None:
        raise usage(ErrorCode.INVALID_OPTION, "--function is for --covers FILE")
    if len(given) > 1:
        raise usage(ErrorCode.INVALID_OPTION, f"one trace at a time, not {given[1]!r} too")


def _print(fields: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        sys.stdout.write(json.dumps(fields, indent=2) + "\n")
        return
    if args.policy:
        _print_policies(fields)
        return
    for name, value in fields.items():
        if value not in (None, "", [], {}):
            print(f"{safe_text(name):<17} {safe_text(_plain(value))}")


def _here() -> dict[str, Any]:
    choice = select()
    return {
        "python": f"{compat.IMPLEMENTATION} {compat.PYTHON_VERSION}",
        "engine": choice.engine,
        "engine_reason": choice.reason,
        "hot_path": choice.hot_path,
        "hot_path_reason": choice.hot_path_reason,
        "packing": "C" if scan.WHY_PURE is None else "Python",
        "packing_reason": scan.WHY_PURE or "the extension was built",
        "not_built": compiled.build_failures(),
        "refused": why_refused(),
        "limits": list(choice.capabilities.limits()),
        "rival": rival_tracer(),
    }


def _policies() -> dict[str, Any]:
    """Give the two policies of this folder: pytest knows its ini file, programs have none."""
    from pytest_recorder.plugin import inquiry  # imports pytest, which takes a while

    configure_policy_from_env()
    chosen = sourced_policy()
    answer = inquiry.ask()
    return {
        "pytest": _policy_facts(Policy(**answer["policy"]), answer["sources"]),
        "programs": _policy_facts(chosen.policy, chosen.sources),
    }


def _policy_of(trace: Trace) -> dict[str, Any]:
    manifest = trace.manifest
    return {
        "trace": {
            "policy": manifest.policy,
            "sources": manifest.policy_sources,
            "sha256": manifest.policy_sha256,
        }
    }


def _policy_facts(policy: Policy, sources: dict[str, str]) -> dict[str, Any]:
    return {
        "policy": policy.plain(),
        "sources": sources,
        "sha256": policy_digest(policy),
    }


_TITLES = {
    "pytest": "pytest here",
    "programs": "programs here (the API, pytest-recorder run, auto-start)",
    "trace": "this trace",
}


def _print_policies(fields: dict[str, Any]) -> None:
    for at, (name, found) in enumerate(fields.items()):
        digest = safe_text(str(found["sha256"]))
        print(f"{chr(10) if at else ''}{_TITLES[name]}, sha256 {digest}")
        for key, value in found["policy"].items():
            source = found["sources"].get(key, "not recorded")
            shown = "-" if value in (None, {}) else _plain(value)
            print(safe_text(f"  {key:<18} {shown:<12} {source}"))


def _of(trace: Trace) -> dict[str, Any]:
    manifest, trailer = trace.manifest, trace.trailer
    return {
        "test": manifest.test,
        "attempt": manifest.attempt,
        "outcome": manifest.outcome,
        "status": trace.status,
        "reason": trace.reason,
        "message": trace.message,
        "events": len(trace),
        "dropped": trailer.dropped,
        "size_bytes": trace.size_bytes,
        "files": trace.files(),
        "lines_left_out": _lines_left_out(trace),
        "threads": list(trace.threads().values()),
        "duration_us": trailer.duration_us,
        "recording_cpu_us": trailer.recording_cpu_us,
        "counters": dict(trailer.counters),
        **manifest.model_dump(mode="json", exclude={"test", "attempt", "outcome"}),
    }


def _lines_left_out(trace: Trace) -> dict[str, int]:
    """Say of how many lines of each file the trace does not hold the text."""
    counts: dict[bytes, int] = {}
    found: dict[str, int] = {}
    for file in trace.files():
        digest = trace.digest(file)
        if digest is not None and (digest in counts or len(counts) < _MOST_SOURCES):
            if digest not in counts:
                counts[digest] = sum(map(len, trace.left_out(file)))
            if counts[digest]:
                found[file] = counts[digest]
    return found


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value)
        return ", ".join(f"{key}={item}" for key, item in pairs.items())
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    return str(value)
