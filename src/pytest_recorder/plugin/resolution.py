"""Makes settings of what was given: command line, environment, ini file and marker."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import pytest

from pytest_recorder.errors import ErrorCode, UsageError, usage
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.plugin import (
    EXCLUDED_BY_RERUNS,
    given,
    ini_type,
    is_about_reruns,
    is_forced_off,
)
from pytest_recorder.settings import (
    BY_KEYWORD,
    BY_NAME,
    DEFAULT_FOLDER,
    OPTIONS,
    PREFIX,
    Option,
    is_switched_off,
)
from pytest_recorder.settings.config import Resolved, Settings
from pytest_recorder.settings.parse import check_switch, code_of, invalid, parse_option
from pytest_recorder.settings.policy import POLICY_OPTIONS, Policy

KILL_SWITCH: Final = f"{PREFIX}=0 (kill switch)"


def resolve(config: pytest.Config, environ: Mapping[str, str]) -> Resolved:
    """Merge all sources: kill switch, command line, environment, ini, default.

    :raises pytest_recorder.errors.UsageError: a value that its option does not take.
    """

    check_switch(environ)
    fields: dict[str, Any] = {
        "root": config.rootpath,
        "dir": config.invocation_params.dir / DEFAULT_FOLDER,
    }
    sources: dict[str, str] = {}
    for option in OPTIONS:
        found = _given(option, config, environ)
        if found is None:
            sources[option.name] = "default"
            continue
        fields[option.field] = _checked(option, found, config)
        sources[option.name] = found[1]
    forced_off = is_forced_off(config, environ)
    if forced_off:
        fields["enabled"] = False
        if is_switched_off(environ):
            sources["trace"] = KILL_SWITCH
    _check_rerun(fields, sources)
    return Resolved(Settings.checked(fields), sources, forced_off)


def _check_rerun(fields: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Refuse what makes no sense in a run that records re-runs only."""
    if not fields.get("rerun_failed"):
        return
    for name, value in EXCLUDED_BY_RERUNS.items():
        option = BY_NAME[name]
        if fields.get(option.field) == value:
            raise usage(
                ErrorCode.INVALID_OPTION,
                f"{sources['rerun_failed']} excludes {option.dest}={value!r}, which is from"
                f" {sources[name]}: a run is recorded, or what failed is run again, recorded;"
                f" turn one of them off (--no-record-rerun-failed)",
            )


def readable_policy(config: pytest.Config, environ: Mapping[str, str]) -> Policy:
    """Give what can be read of where to tell an error, when it is the options that are wrong."""

    fields: dict[str, Any] = {}
    for key, option in POLICY_OPTIONS.items():
        try:
            found = _given(option, config, environ)
            if found is not None:
                value = _checked(option, found, config)
                fields[key] = str(value) if isinstance(value, Path) else value
        except UsageError:
            continue
    return Policy.checked(fields)


def resolve_marker(
    settings: Settings,
    mark_args: tuple[object, ...],
    mark_kwargs: Mapping[str, object],
    *,
    is_forced_off: bool = False,
) -> Settings:
    """The settings of a test with ``@pytest.mark.record(*mark_args, **mark_kwargs)``.

    The marker turns recording on and implies ``keep="all"``; ``record(False)`` turns it off, for
    a re-run as well. One that only says whether there is a re-run does neither.

    :raises pytest_recorder.errors.UsageError: an argument that the marker does not take.
    """

    if len(mark_args) > 1 or not all(isinstance(arg, bool) for arg in mark_args):
        raise invalid(mark_args, "the record marker", "nothing, True or False, and keywords")
    is_on = bool(mark_args[0]) if mark_args else True
    fields: dict[str, Any] = {}
    if not is_about_reruns(mark_args, mark_kwargs):
        fields = {"enabled": is_on and not is_forced_off, "keep": "all"}
    if not is_on:
        fields["rerun_failed"] = False
    for name, value in mark_kwargs.items():
        if name not in BY_KEYWORD:
            raise usage(
                ErrorCode.INVALID_OPTION,
                f"unknown keyword {name!r} in @pytest.mark.record,"
                f" expected one of {', '.join(BY_KEYWORD)}",
            )
        option = BY_KEYWORD[name]
        fields[option.field] = parse_option(option, value, f"{name} (marker)")
    return settings.but(**fields)


def policy_sources(
    sources: Mapping[str, str], mark_kwargs: Mapping[str, object]
) -> dict[str, str]:
    """Where each field of a test's policy came from: the sources of the run, then the marker."""
    return {
        key: f"{option.name} (marker)" if option.name in mark_kwargs else sources[option.name]
        for key, option in POLICY_OPTIONS.items()
    }


def _given(
    option: Option, config: pytest.Config, environ: Mapping[str, str]
) -> tuple[object, str] | None:
    return given(option, config, environ) or _ini(option, config)


def _ini(option: Option, config: pytest.Config) -> tuple[object, str] | None:
    source = f"{option.dest} (ini)"
    try:
        value: object = config.getini(option.dest)
    except (ValueError, TypeError, pytest.UsageError) as exc:
        # pytest has already refused a value of the wrong type: 9.2 by UsageError, others raw.
        expected = {"bool": "true or false", "linelist": "a list of texts"}.get(
            ini_type(option), "text"
        )
        # The cause names the value.
        raise usage(code_of(option), f"bad value for {source}, expected {expected}") from exc
    is_set = (
        value is not None and value != [] and not (isinstance(value, str) and not value.strip())
    )
    return (value, source) if is_set else None


def _checked(option: Option, given: tuple[object, str], config: pytest.Config) -> object:
    value, source = given
    found = parse_option(option, value, source)
    return _absolute(cast("str", found), config, source) if option.form == "path" else found


def _absolute(text: str, config: pytest.Config, source: str) -> Path:
    base = config.rootpath if source.endswith("(ini)") else config.invocation_params.dir
    return Path(os.path.abspath(base / text))
