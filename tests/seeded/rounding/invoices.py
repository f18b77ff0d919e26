"""Invoices in several currencies: lines, discounts, conversion, and sharing among payers."""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
RATES = {"EUR": Decimal(1), "USD": Decimal("1.0825"), "JPY": Decimal("161.37")}


class UnknownCurrency(KeyError):
    """There is no rate for that currency."""


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str = "EUR"

    def __add__(self, other):
        if self.currency != other.currency:
            message = f"{self.currency} and {other.currency} do not add up"
            raise ValueError(message)
        return Money(self.amount + other.amount, self.currency)

    def times(self, factor):
        return Money(self.amount * Decimal(factor), self.currency)


def to_cents(amount):
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def convert(money, currency):
    try:
        factor = RATES[currency] / RATES[money.currency]
    except KeyError as error:
        raise UnknownCurrency(str(error)) from None
    return Money(to_cents(money.amount * factor), currency)


@dataclass
class Line:
    text: str
    price: Money
    quantity: int = 1
    discount_percent: int = 0

    def total(self):
        whole = self.price.times(self.quantity)
        return whole.times(Decimal(100 - self.discount_percent) / 100)


@dataclass
class Invoice:
    number: str
    currency: str = "EUR"
    lines: list = field(default_factory=list)

    def add(self, text, price, quantity=1, discount_percent=0):
        self.lines.append(Line(text, Money(Decimal(price)), quantity, discount_percent))

    def total(self):
        total = Money(Decimal(0), "EUR")
        for line in self.lines:
            total = total + line.total()
        return convert(total, self.currency)


def share(money, payers):
    """Share an amount among payers, equally to the cent."""
    part = money.amount / payers
    each = part.quantize(CENT, rounding=ROUND_DOWN)
    return [Money(each, money.currency) for _ in range(payers)]


@dataclass
class Ledger:
    """What everybody owes."""

    debts: dict = field(default_factory=dict)

    def book(self, invoice, *names):
        total = invoice.total()
        for name, part in zip(names, share(total, len(names)), strict=True):
            old = self.debts.get(name, Money(Decimal(0), total.currency))
            self.debts[name] = old + part
        return total

    def owed(self):
        amount = Decimal(0)
        for money in self.debts.values():
            amount += money.amount
        return amount

    def pay(self, name, amount):
        money = self.debts[name]
        left = money.amount - Decimal(amount)
        if left < 0:
            message = f"{name} owes {money.amount} only"
            raise ValueError(message)
        self.debts[name] = Money(left, money.currency)
