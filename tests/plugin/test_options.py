import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import pytest

from pytest_recorder import plugin as options
from pytest_recorder.compat import accepts_ini_unions
from pytest_recorder.errors import ErrorCode, UsageError
from pytest_recorder.plugin.resolution import KILL_SWITCH, resolve, resolve_marker
from pytest_recorder.settings import BY_NAME, MARKER_NAMES, OPTIONS, Option
from pytest_recorder.settings import config as config_module
from pytest_recorder.settings.config import Resolved, Settings, ValueLimits

HAS_NATIVE_TOML = pytest.version_tuple >= (9, 0)
MIB = 1024**2


class Registering:
    """What the entry point will do with the options."""

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        options.add_options(parser)


class Sample(NamedTuple):
    """Two values of one option, as text, and what the settings then hold."""

    text: str
    value: Any
    other: str
    other_value: Any


SAMPLES = {
    "trace": Sample("true", True, "false", False),
    "scope": Sample("session", "session", "test", "test"),
    "keep": Sample("all", "all", "failed", "failed"),
    "level": Sample("calls", "calls", "lines", "lines"),
    "values": Sample("depth=5", ValueLimits(depth=5), "items=1", ValueLimits(items=1)),
    "dir": Sample("out", "out", "else", "else"),
    "include": Sample("src/*.py", ("src/*.py",), "shop", ("shop",)),
    "exclude": Sample("src/*.py", ("src/*.py",), "shop", ("shop",)),
    "max_bytes": Sample("1MiB", MIB, "2MiB", 2 * MIB),
    "max_kept": Sample("5", 5, "1", 1),
    "max_total": Sample("1MiB", MIB, "2MiB", 2 * MIB),
    "on_error": Sample("abort", "abort", "disable", "disable"),
    "errors": Sample("target=fail", {"target": "fail"}, "usage=stop", {"usage": "stop"}),
    "require_trace": Sample("true", True, "false", False),
    "keep_partial": Sample("false", False, "true", True),
    "html": Sample("on", "on", "off", "off"),
    "log_level": Sample("debug", "debug", "info", "info"),
    "log_file": Sample("log.jsonl", "log.jsonl", "b.jsonl", "b.jsonl"),
    "json_errors": Sample("true", True, "false", False),
    "metrics_file": Sample("m.prom", "m.prom", "n.prom", "n.prom"),
    "metrics_otel": Sample("true", True, "false", False),
    "engine": Sample("settrace", "settrace", "monitoring", "monitoring"),
    "redact": Sample("pin", ("pin",), "iban", ("iban",)),
    "no_redact": Sample("pin", ("pin",), "iban", ("iban",)),
}
BAD = {
    "names": None,  # any text is a list of names
    "patterns": None,
    "path": None,
    "bool": "maybe",
    "size": "much",
    "count": "many",
    "choice": "bo=gus",
    "limits": "bo=gus",
    "actions": "bo=gus",
}
every_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
every_bad = pytest.mark.parametrize(
    "option",
    [option for option in OPTIONS if BAD[option.form]],
    ids=lambda option: option.name,
)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose own plugin of ours is off, and one that only registers the options."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.plugins.append(Registering())
    return pytester


def configured(project: pytest.Pytester, *args: str) -> pytest.Config:
    return project.parseconfig("-p", "no:record_trace", *args)


def resolved(project: pytest.Pytester, *args: str, **environ: str) -> Resolved:
    return resolve(configured(project, *args), environ)


def arguments(option: Option, text: str) -> list[str]:
    if option.form == "bool":
        return [option.flag if text == "true" else option.negative]
    return [f"{option.flag}={text}"]


def held(found: Resolved, option: Option) -> Any:
    return getattr(found.settings, option.field)


def expected(option: Option, value: Any, base: Path) -> Any:
    return base / value if option.form == "path" else value


def ini(project: pytest.Pytester, text: str) -> None:
    project.makefile(".ini", pytest=f"[pytest]\n{text}\n")


def toml(project: pytest.Pytester, table: str, text: str) -> None:
    project.makepyprojecttoml(f"[{table}]\n{text}\n")


def complaint(value: str, source: str, want: str = "") -> Any:
    text = re.escape(f"bad value {value!r} for {source}, expected {want}")
    return pytest.raises(UsageError, match=rf"^\[ERR_INVALID_(OPTION|POLICY_VALUE)\] {text}")


def test_the_table_has_a_row_per_setting_and_a_sample_per_row() -> None:
    # `hot_path` has no option: PYTEST_RECORDER_PURE chooses.
    fields = set(get_type_hints(Settings)) - {"root", "hot_path"}
    assert {option.field for option in OPTIONS} == fields
    assert [option.name for option in OPTIONS] == list(SAMPLES)


@pytest.mark.parametrize(
    "name, literal",
    [
        ("scope", config_module.Scope),
        ("keep", config_module.Keep),
        ("level", config_module.Level),
        ("engine", config_module.EngineName),
        ("on_error", config_module.OnError),
        ("html", config_module.Html),
        ("log_level", config_module.LogLevel),
    ],
)
def test_the_help_names_the_choices_that_are_accepted(name: str, literal: Any) -> None:
    assert BY_NAME[name].metavar == "|".join(get_args(literal))


def test_flags_variables_and_keys_follow_one_rule() -> None:
    row = BY_NAME["max_bytes"]
    assert (row.flag, row.variables[0], row.dest) == (
        "--record-max-bytes",
        "PYTEST_RECORDER_MAX_BYTES",
        "record_max_bytes",
    )
    row = BY_NAME["trace"]
    assert (row.flag, row.negative, row.variables[0], row.dest) == (
        "--record-trace",
        "--no-record-trace",
        "PYTEST_RECORDER",
        "record_trace",
    )


def test_defaults_are_those_of_the_design(project: pytest.Pytester) -> None:
    settings, sources, is_forced_off = resolved(project)
    assert settings == Settings(root=project.path, dir=project.path / "test-traces")
    assert {
        name: value
        for name, value in settings.plain().items()
        if name not in ("root", "dir", "hot_path")
    } == {
        "enabled": False,
        "scope": "test",
        "keep": "failed",
        "level": "values",
        "engine": "auto",
        "values": {"depth": 3, "items": 20, "chars": 256, "attributes": 20, "objects": 128},
        "include": [],
        "exclude": [],
        "redact": [],
        "no_redact": [],
        "max_bytes": 64 * MIB,
        "max_kept": None,
        "max_total": None,
        "on_error": "disable",
        "errors": {},
        "require_trace": False,
        "keep_partial": True,
        "html": "auto",
        "log_level": None,
        "log_file": None,
        "json_errors": False,
        "metrics_file": None,
        "metrics_otel": False,
    }
    assert sources == {option.name: "default" for option in OPTIONS}
    assert is_forced_off is False


@every_option
def test_the_command_line_sets_it(project: pytest.Pytester, option: Option) -> None:
    sample = SAMPLES[option.name]
    found = resolved(project, *arguments(option, sample.text))
    assert held(found, option) == expected(option, sample.value, project.path)
    flag = arguments(option, sample.text)[0].partition("=")[0]
    assert found.sources[option.name] == f"{flag} (command line)"
    assert [name for name, source in found.sources.items() if source != "default"] == [
        option.name
    ]


@every_option
def test_the_environment_sets_it(project: pytest.Pytester, option: Option) -> None:
    sample = SAMPLES[option.name]
    found = resolved(project, **{option.variables[0]: sample.text})
    assert held(found, option) == expected(option, sample.value, project.path)
    assert found.sources[option.name] == f"{option.variables[0]} (environment)"


@every_option
def test_a_classic_ini_file_sets_it(project: pytest.Pytester, option: Option) -> None:
    sample = SAMPLES[option.name]
    ini(project, f"{option.dest} = {sample.text}")
    found = resolved(project)
    assert held(found, option) == expected(option, sample.value, project.path)
    assert found.sources[option.name] == f"{option.dest} (ini)"


@every_option
@pytest.mark.parametrize("table", ["tool.pytest.ini_options", "tool.pytest"])
def test_a_toml_file_sets_it(project: pytest.Pytester, option: Option, table: str) -> None:
    if table == "tool.pytest" and not HAS_NATIVE_TOML:
        pytest.skip("native TOML came with pytest 9.0")
    sample = SAMPLES[option.name]
    text = sample.text if option.form == "bool" else f'"{sample.text}"'
    text = f"[{text}]" if option.is_list else text
    toml(project, table, f"{option.dest} = {text}")
    found = resolved(project)
    assert held(found, option) == expected(option, sample.value, project.path)
    assert found.sources[option.name] == f"{option.dest} (ini)"


@pytest.mark.parametrize("table", ["tool.pytest.ini_options", "tool.pytest"])
def test_a_size_in_toml_can_be_a_number(project: pytest.Pytester, table: str) -> None:
    if table == "tool.pytest" and not accepts_ini_unions(pytest.version_tuple):
        pytest.skip("before pytest 9.2 a native TOML value has exactly one type")
    toml(project, table, "record_max_bytes = 1048576\nrecord_max_kept = 3")
    assert resolved(project).settings.max_bytes == MIB


@every_option
def test_the_command_line_beats_the_environment(
    project: pytest.Pytester, option: Option
) -> None:
    sample = SAMPLES[option.name]
    found = resolved(
        project, *arguments(option, sample.text), **{option.variables[0]: sample.other or "x"}
    )
    if option.name == "trace":
        assert found.sources["trace"] == KILL_SWITCH
        return
    assert held(found, option) == expected(option, sample.value, project.path)
    assert found.sources[option.name].endswith("(command line)")


@every_option
def test_the_command_line_beats_the_ini_file(project: pytest.Pytester, option: Option) -> None:
    sample = SAMPLES[option.name]
    ini(project, f"{option.dest} = {sample.text}")
    found = resolved(project, *arguments(option, sample.other))
    assert held(found, option) == expected(option, sample.other_value, project.path)


@every_option
def test_the_environment_beats_the_ini_file(project: pytest.Pytester, option: Option) -> None:
    sample = SAMPLES[option.name]
    ini(project, f"{option.dest} = {sample.other}")
    found = resolved(project, **{option.variables[0]: sample.text})
    assert held(found, option) == expected(option, sample.value, project.path)


@every_option
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_unset(
    project: pytest.Pytester, option: Option, empty: str
) -> None:
    sample = SAMPLES[option.name]
    ini(project, f"{option.dest} = {sample.text}")
    found = resolved(project, **{option.variables[0]: empty})
    assert held(found, option) == expected(option, sample.value, project.path)


@every_option
def test_the_override_of_an_ini_key_counts_as_ini(
    project: pytest.Pytester, option: Option
) -> None:
    sample = SAMPLES[option.name]
    found = resolved(project, "-o", f"{option.dest}={sample.text}")
    assert held(found, option) == expected(option, sample.value, project.path)
    assert found.sources[option.name] == f"{option.dest} (ini)"


@pytest.mark.parametrize(
    "option", [row for row in OPTIONS if row.variables[1:]], ids=lambda option: option.name
)
def test_the_variable_of_codetracer_is_read_after_ours_and_before_the_ini_file(
    project: pytest.Pytester, option: Option
) -> None:
    sample = SAMPLES[option.name]
    ini(project, f"{option.dest} = {sample.other}")
    found = resolved(project, **{option.variables[1]: sample.text, option.variables[0]: ""})
    assert held(found, option) == expected(option, sample.value, project.path)
    assert found.sources[option.name] == f"{option.variables[1]} (environment)"
    found = resolved(
        project, **{option.variables[1]: sample.other, option.variables[0]: sample.text}
    )
    assert held(found, option) == expected(option, sample.value, project.path)


@every_bad
def test_a_bad_value_names_itself_its_source_and_what_was_expected(
    project: pytest.Pytester, option: Option
) -> None:
    bad = BAD[option.form]
    assert bad
    if option.form != "bool":
        named = "gus" if option.name == "errors" else "bo" if option.name == "values" else bad
        named = "bo" if option.name == "errors" else named
        with complaint(named, f"{option.flag} (command line)"):
            resolved(project, f"{option.flag}={bad}")
        ini(project, f"{option.dest} = {bad}")
        with complaint(named, f"{option.dest} (ini)"):
            resolved(project)
    else:
        named = bad
        ini(project, f"{option.dest} = {bad}")
        with pytest.raises(
            UsageError, match=r"for record_\w+ \(ini\), expected true or false: .*'maybe'"
        ):
            resolved(project)
    with complaint(named, f"{option.variables[0]} (environment)"):
        resolved(project, **{option.variables[0]: bad})


@pytest.mark.skipif(not HAS_NATIVE_TOML, reason="native TOML came with pytest 9.0")
@pytest.mark.parametrize(
    "line, named, want",
    [
        ('record_trace = "yes"', "'yes'", "true or false"),
        ('record_include = "src"', "'src'", "a list of texts"),
        ("record_keep = 3", "3", "text"),
        ("record_max_bytes = 1.5", "1.5", "text"),
    ],
)
def test_a_native_toml_value_of_the_wrong_type_is_a_usage_error(
    project: pytest.Pytester, line: str, named: str, want: str
) -> None:
    toml(project, "tool.pytest", line)
    key = line.partition(" ")[0]
    with pytest.raises(UsageError, match=rf"for {key} \(ini\), expected {want}: .*{named}$"):
        resolved(project)


def test_policy_options_have_the_code_of_a_policy_value(project: pytest.Pytester) -> None:
    with pytest.raises(UsageError, match="expected abort or disable") as caught:
        resolved(project, "--record-on-error=never")
    assert caught.value.code is ErrorCode.INVALID_POLICY_VALUE
    with pytest.raises(UsageError, match="expected failed or all") as caught:
        resolved(project, "--record-keep=never")
    assert caught.value.code is ErrorCode.INVALID_OPTION
    ini(project, "record_json_errors = maybe")
    with pytest.raises(UsageError, match="expected true or false") as caught:
        resolved(project)
    assert caught.value.code is ErrorCode.INVALID_POLICY_VALUE


def test_lists_repeat_on_the_command_line_and_split_in_the_environment(
    project: pytest.Pytester,
) -> None:
    ini(project, "record_include =\n    one, still one\n    two")
    assert resolved(project).settings.include == ("one, still one", "two")
    found = resolved(project, "--record-include=a,b", "--record-include=c")
    assert found.settings.include == ("a,b", "c")
    found = resolved(project, PYTEST_RECORDER_INCLUDE="a, b\nc,\n")
    assert found.settings.include == ("a", "b", "c")


def test_the_flag_never_swallows_a_path(project: pytest.Pytester) -> None:
    project.mkdir("tests")
    config = configured(project, "--record-trace", "tests")
    assert config.args == ["tests"]
    assert resolve(config, {}).settings.enabled is True


def test_the_later_of_two_opposite_flags_wins(project: pytest.Pytester) -> None:
    found = resolved(project, "--record-trace", "--no-record-trace")
    assert (found.settings.enabled, found.is_forced_off) == (False, True)
    found = resolved(project, "--no-record-trace", "--record-trace")
    assert (found.settings.enabled, found.is_forced_off) == (True, False)


@pytest.mark.parametrize("word", ["0", "off", "No", " FALSE "])
def test_the_kill_switch_beats_the_command_line(project: pytest.Pytester, word: str) -> None:
    found = resolved(project, "--record-trace", PYTEST_RECORDER=word)
    assert (found.settings.enabled, found.is_forced_off) == (False, True)
    assert found.sources["trace"] == "PYTEST_RECORDER=0 (kill switch)"


def test_a_misspelt_kill_switch_is_refused_whatever_wins(project: pytest.Pytester) -> None:
    with complaint("offf", "PYTEST_RECORDER (environment)"):
        resolved(project, "--record-trace", PYTEST_RECORDER="offf")


def test_no_record_trace_beats_the_environment_and_the_ini_file(
    project: pytest.Pytester,
) -> None:
    ini(project, "record_trace = true")
    found = resolved(project, "--no-record-trace", PYTEST_RECORDER="1")
    assert (found.settings.enabled, found.is_forced_off) == (False, True)
    assert found.sources["trace"] == "--no-record-trace (command line)"


def test_an_ini_file_that_turns_recording_off_does_not_bind_markers(
    project: pytest.Pytester,
) -> None:
    ini(project, "record_trace = false")
    found = resolved(project)
    assert (found.settings.enabled, found.is_forced_off) == (False, False)


def test_the_folder_is_relative_to_the_invocation_or_in_an_ini_file_to_rootdir(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini(project, "record_dir = from-ini\nrecord_log_file = ../log")
    sub = project.mkdir("sub")
    monkeypatch.chdir(sub)
    root = ("--rootdir", str(project.path))
    found = resolved(project, *root)
    assert found.settings.root == project.path
    assert found.settings.dir == project.path / "from-ini"
    assert found.settings.log_file == project.path.parent / "log"
    assert (
        resolved(project, *root, "--record-dir=../here").settings.dir == project.path / "here"
    )
    environ = {"PYTEST_RECORDER_DIR": "there", "PYTEST_RECORDER_LOG_FILE": str(sub / "x")}
    found = resolved(project, *root, **environ)
    assert (found.settings.dir, found.settings.log_file) == (sub / "there", sub / "x")


def test_the_default_folder_is_in_the_invocation_directory(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini(project, "")
    sub = project.mkdir("sub")
    monkeypatch.chdir(sub)
    found = resolved(project, "--rootdir", str(project.path))
    assert found.settings.dir == sub / "test-traces"


@pytest.mark.parametrize(
    "args, environ, line, wanted",
    [
        ([], {}, "", False),
        ([], {}, "record_keep = all", False),
        ([], {}, "record_trace = false", False),
        ([], {}, "record_trace = true", True),
        ([], {}, "record_trace = maybe", True),
        (["--record-trace"], {}, "", True),
        (["--record-keep=bogus"], {}, "", True),
        ([], {"PYTEST_RECORDER": "1"}, "", True),
        ([], {"PYTEST_RECORDER": "perhaps"}, "", True),
        ([], {"PYTEST_RECORDER": ""}, "", False),
        ([], {"CODETRACER_JSON_ERRORS": "1"}, "", True),
        (["--record-trace"], {"PYTEST_RECORDER": "0"}, "", False),
        (["--record-keep=all", "--no-record-trace"], {}, "record_trace = true", False),
    ],
)
def test_settings_are_needed_when_the_run_says_something_about_recording(
    project: pytest.Pytester, args: list[str], environ: dict[str, str], line: str, wanted: bool
) -> None:
    ini(project, line)
    assert options.needs_settings(configured(project, *args), environ) is wanted


def test_the_help_shows_every_option_and_key_in_a_group_of_its_own(
    project: pytest.Pytester,
) -> None:
    config = configured(project)
    group = config._parser.getgroup("record_trace")
    flags = {name for option in group.options for name in option.names()}
    for option in OPTIONS:
        assert option.flag in flags
        assert (option.negative in flags) is (option.form == "bool")
        assert config.getini(option.dest) is None


OFF = Settings(root=Path("/r"), dir=Path("/r/t"), keep="failed")
ON = OFF.but(enabled=True)


@pytest.mark.parametrize("run", [OFF, ON], ids=["off", "on"])
def test_the_marker_turns_recording_on_and_keeps_all(run: Settings) -> None:
    found = resolve_marker(run, (), {})
    assert found == run.but(enabled=True, keep="all")
    assert resolve_marker(run, (True,), {}) == found
    assert resolve_marker(run, (), {"keep": "failed"}).keep == "failed"


@pytest.mark.parametrize("run", [OFF, ON], ids=["off", "on"])
def test_the_marker_can_turn_recording_off(run: Settings) -> None:
    assert resolve_marker(run, (False,), {}).enabled is False


def test_a_forced_off_run_ignores_the_marker_but_checks_it() -> None:
    assert resolve_marker(OFF, (), {"keep": "all"}, is_forced_off=True).enabled is False
    with complaint("some", "keep (marker)", "failed or all"):
        resolve_marker(OFF, (), {"keep": "some"}, is_forced_off=True)


@pytest.mark.parametrize("name", MARKER_NAMES)
def test_the_marker_sets_it_and_beats_the_run(name: str) -> None:
    sample = SAMPLES[name]
    row = BY_NAME[name]
    run = ON.but(**{row.field: sample.other_value})
    given = sample.value if row.form == "bool" else sample.text
    assert getattr(resolve_marker(run, (), {name: given}), row.field) == sample.value


def test_the_marker_takes_values_of_python() -> None:
    found = resolve_marker(
        OFF,
        (),
        {
            "max_bytes": MIB,
            "include": ["a", "b"],
            "exclude": ("c",),
            "values": {"depth": 1},
            "errors": {"target": "warn"},
        },
    )
    assert found.max_bytes == MIB
    assert (found.include, found.exclude) == (("a", "b"), ("c",))
    assert found.values == ValueLimits(depth=1)
    assert found.errors == {"target": "warn"}


@pytest.mark.parametrize("name", ["kep", "dir", "scope", "engine", "trace", "log_level"])
def test_an_unknown_marker_keyword_names_the_known_ones(name: str) -> None:
    message = f"unknown keyword {name!r} in @pytest.mark.record, expected one of keep, level"
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        resolve_marker(OFF, (), {name: "all"})
    assert caught.value.code is ErrorCode.INVALID_OPTION


@pytest.mark.parametrize("args", [("all",), (True, False), (1,), (None,)])
def test_a_positional_argument_of_the_marker_is_one_boolean(args: tuple[object, ...]) -> None:
    with pytest.raises(
        UsageError, match=re.escape(f"bad value {args!r} for the record marker")
    ):
        resolve_marker(OFF, args, {})


def test_importing_the_options_imports_neither_pydantic_nor_the_settings() -> None:
    script = (
        "import sys, pytest; before = set(sys.modules);"
        "import pytest_recorder.plugin; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(
        [
            "pytest_recorder",
            "pytest_recorder.plugin",
            "pytest_recorder.settings",
        ]
    )
