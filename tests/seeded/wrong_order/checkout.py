"""A checkout: a basket, coupons, tax and shipping, worked out in steps, in cents."""

from dataclasses import dataclass, field

TAX_PERCENT = 20
FREE_SHIPPING_FROM = 50_00
SHIPPING = 4_90


class CouponError(ValueError):
    """A coupon that does not count here."""


@dataclass(frozen=True)
class Item:
    name: str
    cents: int
    quantity: int = 1

    @property
    def total(self):
        return self.cents * self.quantity


@dataclass(frozen=True)
class Coupon:
    code: str
    cents: int = 0
    percent: int = 0
    least_cents: int = 0

    def off(self, amount):
        if amount < self.least_cents:
            message = f"{self.code} counts from {self.least_cents} on"
            raise CouponError(message)
        return self.cents + amount * self.percent // 100


@dataclass
class Basket:
    customer: str
    items: list = field(default_factory=list)
    coupons: list = field(default_factory=list)

    def add(self, name, cents, quantity=1):
        if quantity < 1:
            message = f"a quantity is at least 1, not {quantity}"
            raise ValueError(message)
        self.items.append(Item(name, cents, quantity))

    def use(self, coupon):
        if coupon.code in [known.code for known in self.coupons]:
            message = f"{coupon.code} was used already"
            raise CouponError(message)
        self.coupons.append(coupon)

    def goods(self):
        return sum([item.total for item in self.items])


@dataclass
class Line:
    label: str
    cents: int


@dataclass
class Bill:
    lines: list = field(default_factory=list)
    amount: int = 0

    def add(self, label, cents):
        self.lines.append(Line(label, cents))
        self.amount += cents


def add_goods(bill, basket):
    bill.add("goods", basket.goods())


def add_coupons(bill, basket):
    for coupon in basket.coupons:
        bill.add(f"coupon {coupon.code}", -min(coupon.off(bill.amount), bill.amount))


def add_tax(bill, basket):
    bill.add("tax", bill.amount * TAX_PERCENT // 100)


def add_shipping(bill, basket):
    if bill.amount < FREE_SHIPPING_FROM:
        bill.add("shipping", SHIPPING)


def work_out(basket):
    """Make the bill: coupons lower what is taxed, shipping is not taxed."""
    bill = Bill()
    steps = [add_goods, add_tax, add_coupons, add_shipping]
    for step in steps:
        step(bill, basket)
    return bill


def receipt(bill):
    for line in bill.lines:
        yield f"{line.label:<20}{line.cents / 100:10.2f}"
    yield f"{'to pay':<20}{bill.amount / 100:10.2f}"
