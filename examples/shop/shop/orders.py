"""Orders, their lines, and orders that come again every week."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    code: str
    quantity: int
    price_cents: int


@dataclass
class Order:
    customer: str
    lines: list[Line] = field(default_factory=list)

    def add(self, code, quantity, price_cents):
        self.lines.append(Line(code, quantity, price_cents))

    def wanted(self):
        """Give code and quantity of each line."""
        for line in self.lines:
            yield line.code, line.quantity

    def total_cents(self):
        return sum([line.price_cents for line in self.lines])


class StandingOrder:
    """An order that a customer gets again every week."""

    def __init__(self, customer):
        self.customer = customer
        self.lines = []
        self.weeks = 0

    def add(self, code, quantity, price_cents):
        self.lines.append(Line(code, quantity, price_cents))

    def next_order(self):
        self.weeks += 1
        return Order(self.customer, self.lines)
