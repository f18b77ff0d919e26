"""Defines every option once: command line, ini key, environment variable, marker keyword.

The idle plugin imports this module, so that nothing here but the functions which need them may
import pydantic or the modules built on it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pytest

if TYPE_CHECKING:
    from pytest_recorder.settings.config import Resolved, Settings
    from pytest_recorder.settings.policy import Policy

PREFIX: Final = "PYTEST_RECORDER"
KILL_SWITCH: Final = f"{PREFIX}=0 (kill switch)"
_FALSE: Final = ("0", "false", "no", "off", "f", "n")


class Option:
    """A row of the table. `name` is the marker keyword and the field of `Settings` too.

    Not a NamedTuple or a dataclass: making one of those costs 0.15 ms or more at each start of
    pytest, and the idle plugin has 1 ms.
    """

    __slots__ = (
        *("name", "help", "metavar", "form", "in_marker", "fallback"),
        *("dest", "flag", "negative", "variable", "field"),
    )

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002 - argparse's word
        metavar: str = "",
        form: Literal["text", "bool", "list", "size", "number"] = "text",
        *,
        in_marker: bool = False,
        fallback: str = "",
    ) -> None:
        self.name: Final = name
        self.help: Final = help
        self.metavar: Final = metavar
        self.form: Final = form
        self.in_marker: Final = in_marker
        # The variable of the CodeTracer recorder that is read after ours.
        self.fallback: Final = fallback
        # The ini key and the attribute of ``config.option``.
        self.dest: Final = f"record_{name}"
        dashed = self.dest.replace("_", "-")
        self.flag: Final = f"--{dashed}"
        self.negative: Final = f"--no-{dashed}"
        is_trace = name == "trace"
        self.variable: Final = PREFIX if is_trace else f"{PREFIX}_{name.upper()}"
        self.field: Final = "enabled" if is_trace else name


OPTIONS: Final = (
    Option("trace", "record the tests of this run", form="bool"),
    Option("scope", "one trace per test (the default) or one for the run", "test|session"),
    Option("keep", "which traces stay (default: failed)", "failed|all", in_marker=True),
    Option(
        "level",
        "calls; plus lines; plus every change of a value (the default)",
        "calls|lines|values",
        in_marker=True,
    ),
    Option(
        "values",
        "bounds of one value (default: depth=3,items=20,chars=256,attributes=20)",
        "NAME=N,...",
        in_marker=True,
    ),
    Option("dir", "where traces go (default: test-traces)", "DIR"),
    Option(
        "include",
        "also record this: a glob on the path if it has a / or ends in .py, else a module with "
        "all below it",
        "PATTERN",
        "list",
        in_marker=True,
    ),
    Option(
        "exclude", "do not record this; wins over includes", "PATTERN", "list", in_marker=True
    ),
    Option(
        "max_bytes",
        "bound of a trace before packing (default: 64MiB); its start and latest part stay",
        "SIZE",
        "size",
        in_marker=True,
    ),
    Option(
        "max_kept",
        "keep at most N traces of the run, the most informative ones (default: all)",
        "N",
        "number",
    ),
    Option(
        "max_total",
        "keep so much of them in all, the most informative ones (default: all)",
        "SIZE",
        "size",
    ),
    Option(
        "on_error",
        "what an error of the recorder does: fail the test, or warn (the default)",
        "abort|disable",
        in_marker=True,
        fallback="CODETRACER_ON_RECORDER_ERROR",
    ),
    Option(
        "errors",
        "the same by kind (usage, environment, target, internal): fail, warn, ignore or stop",
        "KIND=ACTION,...",
        in_marker=True,
    ),
    Option(
        "require_trace",
        "a test without a usable trace is an error",
        form="bool",
        in_marker=True,
        fallback="CODETRACER_REQUIRE_TRACE",
    ),
    Option(
        "keep_partial",
        "keep traces that ended early (the default)",
        form="bool",
        in_marker=True,
        fallback="CODETRACER_KEEP_PARTIAL_TRACE",
    ),
    Option(
        "html",
        "whether kept traces get a page beside them (default: auto, for failures in CI)",
        "auto|on|off",
    ),
    Option(
        "log_level",
        "how much the recorder logs",
        "off|error|warning|info|debug",
        fallback="CODETRACER_LOG_LEVEL",
    ),
    Option(
        "log_file", "where it logs to, as JSON lines", "FILE", fallback="CODETRACER_LOG_FILE"
    ),
    Option(
        "json_errors",
        "print a line of JSON on stderr for each error of the recorder",
        form="bool",
        fallback="CODETRACER_JSON_ERRORS",
    ),
    Option(
        "metrics_file",
        "write what was counted to this file, for Prometheus, or as OpenMetrics if it ends in .om"
        " (extra: prometheus)",
        "FILE",
    ),
    Option(
        "metrics_otel",
        "send what was counted to OpenTelemetry, as OTEL_EXPORTER_OTLP_ENDPOINT says (extra: otel)",
        form="bool",
    ),
    Option("engine", "where events come from (default: auto)", "auto|monitoring|settrace"),
    Option("redact", "also hide values with this name", "NAME", "list", in_marker=True),
    Option("no_redact", "do not hide values with this name", "NAME", "list", in_marker=True),
)
BY_NAME: Final = {option.name: option for option in OPTIONS}
MARKER_NAMES: Final = tuple(option.name for option in OPTIONS if option.in_marker)
_PATHS: Final = ("dir", "log_file", "metrics_file")


def add_options(parser: pytest.Parser) -> None:
    """Register every option and its ini twin. All defaults are None, or the twin were dead."""
    group = parser.getgroup("record_trace", "execution traces (pytest-record-trace)")
    for option in OPTIONS:
        if option.form == "bool":
            # Flags without a value, so that `--record-trace path/` never swallows the path.
            for flag, value in ((option.flag, True), (option.negative, False)):
                group.addoption(
                    flag,
                    dest=option.dest,
                    action="store_const",
                    const=value,
                    default=None,
                    help=option.help if value else f"turn {option.flag} off",
                )
        else:
            group.addoption(
                option.flag,
                dest=option.dest,
                action="append" if option.form == "list" else "store",
                default=None,
                metavar=option.metavar,
                help=option.help + (" (repeatable)" if option.form == "list" else ""),
            )
        parser.addini(option.dest, option.help, type=_ini_type(option), default=None)


def is_on(variable: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable that others set, such as `CI`, says yes: anything but a word for no."""
    return environ.get(variable, "").strip().lower() not in ("", *_FALSE)


def is_forced_off(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether not even a marker may turn recording on. Imports nothing."""
    if environ.get(PREFIX, "").strip().lower() in _FALSE:
        return True
    return config.getoption(BY_NAME["trace"].dest) is False


def needs_settings(config: pytest.Config, environ: Mapping[str, str]) -> bool:
    """Whether this run records, or says something about recording that has to be checked.

    False lets the plugin stay idle until a marker turns up. Imports nothing. Ini keys other
    than ``record_trace`` do not count: they stand there for the runs that do record.
    """
    if is_forced_off(config, environ):
        return False
    if any(_given(row, config, environ, with_ini=False) is not None for row in OPTIONS):
        return True
    try:
        return bool(config.getini(BY_NAME["trace"].dest))
    except (ValueError, TypeError, pytest.UsageError):
        # `resolve` says what is wrong with it; here it would be an INTERNALERROR.
        return True


def resolve(config: pytest.Config, environ: Mapping[str, str]) -> "Resolved":
    """Merge all sources: kill switch, command line, environment, ini, default.

    :raises pytest_recorder.errors.UsageError: a value that its option does not take.
    """
    from pytest_recorder.settings.config import Resolved, Settings, parse_field

    fields: dict[str, Any] = {
        "root": config.rootpath,
        "dir": config.invocation_params.dir / "test-traces",
    }
    sources: dict[str, str] = {}
    # The kill switch is above all others: a misspelt one must not pass because another one wins.
    switch = environ.get(PREFIX, "").strip()
    if switch:
        parse_field(BY_NAME["trace"].field, switch, f"{PREFIX} (environment)")
    for option in OPTIONS:
        given = _given(option, config, environ)
        if given is None:
            sources[option.name] = "default"
            continue
        text, source = given
        sources[option.name] = source
        value = parse_field(option.field, text, source)
        if option.name in _PATHS:
            value = _absolute(cast("str", value), config, source)
        fields[option.field] = value
    forced_off = is_forced_off(config, environ)
    if forced_off:
        fields["enabled"] = False
        if environ.get(PREFIX, "").strip().lower() in _FALSE:
            sources["trace"] = KILL_SWITCH
    return Resolved(Settings.model_validate(fields), sources, forced_off)


def readable_policy(config: pytest.Config, environ: Mapping[str, str]) -> "Policy":
    """Give what can be read of where to tell an error, when it is the options that are wrong."""
    from pytest_recorder.errors import UsageError
    from pytest_recorder.settings.config import parse_field
    from pytest_recorder.settings.policy import Policy

    fields: dict[str, Any] = {}
    for name in ("log_level", "log_file", "json_errors"):
        try:
            given = _given(BY_NAME[name], config, environ)
            if given is not None:
                text, source = given
                value = parse_field(name, text, source)
                if name in _PATHS:
                    value = str(_absolute(cast("str", value), config, source))
                fields[name] = value
        except UsageError:
            continue
    return Policy.model_validate(fields)


def resolve_marker(
    settings: "Settings",
    mark_args: tuple[object, ...],
    mark_kwargs: Mapping[str, object],
    *,
    is_forced_off: bool = False,
) -> "Settings":
    """The settings of a test with ``@pytest.mark.record(*mark_args, **mark_kwargs)``.

    The marker turns recording on and implies ``keep="all"``; ``record(False)`` turns it off.

    :raises pytest_recorder.errors.UsageError: an argument that the marker does not take.
    """
    from pytest_recorder.errors import ErrorCode, usage
    from pytest_recorder.settings.config import invalid, parse_field

    if len(mark_args) > 1 or not all(isinstance(arg, bool) for arg in mark_args):
        raise invalid(mark_args, "the record marker", "nothing, True or False, and keywords")
    is_on = bool(mark_args[0]) if mark_args else True
    fields: dict[str, Any] = {"enabled": is_on and not is_forced_off, "keep": "all"}
    for name, value in mark_kwargs.items():
        if name not in MARKER_NAMES:
            raise usage(
                ErrorCode.INVALID_OPTION,
                f"unknown keyword {name!r} in @pytest.mark.record,"
                f" expected one of {', '.join(MARKER_NAMES)}",
            )
        fields[name] = parse_field(name, value, f"{name} (marker)")
    return settings.model_copy(update=fields)


def policy_sources(
    sources: Mapping[str, str], mark_kwargs: Mapping[str, object]
) -> dict[str, str]:
    """Where each field of a test's policy came from: the sources of the run, then the marker."""
    from pytest_recorder.settings.policy import FIELDS

    return {
        key: f"{name} (marker)" if name in mark_kwargs else sources[name]
        for key, name in FIELDS.items()
    }


def _given(
    option: Option, config: pytest.Config, environ: Mapping[str, str], *, with_ini: bool = True
) -> tuple[object, str] | None:
    value: object = config.getoption(option.dest)
    if value is not None:
        flag = option.negative if value is False else option.flag
        return value, f"{flag} (command line)"
    for variable in (option.variable, option.fallback):
        text = environ.get(variable, "").strip() if variable else ""
        if text:
            # Lists: commas or line ends, for a path separator is a part of Windows' paths.
            entries = text.replace("\n", ",").split(",")
            is_list = option.form == "list"
            return entries if is_list else text, f"{variable} (environment)"
    return _ini(option, config) if with_ini else None


def _ini(option: Option, config: pytest.Config) -> tuple[object, str] | None:
    source = f"{option.dest} (ini)"
    try:
        value: object = config.getini(option.dest)
    except (ValueError, TypeError, pytest.UsageError) as exc:
        # pytest has already refused a value of the wrong type: 9.2 by UsageError, others raw.
        from pytest_recorder.errors import ErrorCode, usage
        from pytest_recorder.settings.config import POLICY_FIELDS

        is_policy = option.field in POLICY_FIELDS
        code = ErrorCode.INVALID_POLICY_VALUE if is_policy else ErrorCode.INVALID_OPTION
        expected = {"bool": "true or false", "list": "a list of texts"}.get(option.form, "text")
        # The cause names the value.
        raise usage(code, f"bad value for {source}, expected {expected}") from exc
    is_set = (
        value is not None and value != [] and not (isinstance(value, str) and not value.strip())
    )
    return (value, source) if is_set else None


def _ini_type(option: Option) -> Any:
    """The type whose native TOML form is the natural one; an ini file gives text for each."""
    if option.form in ("size", "number"):
        from pytest_recorder import compat

        return int | str if compat.accepts_ini_unions(pytest.version_tuple) else "string"
    return {"bool": "bool", "list": "linelist", "text": "string"}[option.form]


def _absolute(text: str, config: pytest.Config, source: str) -> Path:
    base = config.rootpath if source.endswith("(ini)") else config.invocation_params.dir
    return Path(os.path.abspath(base / text))
