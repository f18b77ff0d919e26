"""How much of what stands under a name is hidden."""

import pytest

from pytest_recorder.redaction.names import (
    DEFAULT_RULES,
    EVERYTHING,
    NUMBERS,
    OPEN,
    TEXTS,
    WHOLE_NAMES,
    NameRules,
    is_name,
    words_of,
)


@pytest.mark.parametrize(
    "name",
    [
        *("pw", "db_pw", "dsn", "SENTRY_DSN", "webhook_url", "slackWebhookUrl", "DATABASE_URL"),
        *("conn_str", "connectionString", "client_secret", "clientSecret", "mfa_code"),
        *("recovery_codes", "PGPASSWORD", "xsrf", "JSESSIONID", "AccountKey", "get_password"),
        *("x-api-key", "Set-Cookie", "Proxy-Authorization", "creds", "presigned_url"),
    ],
)
def test_the_names_that_leaked_hide_texts(name: str) -> None:
    assert NameRules().level(name) == TEXTS


@pytest.mark.parametrize("name", ["otp", "totp", "user_otp", "OTP", "pin"])
def test_one_time_codes_and_pins_hide_ints_too(name: str) -> None:
    assert NameRules().level(name) == NUMBERS


@pytest.mark.parametrize(
    "name",
    [
        *("url", "database", "hook", "webhook", "pattern", "pat", "conn", "code", "recovery"),
        *("option", "pwm", "dsns_of", "gpio_pin", "adopt", "signed", "n_otp"),
    ],
)
def test_what_only_looks_like_them_hides_nothing(name: str) -> None:
    assert NameRules().level(name) == OPEN


def test_a_rule_of_the_user_hides_everything_and_the_strictest_rule_counts() -> None:
    rules = NameRules(["salary", "user password"], ["cookie"])
    assert rules.level("salary") == EVERYTHING
    assert rules.level("user_password") == EVERYTHING
    assert rules.level("password") == TEXTS
    assert rules.level("salary_token") == EVERYTHING
    assert rules.level("cookie") == OPEN


def test_each_name_with_a_rule_has_a_first_word() -> None:
    first = NameRules(["mother maiden"]).first_words()
    for rule in (*DEFAULT_RULES, *WHOLE_NAMES, "mother maiden"):
        assert first & set(words_of(rule)), rule


def test_the_first_of_two_items_is_a_name_only_if_it_looks_like_one() -> None:
    assert is_name("password")
    assert is_name(b"cookie")
    assert not is_name("the password")
    assert not is_name(b"the password")
    assert not is_name("password" * 20)
    assert not is_name(12)
