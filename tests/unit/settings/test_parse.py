import re
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_recorder.errors import ErrorCode, UsageError
from pytest_recorder.settings import BY_NAME, OPTIONS, parse
from pytest_recorder.settings.config import ValueLimits
from pytest_recorder.settings.parse import parse_option

KIB, MIB, GIB = 1024, 1024**2, 1024**3


def refused(value: object, expected: str, code: ErrorCode = ErrorCode.INVALID_OPTION) -> Any:
    text = f"[{code}] bad value {value!r} for here, expected {expected}"
    return pytest.raises(UsageError, match=f"^{re.escape(text)}$")


def option(name: str, value: object, source: str) -> object:
    return parse_option(BY_NAME[name], value, source)


@pytest.mark.parametrize(
    "text, size_bytes",
    [
        ("64MiB", 64 * MIB),
        ("64 mib", 64 * MIB),
        (" 64KiB ", 64 * KIB),
        ("2GiB", 2 * GIB),
        ("500KB", 500_000),
        ("5MB", 5_000_000),
        ("1gb", 10**9),
        ("100000B", 100_000),
        ("65536", 65536),
        (65536, 65536),
        ("1.5MiB", 3 * MIB // 2),
        ("1024GiB", 1024 * GIB),
    ],
)
def test_a_size_is_read(text: object, size_bytes: int) -> None:
    assert parse.parse_size(text) == size_bytes


@pytest.mark.parametrize(
    "bad",
    [
        *("", "x", "64", "65535", "63KiB", "-1MiB", "1TiB1", "64 Mi", "1e9", "nan", "2000GiB"),
        *(True, None, 1.5, "٦٥٥٣٦", "9" * 400, ["64MiB"]),
    ],
)
def test_a_bad_size_names_the_value_and_what_was_expected(bad: object) -> None:
    with refused(bad, "a size from 64KiB to 1TiB such as 64MiB, 500KB or 1000000"):
        parse.parse_size(bad, "here")


@given(st.one_of(st.text(), st.integers(), st.from_regex(r"[0-9.]{1,9} ?[kKmMgG]?i?[bB]?")))
def test_any_size_is_read_or_refused(value: object) -> None:
    try:
        size_bytes = parse.parse_size(value)
    except UsageError:
        return
    assert 64 * KIB <= size_bytes <= 1024 * GIB


@pytest.mark.parametrize("text", ["1", "true", "YES", "On", " on ", "t", "y", True])
def test_words_for_true(text: object) -> None:
    assert parse.parse_bool(text, "here") is True


@pytest.mark.parametrize("text", ["0", "False", "no", "OFF", "f", "n", False])
def test_words_for_false(text: object) -> None:
    assert parse.parse_bool(text, "here") is False


@pytest.mark.parametrize("bad", ["", "2", "maybe", 1, 0, None])
def test_other_words_are_no_boolean(bad: object) -> None:
    with refused(bad, "1 or 0, true or false, yes or no, on or off"):
        parse.parse_bool(bad, "here")


def test_limits_not_named_keep_their_defaults() -> None:
    assert option("values", "depth=5, items=0,", "here") == ValueLimits(depth=5, items=0)
    assert option("values", {"chars": 9}, "here") == ValueLimits(chars=9)
    assert ValueLimits() == ValueLimits(
        depth=3, items=20, chars=256, attributes=20, objects=128
    )


@pytest.mark.parametrize(
    "text, bad, expected",
    [
        ("deep=3", "deep", "depth, items, chars, attributes or objects"),
        ("depth", "depth", "NAME=VALUE,... with depth, items, chars, attributes or objects"),
        ("depth=", "", "a whole number from 0 to 100"),
        ("depth=101", "101", "a whole number from 0 to 100"),
        ("items=-1", "-1", "a whole number from 0 to 1000000"),
        ("items=1.5", "1.5", "a whole number from 0 to 1000000"),
        ("items=" + "9" * 5000, "9" * 5000, "a whole number from 0 to 1000000"),
        ({"chars": True}, True, "a whole number from 0 to 1000000"),
        ({"chars": 1.0}, 1.0, "a whole number from 0 to 1000000"),
        ({3: 1}, 3, "depth, items, chars, attributes or objects"),
        (7, 7, "NAME=VALUE,... with depth, items, chars, attributes or objects"),
    ],
)
def test_bad_limits_name_the_part_that_is_bad(text: object, bad: object, expected: str) -> None:
    with refused(bad, expected):
        option("values", text, "here")


def test_actions_by_kind_are_read_from_text_and_mapping() -> None:
    assert option("errors", "environment=FAIL, internal=stop", "here") == {
        "environment": "fail",
        "internal": "stop",
    }
    assert option("errors", {"target": "ignore"}, "here") == {"target": "ignore"}
    assert option("errors", "", "here") == {}


@pytest.mark.parametrize(
    "text, bad, expected",
    [
        ("disk=fail", "disk", "usage, environment, target or internal"),
        ("target=raise", "raise", "fail, warn, ignore or stop"),
        ("target", "target", "NAME=VALUE,... with usage, environment, target or internal"),
        ("target=", "", "fail, warn, ignore or stop"),
        (["a"], ["a"], "NAME=VALUE,... with usage, environment, target or internal"),
    ],
)
def test_bad_actions_are_bad_policy_values(text: object, bad: object, expected: str) -> None:
    with refused(bad, expected, ErrorCode.INVALID_POLICY_VALUE):
        option("errors", text, "here")


def test_log_levels_have_the_names_of_the_reference_too() -> None:
    words = ("WARN", "trace", "off", "Info")
    assert [option("log_level", word, "here") for word in words] == [
        "warning",
        "debug",
        "off",
        "info",
    ]


@pytest.mark.parametrize("bad", ["loud", "", 10, None])
def test_a_bad_log_level_names_the_levels(bad: object) -> None:
    expected = "off, error, warning, info or debug"
    with refused(bad, expected, ErrorCode.INVALID_POLICY_VALUE):
        option("log_level", bad, "here")


def test_names_are_one_text_or_a_list_without_blanks() -> None:
    assert parse.parse_names("src/*.py", "here") == ("src/*.py",)
    assert parse.parse_names([" a ", "", "b"], "here") == ("a", "b")
    assert parse.parse_names(("a",), "here") == ("a",)


@pytest.mark.parametrize("bad", [3, [3], {"a": 1}, None])
def test_names_are_nothing_else(bad: object) -> None:
    with refused(bad, "text or a list of texts"):
        parse.parse_names(bad, "here")


@pytest.mark.parametrize(
    "field, expected",
    [
        ("scope", "test or session"),
        ("keep", "failed or all"),
        ("level", "calls, lines or values"),
        ("engine", "auto, monitoring or settrace"),
    ],
)
def test_a_bad_choice_names_the_choices(field: str, expected: str) -> None:
    with refused("bogus", expected):
        option(field, "bogus", "here")
    with refused(3, expected):
        option(field, 3, "here")


def test_a_path_is_text_without_nul() -> None:
    assert option("dir", "a b", "here") == "a b"
    for bad in ("", " ", "a\0b", 3):
        with refused(bad, "a path"):
            option("dir", bad, "here")


def test_every_option_has_a_parser() -> None:
    for row in OPTIONS:
        with pytest.raises(UsageError, match="for here, expected"):
            parse_option(row, object(), "here")


@pytest.mark.parametrize("good", ["a", "src/[ab].py", "src/[!a-c]*.py", "[]]x/", "[[]/", "a]"])
def test_a_pattern_with_classes_is_read(good: str) -> None:
    with warnings.catch_warnings(action="error"):
        assert parse.parse_patterns([good, "b"], "here") == (good, "b")


@pytest.mark.parametrize("bad", ["a[", "src/[ab.py", "[]", "x/[z-a].py", "[a]/[b"])
def test_a_pattern_whose_class_is_none_is_refused(bad: str) -> None:
    with refused(bad, "a pattern in which each [ begins a class such as [abc] or [!a-z]"):
        parse.parse_patterns(["fine", bad], "here")
    with refused(bad, "a pattern in which each [ begins a class such as [abc] or [!a-z]"):
        option("exclude", bad, "here")
