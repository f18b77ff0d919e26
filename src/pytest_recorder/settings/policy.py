"""Decides what an error of the recorder does: the policy, its checks, the table of actions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from pytest_recorder.diagnostics.journal import Journal
from pytest_recorder.errors import ErrorCode, ErrorKind, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings import OPTIONS, Option
from pytest_recorder.settings.config import (
    Action,
    Fields,
    KindName,
    LogLevel,
    OnError,
    Settings,
    check_value,
    default_of,
)
from pytest_recorder.settings.parse import invalid, parse_option
from pytest_recorder.system import files, json_text
from pytest_recorder.system.originals import OS

if TYPE_CHECKING:
    from os import PathLike

# The options of the policy by their keys; first those that CodeTracer has too.
POLICY_OPTIONS: Final[Mapping[str, Option]] = MappingProxyType(
    {
        option.policy_key: option
        for option in sorted(OPTIONS, key=lambda option: len(option.variables), reverse=True)
        if option.policy_key
    }
)


def _option(key: str) -> Any:
    return default_of(POLICY_OPTIONS[key].policy_default)


@dataclass(frozen=True)
class Policy(Fields):
    """What to do when something goes wrong. Frozen; the defaults are those of the API.

    A line here gives a key its type; what else there is to know of it stands in the table.
    """

    on_recorder_error: OnError = _option("on_recorder_error")
    require_trace: bool = _option("require_trace")
    keep_partial_trace: bool = _option("keep_partial_trace")
    log_level: LogLevel | None = _option("log_level")
    log_file: str | None = _option("log_file")
    json_errors: bool = _option("json_errors")
    record_errors: dict[KindName, Action] = _option("record_errors")

    @classmethod
    def _check(cls, name: str, value: object) -> Any:
        found = check_value(POLICY_OPTIONS[name], name, value)
        return str(found) if isinstance(found, Path) else found


class Sourced(NamedTuple):
    """A policy, and for each of its fields where the value came from."""

    policy: Policy
    sources: dict[str, str]


# The table of docs/policy.md. An ignored target error is marked in the trace and counted.
PRESETS: Final[Mapping[OnError, Mapping[KindName, Action]]] = MappingProxyType(
    {
        "abort": MappingProxyType[KindName, Action](
            {"usage": "fail", "environment": "fail", "target": "ignore", "internal": "fail"}
        ),
        "disable": MappingProxyType[KindName, Action](
            {"usage": "fail", "environment": "warn", "target": "ignore", "internal": "warn"}
        ),
    }
)


def action_for(policy: Policy, kind: ErrorKind) -> Action:
    """What an error of `kind` does: the mapping by kind, else the preset.

    A usage error before the first test is reported whatever this says: nothing has run that a
    wrong command could be ignored for.
    """
    name = cast("KindName", kind.lower())
    return policy.record_errors.get(name) or PRESETS[policy.on_recorder_error][name]


def policy_digest(policy: Policy) -> str:
    """SHA-256, in hex, of the policy as JSON with sorted keys and without spaces."""
    return sha256(json_text.sorted_ascii(policy.plain())).hexdigest()


def policy_of(settings: Settings) -> Policy:
    """The policy part of a run's settings."""
    found: dict[str, object] = {}
    for key, option in POLICY_OPTIONS.items():
        value: object = getattr(settings, option.field)
        found[key] = str(value) if isinstance(value, Path) else value
    # Checked already; to do it again would make paths anew, by what a test may have replaced.
    return Policy(**cast("dict[str, Any]", found))


def parse_fields(fields: Mapping[str, object], source: str = "policy") -> dict[str, object]:
    """Check explicit fields; None and blank text clear a field that can be empty.

    :raises UsageError: ``ERR_INVALID_POLICY_VALUE`` for an unknown key or a bad value.
    """
    if not isinstance(fields, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise invalid(
            fields, source, "a mapping of policy fields", POLICY_OPTIONS["on_recorder_error"]
        )
    parsed: dict[str, object] = {}
    for key, value in fields.items():
        if key not in POLICY_OPTIONS:
            names = ", ".join(POLICY_OPTIONS)
            text = f"unknown key {key!r} in {source}, expected one of {names}"
            raise usage(ErrorCode.INVALID_POLICY_VALUE, text)
        parsed[key] = parse_value(key, value, f"{key} ({source})")
    return parsed


def fields_from_env(environ: Mapping[str, str]) -> dict[str, object]:
    """The policy fields that variables set; ours win over ``CODETRACER_*``, empty is unset."""
    return {
        key: parse_value(key, environ[variable], f"{variable} (environment)")
        for key, variable in variables_in(environ)
    }


def variables_in(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name the keys that variables set, each with the variable that counts."""
    for key, option in POLICY_OPTIONS.items():
        variable = option.variable_in(environ)
        if variable:
            yield key, variable


def parse_value(key: str, value: object, source: str) -> object:
    """Check one field; `source` is what a complaint names.

    :raises UsageError: ``ERR_INVALID_POLICY_VALUE``.
    """
    option = POLICY_OPTIONS[key]
    is_empty = value is None or (isinstance(value, str) and not value.strip())
    if is_empty and option.default in (None, {}):
        return option.default
    if isinstance(value, OS.path_like):
        value = OS.fspath(cast("PathLike[str]", value))
    parsed = parse_option(option, value, source)
    if option.form == "path":
        # Made absolute at once: the program may change its directory.
        return str(files.absolute(cast("str", parsed)))
    return parsed


def open_journal(policy: Policy, run_id: str | None = None) -> Journal:
    """Open the journal that a policy asks for; the caller closes it."""
    return Journal(
        run_id,
        level=policy.log_level,
        file=policy.log_file,
        json_errors=policy.json_errors,
    )
