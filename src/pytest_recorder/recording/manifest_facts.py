"""Gathers what the manifest of a trace says of its run, its engine and its policy."""

import platform
from functools import cache
from importlib import metadata
from typing import Any

from pytest_recorder import compat
from pytest_recorder.engine.select import Choice
from pytest_recorder.format.layout import FORMAT_VERSION
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings import OPTIONS
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Policy, Sourced, policy_digest
from pytest_recorder.tracefile.naming import writable

_ORDER = (
    *("format", "run_id", "trace_id", "test", "attempt", "outcome", "phases"),
    *("failing", "fixtures"),
    *("python", "implementation", "platform", "versions"),
    *("engine", "engine_reason", "hot_path", "hot_path_reason", "limits"),
    *("level", "values", "scope", "root", "max_bytes"),
    *("policy", "policy_sha256", "policy_sources", "started", "pid"),
)
"""The fields in the order of `Manifest`."""
_PLATFORM = f"{platform.system()}-{platform.machine()}"
"""Asked for when this is imported: tests like to be on another system."""
_OPTIONS = {option.field for option in OPTIONS if option.in_manifest}
"""The options that a manifest has as they are; it has those of the policy as a whole."""


def manifest_facts_of_run(
    settings: Settings, choice: Choice, limits: tuple[str, ...], *, run_id: str, pid: int
) -> dict[str, Any]:
    """Give what all traces of a run have in common that are made with these settings."""
    return {
        "format": FORMAT_VERSION,
        "run_id": run_id,
        "outcome": None,
        "phases": {},
        "python": compat.PYTHON_VERSION,
        "implementation": compat.IMPLEMENTATION,
        "platform": _PLATFORM,
        "versions": dict(_versions()),
        "engine": choice.engine,
        "engine_reason": choice.reason,
        "hot_path": choice.hot_path,
        "hot_path_reason": choice.hot_path_reason,
        "limits": list(limits),
        "root": writable(str(settings.root)),
        "pid": pid,
        **settings.plain(_OPTIONS),
    }


def in_order(manifest: dict[str, Any]) -> dict[str, Any]:
    """Give a manifest with its fields in the order in which readers know them."""
    known = {name: manifest[name] for name in _ORDER if name in manifest}
    return known | manifest


def manifest_facts_of_policy(chosen: Sourced) -> dict[str, Any]:
    """Give the policy of a trace, its digest, and where each value came from."""
    return {
        "policy": _writable_policy(chosen.policy),
        "policy_sha256": policy_digest(chosen.policy),
        "policy_sources": chosen.sources,
    }


def _writable_policy(policy: Policy) -> dict[str, Any]:
    fields = policy.plain()
    if policy.log_file is not None:
        fields["log_file"] = writable(policy.log_file)
    return fields


@cache
def _versions() -> dict[str, str]:
    """Name the versions that wrote a trace; looked up once, before any test."""
    found: dict[str, str] = {}
    for name in ("pytest-record-trace", "pytest"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
