"""Ten programs with a bug each, and the examples: `failure.md` names the cause of every failure."""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from pytest_recorder.render.explanation import MOST_LINES
from tests.plugin.support import run

SEEDED = Path(__file__).parents[1] / "seeded"
SHOP = Path(__file__).parents[2] / "examples" / "shop"


class Cause(NamedTuple):
    """A line of source, and what the explanation says of it."""

    file: str
    source: str
    value: str


BUGS = {
    "off_by_one": [Cause("library.py", "last = first + self.size - 1", "last = 1")],
    "wrong_default": [
        Cause("payroll.py", "def insurance(gross_cents, per_mille=930):", "per_mille = 930")
    ],
    "aliasing": [
        Cause("timetable.py", "return [row for _ in DAYS]", "0, 1, 2, 3, 4 are one object"),
        Cause(
            "timetable.py", "self.week[DAYS.index(day)][hour - 1] = lesson", "self.week[0][1]"
        ),
    ],
    "mutated_argument": [
        Cause("sensors.py", "values.sort()", "values = [20.1, 21.2, 22.4, 23.1, 24.0]")
    ],
    "swallowed_exception": [
        Cause("shipping.py", "grams = 0", "grams = 0"),
        Cause("shipping.py", "except ValueError:", "decided by"),
    ],
    "stale_cache": [
        Cause("permissions.py", "self._rights[user] = frozenset(found)", "'remove'"),
        Cause("permissions.py", "self.rights.discard(right)", "after the value above was kept"),
    ],
    "wrong_order": [
        Cause(
            "checkout.py",
            "steps = [add_goods, add_tax, add_coupons, add_shipping]",
            "add_goods>, <function add_tax>, <function add_coupons>",
        ),
        Cause("checkout.py", 'bill.add("tax", bill.amount * TAX_PERCENT // 100)', "1200"),
    ],
    "rounding": [
        Cause(
            "invoices.py",
            "each = part.quantize(CENT, rounding=ROUND_DOWN)",
            "each = Decimal('33.33')",
        )
    ],
    "time_zone": [
        Cause(
            "bookings.py",
            "local = naive.replace(tzinfo=UTC)",
            "local = datetime('2024-03-01 09:00:00+00:00')",
        )
    ],
    "asyncio_race": [
        Cause("bank.py", "before = account.balance", "account.balance became 30 after this"),
        Cause("bank.py", "account.balance = balance", "account.balance = 45"),
    ],
}

SHOP_BUGS = {
    "test_a_standing_order_costs_the_same_every_week": [
        Cause("shop/orders.py", "return Order(self.customer, self.lines)", "next_order()"),
        Cause(
            "shop/orders.py",
            "self.lines.append(Line(code, quantity, price_cents))",
            "self.lines[2] = Line(code='gift-wrap', price_cents=300",
        ),
    ],
    "test_a_new_price_counts_for_large_orders_too": [
        Cause(
            "shop/pricing.py",
            "self._unit_prices.pop((code, 0), None)",
            "del self._unit_prices[('tea', 0)]",
        )
    ],
    "test_a_voucher_is_worth_its_amount": [
        Cause("shop/pricing.py", "part = discount_cents * amount // whole", "part = 78"),
        Cause("shop/pricing.py", "return parts", "share() -> [118, 302, 78]"),
    ],
}


def is_named(text: str, cause: Cause, folder: Path) -> bool:
    """Whether one line of the explanation has place, source and value of a cause."""
    lines = (folder / cause.file).read_text().splitlines()
    numbers = [n for n, line in enumerate(lines, 1) if line.strip() == cause.source]
    assert numbers, f"{cause.source!r} is not in {cause.file}"
    places = [f"[{cause.file}:{n} " for n in numbers]
    return any(
        cause.value in line and any(place in line for place in places)
        for line in text.splitlines()
    )


@pytest.mark.parametrize("bug", BUGS)
def test_the_cause_of_a_seeded_bug_is_named(pytester: pytest.Pytester, bug: str) -> None:
    for path in (SEEDED / bug).glob("*.py"):
        shutil.copy(path, pytester.path)
    pytester.makeini("[pytest]")
    result = run(pytester, "--record-trace", "--import-mode=prepend", "failing.py")
    result.assert_outcomes(failed=1)
    (path,) = pytester.path.glob("test-traces/*/failure.md")
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for cause in BUGS[bug]:
        assert is_named(text, cause, pytester.path), f"{cause} is not in\n{text}"
    if bug == "swallowed_exception":
        assert "int() with base 10: '2.5'  raised at shipping.py:52 in parse_weight" in text


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_program_is_no_toy(bug: str) -> None:
    program = [path for path in (SEEDED / bug).glob("*.py") if path.name != "failing.py"]
    assert sum(len(path.read_text().splitlines()) for path in program) >= 100


def test_the_causes_in_the_examples_are_named(pytester: pytest.Pytester) -> None:
    shutil.copytree(
        SHOP, pytester.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("test-traces")
    )
    result = run(pytester, "--record-trace")
    result.assert_outcomes(failed=3, passed=21)
    explanations = {
        match[1]: path.read_text(encoding="utf-8")
        for path in pytester.path.glob("test-traces/*/failure.md")
        if (match := re.search(r"::(\w+)`", path.read_text(encoding="utf-8")))
    }
    assert sorted(explanations) == sorted(SHOP_BUGS)
    for test, causes in SHOP_BUGS.items():
        for cause in causes:
            text = explanations[test]
            assert is_named(text, cause, pytester.path), f"{cause} is not in\n{text}"
