"""The settings have the fields, defaults, choices and bounds of the table."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import ValidationError

from pytest_recorder.diagnostics.jsonlog import LEVELS
from pytest_recorder.settings import BOUNDS, BY_NAME, OPTIONS, VALUE_LIMITS, Option
from pytest_recorder.settings.config import MOST, Settings, ValueLimits
from pytest_recorder.settings.policy import POLICY_OPTIONS, Policy

every_option = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
TYPES: dict[str, Any] = {
    "bool": bool,
    "names": tuple[str, ...],
    "patterns": tuple[str, ...],
    "size": int,
    "count": int,
    "path": Path,
    "limits": ValueLimits,
}


def type_of(option: Option) -> Any:
    found = TYPES.get(option.form)
    if option.form == "choice":
        found = Literal[option.choices]
    elif option.form == "actions":
        found = dict[Literal[option.keys], Literal[option.choices]]  # type: ignore[valid-type]
    return found | None if option.default is None else found


def test_there_is_a_field_for_each_option_and_for_little_else() -> None:
    # `hot_path` has no option: PYTEST_RECORDER_PURE chooses.
    fields = set(Settings.model_fields) - {"root", "hot_path"}
    assert fields == {option.field for option in OPTIONS}
    assert set(Policy.model_fields) == set(POLICY_OPTIONS)
    assert set(ValueLimits.model_fields) == set(VALUE_LIMITS)


@every_option
def test_a_field_has_the_type_and_the_choices_of_its_option(option: Option) -> None:
    assert Settings.model_fields[option.field].annotation == type_of(option)


def test_the_levels_of_the_log_are_those_that_it_knows() -> None:
    assert BY_NAME["log_level"].choices == tuple(LEVELS)


@every_option
def test_a_field_has_the_default_of_its_option(option: Option) -> None:
    settings = Settings(root=Path("/r"), dir=Path("/r/t"))
    if option.name != "dir":  # made absolute by who knows the folder
        found = getattr(settings, option.field)
        assert (found.model_dump() if option.form == "limits" else found) == option.default


@pytest.mark.parametrize("key", POLICY_OPTIONS)
def test_a_field_of_the_policy_has_the_type_and_the_default_of_its_option(key: str) -> None:
    field = Policy.model_fields[key]
    option = POLICY_OPTIONS[key]
    assert field.annotation == (str | None if option.form == "path" else type_of(option))
    assert field.default == option.policy_default


@pytest.mark.parametrize(
    "option", [row for row in OPTIONS if row.form in BOUNDS], ids=lambda option: option.name
)
def test_a_field_has_the_bounds_of_its_option(option: Option) -> None:
    least, most = BOUNDS[option.form]
    for good in (least, most):
        Settings.model_validate({"root": "/r", "dir": "/d", option.field: good})
    for bad in (least - 1, most + 1):
        with pytest.raises(ValidationError, match=r"should be (greater|less) than"):
            Settings.model_validate({"root": "/r", "dir": "/d", option.field: bad})


@pytest.mark.parametrize("name", VALUE_LIMITS)
def test_a_limit_of_values_has_bounds(name: str) -> None:
    assert ValueLimits.model_validate({name: MOST[name]})
    for bad in (-1, MOST[name] + 1):
        with pytest.raises(ValidationError, match=r"should be (greater|less) than"):
            ValueLimits.model_validate({name: bad})


def test_settings_are_frozen_and_take_nothing_unknown() -> None:
    settings = Settings(root=Path("/r"), dir=Path("/r/test-traces"))
    with pytest.raises(ValidationError, match="frozen"):
        settings.keep = "all"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings(root=Path("/r"), dir=Path("/d"), extra=1)  # type: ignore[call-arg]
