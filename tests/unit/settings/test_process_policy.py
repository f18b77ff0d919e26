import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_recorder.errors import ErrorCode, UsageError
from pytest_recorder.settings import policy, process_policy
from pytest_recorder.settings.policy import Policy

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
    process_policy.reset_policy()
    yield
    process_policy.reset_policy()


def refused(text: str) -> Any:
    code = ErrorCode.INVALID_POLICY_VALUE
    return pytest.raises(UsageError, match=f"^{re.escape(f'[{code}] {text}')}$")


def test_the_snapshot_is_plain_data_with_the_defaults_of_the_api() -> None:
    assert process_policy.policy_snapshot() == DEFAULTS


def test_configured_fields_win_over_variables_and_both_over_defaults() -> None:
    process_policy.configure_policy_from_env(
        {"PYTEST_RECORDER_ON_ERROR": "disable", "PYTEST_RECORDER_REQUIRE_TRACE": "1"}
    )
    process_policy.configure_policy(require_trace=False, record_errors={"target": "warn"})
    assert process_policy.policy_snapshot() == DEFAULTS | {
        "on_recorder_error": "disable",
        "record_errors": {"target": "warn"},
    }


def test_an_override_holds_for_one_session_only() -> None:
    process_policy.configure_policy(json_errors="yes")
    assert process_policy.current_policy({"json_errors": False}).json_errors is False
    assert process_policy.current_policy().json_errors is True


def test_a_variable_that_is_unset_again_resets_its_field() -> None:
    process_policy.configure_policy_from_env({"PYTEST_RECORDER_REQUIRE_TRACE": "on"})
    assert process_policy.policy_snapshot()["require_trace"] is True
    process_policy.configure_policy_from_env({})
    assert process_policy.policy_snapshot() == DEFAULTS


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_RECORDER_LOG_LEVEL", "debug")
    process_policy.configure_policy_from_env()
    assert process_policy.policy_snapshot()["log_level"] == "debug"


def test_a_bad_variable_names_itself_and_leaves_the_policy_as_it_was() -> None:
    process_policy.configure_policy_from_env({"PYTEST_RECORDER_REQUIRE_TRACE": "1"})
    with refused(
        "bad value 'perhaps' for CODETRACER_ON_RECORDER_ERROR (environment), "
        "expected abort or disable"
    ):
        process_policy.configure_policy_from_env({"CODETRACER_ON_RECORDER_ERROR": "perhaps"})
    assert process_policy.policy_snapshot() == DEFAULTS | {"require_trace": True}


def test_a_bad_value_or_key_names_itself_and_leaves_the_policy_as_it_was() -> None:
    with refused(
        "bad value 3 for json_errors (configure_policy), "
        "expected 1 or 0, true or false, yes or no, on or off"
    ):
        process_policy.configure_policy(require_trace=True, json_errors=3)
    with refused(f"unknown key 'on_eror' in policy, expected one of {', '.join(DEFAULTS)}"):
        process_policy.current_policy({"on_eror": "abort"})
    assert process_policy.policy_snapshot() == DEFAULTS


@pytest.mark.parametrize("nothing", [None, "", " "])
@pytest.mark.parametrize(
    "key, value", [("log_level", "info"), ("log_file", "x"), ("record_errors", "target=fail")]
)
def test_none_and_blank_clear_what_can_be_empty(key: str, value: str, nothing: object) -> None:
    process_policy.configure_policy(**{key: value})
    assert process_policy.policy_snapshot()[key]
    process_policy.configure_policy(**{key: nothing})
    assert process_policy.policy_snapshot() == DEFAULTS


def test_the_log_file_is_made_absolute_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    process_policy.configure_policy(log_file=Path("logs") / "a.jsonl")
    monkeypatch.chdir("/")
    assert process_policy.policy_snapshot()["log_file"] == str(tmp_path / "logs" / "a.jsonl")


def test_the_digest_depends_on_values_and_not_on_their_origin() -> None:
    plain = policy.policy_digest(Policy())
    assert re.fullmatch("[0-9a-f]{64}", plain)
    process_policy.configure_policy(on_recorder_error="abort")
    assert policy.policy_digest(process_policy.current_policy()) == plain
    digests = {
        policy.policy_digest(Policy(record_errors={"target": "fail", "usage": "warn"})),
        policy.policy_digest(Policy(record_errors={"usage": "warn", "target": "fail"})),
    }
    assert len(digests) == 1
    assert plain not in digests


def test_each_value_says_where_it_came_from() -> None:
    process_policy.configure_policy_from_env(
        {"PYTEST_RECORDER_REQUIRE_TRACE": "1", "CODETRACER_LOG_LEVEL": "info", "X": "y"}
    )
    process_policy.configure_policy(json_errors=True, log_level="debug")
    found = process_policy.sourced_policy({"keep_partial_trace": False})
    assert found.policy == process_policy.current_policy({"keep_partial_trace": False})
    assert found.sources == {
        "on_recorder_error": "default",
        "require_trace": "PYTEST_RECORDER_REQUIRE_TRACE (environment)",
        "keep_partial_trace": "policy (argument)",
        "log_level": "configure_policy",
        "log_file": "default",
        "json_errors": "configure_policy",
        "record_errors": "default",
    }
    process_policy.configure_policy_from_env({"CODETRACER_LOG_LEVEL": "info"})
    assert process_policy.sourced_policy().sources["require_trace"] == "default"


def test_an_option_is_named_as_the_source_and_in_a_complaint() -> None:
    flags = {"log_level": "--log-level"}
    found = process_policy.sourced_policy({"log_level": "info"}, flags)
    assert found.sources["log_level"] == "--log-level (command line)"
    with refused(
        "bad value 'loud' for --log-level (command line), "
        "expected off, error, warning, info or debug"
    ):
        process_policy.sourced_policy({"log_level": "loud"}, flags)
