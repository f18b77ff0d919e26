"""The settings have the fields, defaults, choices and bounds of the table."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

import pytest

from pytest_recorder.diagnostics.jsonlog import LEVELS
from pytest_recorder.errors import UsageError
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


def names_of(kind: Any) -> set[str]:
    return {each.name for each in fields(kind)}


def test_there_is_a_field_for_each_option_and_for_little_else() -> None:
    # `hot_path` has no option: PYTEST_RECORDER_PURE chooses.
    own = names_of(Settings) - {"root", "hot_path"}
    assert own == {option.field for option in OPTIONS}
    assert names_of(Policy) == set(POLICY_OPTIONS)
    assert names_of(ValueLimits) == set(VALUE_LIMITS)


@every_option
def test_a_field_has_the_type_and_the_choices_of_its_option(option: Option) -> None:
    assert get_type_hints(Settings)[option.field] == type_of(option)


def test_the_levels_of_the_log_are_those_that_it_knows() -> None:
    assert BY_NAME["log_level"].choices == tuple(LEVELS)


@every_option
def test_a_field_has_the_default_of_its_option(option: Option) -> None:
    settings = Settings(root=Path("/r"), dir=Path("/r/t"))
    if option.name != "dir":  # made absolute by who knows the folder
        found = getattr(settings, option.field)
        assert (found.plain() if option.form == "limits" else found) == option.default


@pytest.mark.parametrize("key", POLICY_OPTIONS)
def test_a_field_of_the_policy_has_the_type_and_the_default_of_its_option(key: str) -> None:
    option = POLICY_OPTIONS[key]
    written = get_type_hints(Policy)[key]
    assert written == (str | None if option.form == "path" else type_of(option))
    assert getattr(Policy(), key) == option.policy_default


@pytest.mark.parametrize(
    "option", [row for row in OPTIONS if row.form in BOUNDS], ids=lambda option: option.name
)
def test_a_field_has_the_bounds_of_its_option(option: Option) -> None:
    least, most = BOUNDS[option.form]
    for good in (least, most):
        Settings.checked({"root": "/r", "dir": "/d", option.field: good})
    for bad in (least - 1, most + 1):
        with pytest.raises(UsageError, match=r"expected a whole number from \d+ to \d+"):
            Settings.checked({"root": "/r", "dir": "/d", option.field: bad})


@pytest.mark.parametrize("name", VALUE_LIMITS)
def test_a_limit_of_values_has_bounds(name: str) -> None:
    assert ValueLimits.checked({name: MOST[name]})
    for bad in (-1, MOST[name] + 1):
        with pytest.raises(UsageError, match=r"expected a whole number from \d+ to \d+"):
            ValueLimits.checked({name: bad})


def test_settings_are_frozen_and_take_nothing_unknown() -> None:
    settings = Settings(root=Path("/r"), dir=Path("/r/test-traces"))
    with pytest.raises(FrozenInstanceError, match="keep"):
        settings.keep = "all"  # type: ignore[misc]
    with pytest.raises(UsageError, match="unknown field 'extra', expected one of root, dir"):
        Settings.checked({"root": Path("/r"), "dir": Path("/d"), "extra": 1})


@every_option
def test_a_field_takes_no_value_of_another_type(option: Option) -> None:
    for bad in (object(), 1.5, b"x"):
        with pytest.raises(UsageError, match=f"for {option.field}, expected"):
            Settings.checked({"root": "/r", "dir": "/d", option.field: bad})


def test_a_mapping_is_nobody_elses() -> None:
    one, other = (Settings(root=Path("/r"), dir=Path("/r/t")) for _ in range(2))
    assert one.errors is not other.errors
