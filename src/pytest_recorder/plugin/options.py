"""Registers the options with pytest, and tells whether this run says anything about recording.

The idle plugin imports this module: what a run that records makes of them is in `resolution`.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from pytest_recorder.settings import (
    BY_NAME,
    FALSE_WORDS,
    OPTIONS,
    Option,
    is_switched_off,
)


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini twin. All defaults are None, or the twin were dead."""
    group = parser.getgroup("record_trace", "execution traces (pytest-record-trace)")
    for option in OPTIONS:
        text = option.help
        if option.form == "bool":
            # Flags without a value, so that `--record-trace path/` never swallows the path.
            for flag, value in ((option.flag, True), (option.negative, False)):
                group.addoption(
                    flag,
                    dest=option.dest,
                    action="store_const",
                    const=value,
                    default=None,
                    help=text if value else f"turn {option.flag} off",
                )
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append" if option.is_list else "store",
                default=None,
                metavar=option.metavar,
                help=text + (" (repeatable)" if option.is_list else ""),
            )
        parser.addini(option.dest, text, type=ini_type(option), default=None)


def is_on(variable: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable that others set, such as `CI`, says yes: anything but a word for no."""
    return environ.get(variable, "").strip().lower() not in ("", *FALSE_WORDS)


def is_forced_off(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether not even a marker may turn recording on. Imports nothing."""
    if is_switched_off(environ):
        return True
    return config.getoption(BY_NAME["trace"].dest) is False


def needs_settings(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether this run records, or says something about recording that has to be checked.

    False lets the plugin stay idle until a marker turns up. Imports nothing. Ini keys other
    than ``record_trace`` do not count: they stand there for the runs that do record.
    """
    if is_forced_off(config, environ):
        return False
    if any(given(row, config, environ) is not None for row in OPTIONS):
        return True
    try:
        return bool(config.getini(BY_NAME["trace"].dest))
    except (ValueError, TypeError, pytest.UsageError):
        # `resolve` says what is wrong with it; here it would be an INTERNALERROR.
        return True


def is_asked_for(early_config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether it seems so before the conftest files are loaded, and the options are all known."""
    known = vars(early_config.known_args_namespace)
    if is_switched_off(environ):
        return False
    if any(known.get(row.dest) is not None or row.given_in(environ) for row in OPTIONS):
        return True
    try:
        return bool(early_config.getini(BY_NAME["trace"].dest))
    except (ValueError, TypeError, pytest.UsageError):
        return False


def given(
    option: Option, config: pytest.Config, environ: Mapping[str, str]
) -> tuple[object, str] | None:
    """Give what the command line or a variable says, not yet checked, and the source."""
    value: object = config.getoption(option.dest)
    if value is not None:
        flag = option.negative if value is False else option.flag
        return value, f"{flag} (command line)"
    return option.given_in(environ)


def ini_type(option: Option) -> Any:
    """The type whose native TOML form is the natural one; an ini file gives text for each."""
    if option.form in ("size", "count"):
        from pytest_recorder import compat

        return int | str if compat.accepts_ini_unions(pytest.version_tuple) else "string"
    if option.form == "bool":
        return "bool"
    return "linelist" if option.is_list else "string"
