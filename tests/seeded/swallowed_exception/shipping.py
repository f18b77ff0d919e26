"""Reads orders from text, finds the cheapest carrier, and adds up what shipping costs."""

from dataclasses import dataclass, field


class BadLine(ValueError):
    """A line of an order file that cannot be read."""


@dataclass
class Parcel:
    number: str
    grams: int
    zone: int


@dataclass
class Carrier:
    name: str
    base_cents: int
    cents_per_kilo: int
    zones: tuple

    def price(self, parcel):
        if parcel.zone not in self.zones:
            return None
        kilos = -(-parcel.grams // 1000)
        return self.base_cents + self.cents_per_kilo * kilos


@dataclass
class Quote:
    parcel: Parcel
    carrier: str
    cents: int


CARRIERS = (
    Carrier("bicycle", 200, 300, (1,)),
    Carrier("van", 500, 100, (1, 2)),
    Carrier("plane", 1500, 400, (1, 2, 3)),
)
UNITS = {"g": 1, "kg": 1000}


def parse_weight(text):
    """Give grams: `500 g`, `2 kg`."""
    number, _, unit = text.strip().partition(" ")
    if unit not in UNITS:
        message = f"unknown unit {unit!r}"
        raise BadLine(message)
    return int(number) * UNITS[unit]


def parse_zone(text):
    zone = int(text)
    if zone not in (1, 2, 3):
        message = f"there is no zone {zone}"
        raise BadLine(message)
    return zone


def parse_line(line):
    """Read `number; weight; zone`."""
    number, weight, zone = (part.strip() for part in line.split(";"))
    try:
        grams = parse_weight(weight)
    except ValueError:
        grams = 0
    return Parcel(number, grams, parse_zone(zone))


def parse(text):
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield parse_line(line)


def quotes(parcel):
    for carrier in CARRIERS:
        cents = carrier.price(parcel)
        if cents is not None:
            yield Quote(parcel, carrier.name, cents)


def cheapest(parcel):
    return min(quotes(parcel), key=lambda quote: quote.cents)


@dataclass
class Bill:
    quotes: list = field(default_factory=list)

    def add(self, quote):
        self.quotes.append(quote)

    def total_cents(self):
        total = 0
        for quote in self.quotes:
            total += quote.cents
        return total

    def carriers(self):
        return [quote.carrier for quote in self.quotes]


def bill_for(text):
    bill = Bill()
    for parcel in parse(text):
        bill.add(cheapest(parcel))
    return bill
