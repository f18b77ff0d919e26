import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.errors import ErrorCode, ErrorKind, UsageError
from pytest_recorder.settings import policy
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import POLICY, Policy

DEFAULTS = {
    "on_recorder_error": "abort",
    "require_trace": False,
    "keep_partial_trace": True,
    "log_level": None,
    "log_file": None,
    "json_errors": False,
    "record_errors": {},
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    policy.reset_policy()
    yield
    policy.reset_policy()


def refused(text: str) -> Any:
    code = ErrorCode.INVALID_POLICY_VALUE
    return pytest.raises(UsageError, match=f"^{re.escape(f'[{code}] {text}')}$")


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
    chosen = policy.current_policy({"on_recorder_error": on_error})
    assert policy.action_for(chosen, kind) == action


@pytest.mark.parametrize("action", ["fail", "warn", "ignore", "stop"])
@pytest.mark.parametrize("on_error", ["abort", "disable"])
@pytest.mark.parametrize("kind", ErrorKind)
def test_the_mapping_wins_for_its_kind_and_leaves_the_others(
    kind: ErrorKind, on_error: str, action: str
) -> None:
    plain = policy.current_policy({"on_recorder_error": on_error})
    mapped = policy.current_policy(
        {"on_recorder_error": on_error, "record_errors": f"{kind.lower()}={action}"}
    )
    for other in ErrorKind:
        expected = action if other is kind else policy.action_for(plain, other)
        assert policy.action_for(mapped, other) == expected


def test_the_snapshot_is_plain_data_with_the_defaults_of_the_api() -> None:
    assert policy.policy_snapshot() == DEFAULTS


def test_configured_fields_win_over_variables_and_both_over_defaults() -> None:
    policy.configure_policy_from_env(
        {"PYTEST_RECORDER_ON_ERROR": "disable", "PYTEST_RECORDER_REQUIRE_TRACE": "1"}
    )
    policy.configure_policy(require_trace=False, record_errors={"target": "warn"})
    assert policy.policy_snapshot() == DEFAULTS | {
        "on_recorder_error": "disable",
        "record_errors": {"target": "warn"},
    }


def test_an_override_holds_for_one_session_only() -> None:
    policy.configure_policy(json_errors="yes")
    assert policy.current_policy({"json_errors": False}).json_errors is False
    assert policy.current_policy().json_errors is True


def test_a_variable_that_is_unset_again_resets_its_field() -> None:
    policy.configure_policy_from_env({"PYTEST_RECORDER_REQUIRE_TRACE": "on"})
    assert policy.policy_snapshot()["require_trace"] is True
    policy.configure_policy_from_env({})
    assert policy.policy_snapshot() == DEFAULTS


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


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_LOG_LEVEL", "debug")
    policy.configure_policy_from_env()
    assert policy.policy_snapshot()["log_level"] == "debug"


def test_a_bad_variable_names_itself_and_leaves_the_policy_as_it_was() -> None:
    policy.configure_policy_from_env({"PYTEST_RECORDER_REQUIRE_TRACE": "1"})
    with refused(
        "bad value 'perhaps' for CODETRACER_ON_RECORDER_ERROR (environment), "
        "expected abort or disable"
    ):
        policy.configure_policy_from_env({"CODETRACER_ON_RECORDER_ERROR": "perhaps"})
    assert policy.policy_snapshot() == DEFAULTS | {"require_trace": True}


def test_a_bad_value_or_key_names_itself_and_leaves_the_policy_as_it_was() -> None:
    with refused(
        "bad value 3 for json_errors (configure_policy), "
        "expected 1 or 0, true or false, yes or no, on or off"
    ):
        policy.configure_policy(require_trace=True, json_errors=3)
    with refused(f"unknown key 'on_eror' in policy, expected one of {', '.join(DEFAULTS)}"):
        policy.current_policy({"on_eror": "abort"})
    assert policy.policy_snapshot() == DEFAULTS


@pytest.mark.parametrize("nothing", [None, "", " "])
@pytest.mark.parametrize(
    "key, value", [("log_level", "info"), ("log_file", "x"), ("record_errors", "target=fail")]
)
def test_none_and_blank_clear_what_can_be_empty(key: str, value: str, nothing: object) -> None:
    policy.configure_policy(**{key: value})
    assert policy.policy_snapshot()[key]
    policy.configure_policy(**{key: nothing})
    assert policy.policy_snapshot() == DEFAULTS


def test_the_log_file_is_made_absolute_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    policy.configure_policy(log_file=Path("logs") / "a.jsonl")
    monkeypatch.chdir("/")
    assert policy.policy_snapshot()["log_file"] == str(tmp_path / "logs" / "a.jsonl")


def test_the_digest_depends_on_values_and_not_on_their_origin() -> None:
    plain = policy.policy_digest(Policy())
    assert re.fullmatch("[0-9a-f]{64}", plain)
    policy.configure_policy(on_recorder_error="abort")
    assert policy.policy_digest(policy.current_policy()) == plain
    digests = {
        policy.policy_digest(Policy(record_errors={"target": "fail", "usage": "warn"})),
        policy.policy_digest(Policy(record_errors={"usage": "warn", "target": "fail"})),
    }
    assert len(digests) == 1
    assert plain not in digests


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
    for key, option in POLICY.items():
        value = {"log_level": "info", "log_file": "/x", "on_error": "abort"}.get(
            option.name, "1"
        )
        value = "target=fail" if option.name == "errors" else value
        for variable in option.variables:
            assert list(policy.fields_from_env({variable: value})) == [key]


def test_each_value_says_where_it_came_from() -> None:
    policy.configure_policy_from_env(
        {"PYTEST_RECORDER_REQUIRE_TRACE": "1", "CODETRACER_LOG_LEVEL": "info", "X": "y"}
    )
    policy.configure_policy(json_errors=True, log_level="debug")
    found = policy.sourced_policy({"keep_partial_trace": False})
    assert found.policy == policy.current_policy({"keep_partial_trace": False})
    assert found.sources == {
        "on_recorder_error": "default",
        "require_trace": "PYTEST_RECORDER_REQUIRE_TRACE (environment)",
        "keep_partial_trace": "policy (argument)",
        "log_level": "configure_policy",
        "log_file": "default",
        "json_errors": "configure_policy",
        "record_errors": "default",
    }
    policy.configure_policy_from_env({"CODETRACER_LOG_LEVEL": "info"})
    assert policy.sourced_policy().sources["require_trace"] == "default"


def test_an_option_is_named_as_the_source_and_in_a_complaint() -> None:
    flags = {"log_level": "--log-level"}
    found = policy.sourced_policy({"log_level": "info"}, flags)
    assert found.sources["log_level"] == "--log-level (command line)"
    with refused(
        "bad value 'loud' for --log-level (command line), "
        "expected off, error, warning, info or debug"
    ):
        policy.sourced_policy({"log_level": "loud"}, flags)
