"""Is the table of options: form, default, choices and help of each, and where it may come from.

The command lines, ini keys, variables, the marker, the policy, `Settings`, a part of the manifest
and tables of the documents are made from it (`just docs` writes those).

The idle plugin imports it and has 1 ms for all it does. So it is one module (a second one costs 0.1
ms), imports nothing that pytest has not, and evaluates no annotation (a `Literal` costs 0.02 ms).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    Form = Literal[
        "bool", "choice", "names", "patterns", "size", "count", "path", "limits", "actions"
    ]

PREFIX: Final = "PYTEST_RECORDER"
TRUE_WORDS: Final = ("1", "true", "yes", "on", "t", "y")
FALSE_WORDS: Final = ("0", "false", "no", "off", "f", "n")

DEFAULT_FOLDER: Final = "test-traces"
KIB: Final = 1024
MAX_COUNT: Final = 1_000_000
BOUNDS: Final[Mapping[Form, tuple[int, int]]] = {
    "size": (64 * KIB, KIB**4),
    "count": (1, MAX_COUNT),
}
"""The least and the most that a form takes."""
VALUE_LIMITS: Final[Mapping[str, int]] = {
    "depth": 3,
    "items": 20,
    "chars": 256,
    "attributes": 20,
    "objects": 128,
}
"""The limits of one value, with the default of each; `config.MOST` is the most of each."""
_METAVARS: Final[Mapping[Form, str]] = {
    "names": "NAME",
    "patterns": "PATTERN",
    "size": "SIZE",
    "count": "N",
    "path": "FILE",
    "limits": "NAME=N,...",
    "actions": "KIND=ACTION,...",
}


class Option:
    """A row of the table.

    Not a NamedTuple or a dataclass: making one of those costs 0.15 ms or more.
    """

    def __init__(
        self,
        name: str,
        form: Form,
        default: object,
        help: str,  # noqa: A002 - argparse's word
        *,
        choices: tuple[str, ...] = (),
        keys: tuple[str, ...] = (),
        aliases: Mapping[str, str] = {},
        unset: str = "",
        metavar: str = "",
        in_marker: bool = False,
        in_manifest: bool = False,
        for_programs: bool = False,
        run_help: str = "",
        run_flag: str = "",
        run_metavar: str = "",
        policy_key: str = "",
        policy_default: str = "",
        fallback: str = "",
        variable: str = "",
        field: str = "",
    ) -> None:
        """Make a row. `name` is the keyword of the marker, and the other names come from it.

        Args:
            choices: the words it takes; after `KEY=` in the form `actions`.
            keys: the words before `=` in the forms `limits` and `actions`.
            aliases: other words for choices.
            unset: what it means that nothing is set, for people.
            in_marker: whether the marker takes it.
            in_manifest: whether the manifest of each trace has it.
            for_programs: whether its variable counts without pytest too, for `pytest-recorder run`
                and auto-start; those of the policy always do.
            run_help: its help in `pytest-recorder run`, which has no flag for it without.
            run_flag, run_metavar: its flag and metavar there, if others.
            policy_key: its name in `policy=` and `configure_policy`, if it belongs to the policy.
            policy_default: its default there, if another.
            fallback: the variable of the CodeTracer recorder, which is read after ours.
            variable: our variable, if it does not follow the name.
            field: its field of `Settings`, if not its name.

        The texts can have `{default}`, `{choices}` and `{keys}` in them.
        """
        self.name: Final = name
        self.form: Final = form
        self.default: Final = default
        self.choices: Final = choices
        self.keys: Final = keys
        self.aliases: Final = aliases
        self.unset: Final = unset
        self.field: Final = field or name
        self.in_marker: Final = in_marker
        self.in_manifest: Final = in_manifest
        self.for_programs: Final = for_programs
        self.policy_key: Final = policy_key
        # The first that is set counts.
        own = variable or f"{PREFIX}_{name.upper()}"
        self.variables: Final = (own, fallback) if fallback else (own,)
        # What few need is worked out when it is asked for.
        self._help: Final = help
        self._metavar: Final = metavar
        self._run_help: Final = run_help
        self._run_flag: Final = run_flag
        self._run_metavar: Final = run_metavar
        self._policy_default: Final = policy_default

    @property
    def dest(self) -> str:
        """Its ini key, and its attribute of ``config.option``."""
        return f"record_{self.name}"

    @property
    def flag(self) -> str:
        """Its flag in pytest."""
        return f"--record-{self.name.replace('_', '-')}"

    @property
    def negative(self) -> str:
        """The flag that turns it off, if it can be on."""
        return f"--no{self.flag[1:]}" if self.form == "bool" else ""

    @property
    def metavar(self) -> str:
        """What stands for the value in help."""
        return self._metavar or _METAVARS.get(self.form) or "|".join(self.choices)

    @property
    def help(self) -> str:
        """Its help in pytest."""
        return self._filled(self._help)

    @property
    def default_text(self) -> str:
        """Its default, for people."""
        return _text_of(self.form, self.default) or self.unset

    @property
    def policy_default(self) -> object:
        """Its default in the API and for programs, as part of the policy."""
        return self._policy_default or self.default

    @property
    def run_flag(self) -> str:
        """Its flag in `pytest-recorder run`, if it has one there."""
        return self._run_help and (self._run_flag or f"--{self.name.replace('_', '-')}")

    @property
    def run_negative(self) -> str:
        """The flag that turns it off there, if it can be on."""
        return f"--no{self.run_flag[1:]}" if self.form == "bool" else ""

    @property
    def run_metavar(self) -> str:
        """What stands for the value in help there."""
        return self._run_metavar or self.metavar

    @property
    def run_help(self) -> str:
        """Its help there."""
        return self._filled(self._run_help, self._policy_default)

    @property
    def is_list(self) -> bool:
        """Whether it can be given several times."""
        return self.form in ("names", "patterns")

    def variable_in(self, environ: Mapping[str, str]) -> str:
        """Name the variable that counts, if one is set; one that is empty is not."""
        for variable in self.variables:
            if environ.get(variable, "").strip():
                return variable
        return ""

    def given_in(self, environ: Mapping[str, str]) -> tuple[object, str] | None:
        """Give what a variable says, not yet checked, and the source that a complaint names."""
        variable = self.variable_in(environ)
        if not variable:
            return None
        text = environ[variable].strip()
        # Lists: commas or line ends, for a path separator is a part of Windows' paths.
        value = text.replace("\n", ",").split(",") if self.is_list else text
        return value, f"{variable} (environment)"

    def _filled(self, text: str, default: str = "") -> str:
        if "{" not in text:
            return text
        return text.format(
            default=default or self.default_text,
            choices=listed(self.choices),
            keys=", ".join(self.keys),
        )


def listed(names: Sequence[str]) -> str:
    """Name choices as a sentence does."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if names else ""


def size_text(size_bytes: int) -> str:
    """Write a size in the largest unit that leaves it whole."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size_bytes % KIB**power == 0:
            return f"{size_bytes // KIB**power}{unit}"
    return str(size_bytes)


def _text_of(form: Form, default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, int) and form == "size":
        return size_text(default)
    if form == "limits":
        return ",".join(f"{name}={count}" for name, count in VALUE_LIMITS.items())
    return str(default) if default else ""


OPTIONS: Final = (
    Option(
        "trace",
        "bool",
        False,
        "record the tests of this run",
        variable=PREFIX,
        field="enabled",
    ),
    Option(
        "scope",
        "choice",
        "test",
        "one trace per test (the default) or one for the run",
        choices=("test", "session"),
    ),
    Option(
        "keep",
        "choice",
        "failed",
        "which traces stay (default: {default})",
        choices=("failed", "all"),
        in_marker=True,
    ),
    Option(
        "level",
        "choice",
        "values",
        "calls; plus lines; plus every change of a value (the default)",
        choices=("calls", "lines", "values"),
        in_marker=True,
        in_manifest=True,
        for_programs=True,
        run_help="{default} is the default",
    ),
    Option(
        "values",
        "limits",
        dict(VALUE_LIMITS),
        "bounds of one value (default: {default})",
        keys=tuple(VALUE_LIMITS),
        in_marker=True,
        in_manifest=True,
        for_programs=True,
        run_help="bounds of one value",
    ),
    Option(
        "dir",
        "path",
        DEFAULT_FOLDER,
        "where traces go (default: {default})",
        metavar="DIR",
    ),
    Option(
        "include",
        "patterns",
        (),
        "also record this: a glob on the path if it has a / or ends in .py, else a module with "
        "all below it",
        unset="own code",
        in_marker=True,
        for_programs=True,
        run_help="also record this",
    ),
    Option(
        "exclude",
        "patterns",
        (),
        "do not record this; wins over includes",
        in_marker=True,
        for_programs=True,
        run_help="do not record this; wins",
    ),
    Option(
        "max_bytes",
        "size",
        64 * KIB**2,
        "bound of a trace before packing (default: {default}); its start and latest part stay",
        in_marker=True,
        in_manifest=True,
        for_programs=True,
        run_help="bound of the trace before packing ({default})",
    ),
    Option(
        "max_kept",
        "count",
        None,
        "keep at most so many traces of the run, the most informative ones (default: {default})",
        unset="all",
    ),
    Option(
        "max_total",
        "size",
        None,
        "keep so much of them in all, the most informative ones (default: {default})",
        unset="all",
    ),
    Option(
        "on_error",
        "choice",
        "disable",
        "what an error of the recorder does: fail the test, or warn (the default)",
        choices=("abort", "disable"),
        in_marker=True,
        run_help="{default} is the default",
        run_flag="--on-recorder-error",
        policy_key="on_recorder_error",
        policy_default="abort",
        fallback="CODETRACER_ON_RECORDER_ERROR",
    ),
    Option(
        "errors",
        "actions",
        {},
        "the same by kind ({keys}): {choices}",
        choices=("fail", "warn", "ignore", "stop"),
        keys=("usage", "environment", "target", "internal"),
        in_marker=True,
        run_help="the same by kind of error",
        run_flag="--record-errors",
        policy_key="record_errors",
    ),
    Option(
        "require_trace",
        "bool",
        False,
        "a test without a usable trace is an error",
        in_marker=True,
        run_help="no usable trace is an error",
        policy_key="require_trace",
        fallback="CODETRACER_REQUIRE_TRACE",
    ),
    Option(
        "keep_partial",
        "bool",
        True,
        "keep traces that ended early (the default)",
        in_marker=True,
        run_help="keep a trace that ended early (the default)",
        policy_key="keep_partial_trace",
        fallback="CODETRACER_KEEP_PARTIAL_TRACE",
    ),
    Option(
        "html",
        "choice",
        "auto",
        "whether kept traces get a page beside them (default: {default}, for failures in CI)",
        choices=("auto", "on", "off"),
    ),
    Option(
        "log_level",
        "choice",
        None,
        "how much the recorder logs",
        choices=("off", "error", "warning", "info", "debug"),
        aliases={"warn": "warning", "trace": "debug"},
        unset="info with a log file, else off",
        run_help="{choices}",
        run_metavar="LEVEL",
        policy_key="log_level",
        fallback="CODETRACER_LOG_LEVEL",
    ),
    Option(
        "log_file",
        "path",
        None,
        "where it logs to, as JSON lines",
        run_help="where to log, as JSON lines",
        policy_key="log_file",
        fallback="CODETRACER_LOG_FILE",
    ),
    Option(
        "json_errors",
        "bool",
        False,
        "print a line of JSON on stderr for each error of the recorder",
        run_help="a line of JSON for each error",
        policy_key="json_errors",
        fallback="CODETRACER_JSON_ERRORS",
    ),
    Option(
        "metrics_file",
        "path",
        None,
        "write what was counted to this file, for Prometheus, or as OpenMetrics if it ends in .om"
        " (extra: prometheus)",
    ),
    Option(
        "metrics_otel",
        "bool",
        False,
        "send what was counted to OpenTelemetry, as OTEL_EXPORTER_OTLP_ENDPOINT says (extra: otel)",
    ),
    Option(
        "engine",
        "choice",
        "auto",
        "where events come from (default: {default}); one that this Python has not is an error",
        choices=("auto", "monitoring", "settrace"),
        for_programs=True,
    ),
    Option(
        "redact",
        "names",
        (),
        "also hide values with this name",
        in_marker=True,
        for_programs=True,
        run_help="also hide values of this name",
    ),
    Option(
        "no_redact",
        "names",
        (),
        "do not hide values with this name",
        in_marker=True,
        for_programs=True,
        run_help="do not hide values of this name",
    ),
)
BY_NAME: Final[Mapping[str, Option]] = {option.name: option for option in OPTIONS}
MARKER_NAMES: Final = tuple(option.name for option in OPTIONS if option.in_marker)


def is_switched_off(environ: Mapping[str, str]) -> bool:
    """Whether `PYTEST_RECORDER=0` says that nothing is recorded, whatever else is said."""
    return environ.get(PREFIX, "").strip().lower() in FALSE_WORDS
