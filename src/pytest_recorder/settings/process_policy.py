"""Keeps the policy of this process: what variables say, then what `configure_policy` was told.

An error for which there is no recording is told by it.
"""

from collections.abc import Mapping
from typing import Final

from pytest_recorder.errors import RecorderError, UsageError
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.settings.config import Action
from pytest_recorder.settings.policy import (
    POLICY_OPTIONS,
    Policy,
    Sourced,
    fields_from_env,
    open_journal,
    parse_fields,
    parse_value,
    variables_in,
)
from pytest_recorder.system.originals import allocate_lock, environment


class _PolicyOfProcess:
    """The process-wide policy: variables, then what `configure_policy` was told."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._from_env: dict[str, object] = {}
        self._variables: dict[str, str] = {}
        self._configured: dict[str, object] = {}

    def configure(self, fields: dict[str, object]) -> None:
        with self._lock:
            self._configured = self._configured | fields

    def refresh(self, fields: dict[str, object], variables: dict[str, str]) -> None:
        with self._lock:
            self._from_env, self._variables = fields, variables

    def reset(self) -> None:
        with self._lock:
            self._from_env, self._variables, self._configured = {}, {}, {}

    @property
    def configured(self) -> dict[str, object]:
        with self._lock:
            return self._configured

    def policy(self, override: Mapping[str, object], sources: Mapping[str, str]) -> Sourced:
        with self._lock:
            fields = {**self._from_env, **self._configured, **override}
            found = {
                **dict.fromkeys(POLICY_OPTIONS, "default"),
                **{key: f"{name} (environment)" for key, name in self._variables.items()},
                **dict.fromkeys(self._configured, "configure_policy"),
                **sources,
            }
        return Sourced(Policy.checked(fields), found)


_POLICY: Final = _PolicyOfProcess()


def configure_policy(**fields: object) -> None:
    """Set fields for this process; they win over variables. Nothing changes on a bad value."""
    try:
        _POLICY.configure(parse_fields(fields, "configure_policy"))
    except UsageError as error:
        tell(error, fields)
        raise


def configure_policy_from_env(environ: Mapping[str, str] | None = None) -> None:
    """Read the variables again; one that is no longer set gives its field the default back."""
    used = environment() if environ is None else environ
    try:
        _POLICY.refresh(fields_from_env(used), dict(variables_in(used)))
    except UsageError as error:
        tell(error, environ=used)
        raise


def reset_policy() -> None:
    """Forget everything that was configured or read."""
    _POLICY.reset()


def current_policy(override: Mapping[str, object] | None = None) -> Policy:
    """The policy of a session that starts now; `override` holds for that session alone."""
    return sourced_policy(override).policy


def sourced_policy(
    override: Mapping[str, object] | None = None, flags: Mapping[str, str] | None = None
) -> Sourced:
    """The same with the source of each value; `flags` are the options that gave the override.

    :raises UsageError: ``ERR_INVALID_POLICY_VALUE`` for a bad override.
    """
    if flags is None:
        fields = parse_fields({} if override is None else override)
        return _POLICY.policy(fields, dict.fromkeys(fields, "policy (argument)"))
    sources = {key: f"{flag} (command line)" for key, flag in flags.items()}
    given = override or {}
    fields = {key: parse_value(key, given[key], source) for key, source in sources.items()}
    return _POLICY.policy(fields, sources)


def policy_snapshot() -> dict[str, object]:
    """The process-wide policy as plain data."""
    return current_policy().plain()


def tell(
    error: RecorderError,
    override: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    action: Action = "fail",
    by: str = "policy",
) -> None:
    """Tell an error for which there is no session, in the log and by its trailer.

    It may be the policy that is wrong: what can be read of it decides where to tell.
    """
    journal = open_journal(_readable(override, environ))
    journal.failure(error, action, by=by)
    journal.close()


def _readable(
    override: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Policy:
    """Give the policy without the fields that have bad values."""
    found: dict[str, object] = {}
    used = environment() if environ is None else environ
    for key, variable in variables_in(used):
        _read(found, key, used[variable], variable)
    found |= _POLICY.configured
    # What is wrong may be that it is no mapping at all.
    if isinstance(override, Mapping):
        for key, value in override.items():
            _read(found, key, value, key)
    return Policy.checked(found)


def _read(found: dict[str, object], key: str, value: object, source: str) -> None:
    if key not in POLICY_OPTIONS:
        return
    try:
        found[key] = parse_value(key, value, source)
    except UsageError:
        return
