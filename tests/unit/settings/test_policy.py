from pathlib import Path

import pytest

from pytest_recorder.errors import ErrorKind
from pytest_recorder.settings import policy
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import POLICY_OPTIONS, Policy


@pytest.mark.parametrize(
    "on_error, kind, action",
    [
        ("abort", ErrorKind.USAGE, "fail"),
        ("abort", ErrorKind.ENVIRONMENT, "fail"),
        ("abort", ErrorKind.TARGET, "ignore"),
        ("abort", ErrorKind.INTERNAL, "fail"),
        ("disable", ErrorKind.USAGE, "fail"),
        ("disable", ErrorKind.ENVIRONMENT, "warn"),
        ("disable", ErrorKind.TARGET, "ignore"),
        ("disable", ErrorKind.INTERNAL, "warn"),
    ],
)
def test_the_preset_decides(on_error: str, kind: ErrorKind, action: str) -> None:
    chosen = Policy.checked({"on_recorder_error": on_error})
    assert policy.action_for(chosen, kind) == action


@pytest.mark.parametrize("action", ["fail", "warn", "ignore", "stop"])
@pytest.mark.parametrize("on_error", ["abort", "disable"])
@pytest.mark.parametrize("kind", ErrorKind)
def test_the_mapping_wins_for_its_kind_and_leaves_the_others(
    kind: ErrorKind, on_error: str, action: str
) -> None:
    plain = Policy.checked({"on_recorder_error": on_error})
    mapped = plain.but(record_errors={kind.lower(): action})
    for other in ErrorKind:
        expected = action if other is kind else policy.action_for(plain, other)
        assert policy.action_for(mapped, other) == expected


@pytest.mark.parametrize(
    "names, key, text, other, value",
    [
        ("ON_ERROR ON_RECORDER_ERROR", "on_recorder_error", "disable", "abort", "disable"),
        ("REQUIRE_TRACE REQUIRE_TRACE", "require_trace", "true", "0", True),
        ("KEEP_PARTIAL KEEP_PARTIAL_TRACE", "keep_partial_trace", "f", "1", False),
        ("LOG_LEVEL LOG_LEVEL", "log_level", "warn", "info", "warning"),
        ("LOG_FILE LOG_FILE", "log_file", "a", "b", str(Path("a").absolute())),
        ("JSON_ERRORS JSON_ERRORS", "json_errors", "1", "0", True),
    ],
)
def test_our_variable_wins_and_the_one_of_codetracer_is_the_fallback(
    names: str, key: str, text: str, other: str, value: object
) -> None:
    ours, theirs = names.split()
    our_name, their_name = f"PYTEST_RECORDER_{ours}", f"CODETRACER_{theirs}"
    assert policy.fields_from_env({our_name: text, their_name: other}) == {key: value}
    assert policy.fields_from_env({our_name: " ", their_name: text}) == {key: value}
    assert policy.fields_from_env({our_name: "", their_name: ""}) == {}


def test_the_mapping_by_kind_has_no_fallback() -> None:
    environ = {"CODETRACER_RECORD_ERRORS": "target=fail"}
    assert policy.fields_from_env(environ) == {}
    assert policy.fields_from_env({"PYTEST_RECORDER_ERRORS": "target=fail"}) == {
        "record_errors": {"target": "fail"}
    }


def test_the_policy_of_settings_has_the_defaults_of_the_plugin() -> None:
    settings = Settings(root=Path("/r"), dir=Path("/r/t"))
    assert policy.policy_of(settings) == Policy(on_recorder_error="disable")


def test_the_policy_of_settings_takes_every_field() -> None:
    settings = Settings(
        root=Path("/r"),
        dir=Path("/r/t"),
        on_error="abort",
        errors={"target": "stop"},
        require_trace=True,
        keep_partial=False,
        log_level="info",
        log_file=Path("/r/log"),
        json_errors=True,
    )
    assert policy.policy_of(settings) == Policy(
        on_recorder_error="abort",
        record_errors={"target": "stop"},
        require_trace=True,
        keep_partial_trace=False,
        log_level="info",
        log_file=str(Path("/r/log")),
        json_errors=True,
    )


def test_the_table_of_options_names_the_same_variables() -> None:
    for key, option in POLICY_OPTIONS.items():
        value = {"log_level": "info", "log_file": "/x", "on_error": "abort"}.get(
            option.name, "1"
        )
        value = "target=fail" if option.name == "errors" else value
        for variable in option.variables:
            assert list(policy.fields_from_env({variable: value})) == [key]
