"""Works out what a quantity costs, and shares a discount among the lines of an order."""

import logging

logger = logging.getLogger(__name__)

# From this many pieces on, so many per cent less.
TIERS = ((50, 15), (10, 5), (1, 0))


def tier_percent(quantity):
    """Return the discount for a quantity, in per cent."""
    if quantity < 1:
        message = f"a quantity is at least 1, not {quantity}"
        raise ValueError(message)
    for pieces, percent in TIERS:
        if quantity >= pieces:
            return percent
    raise AssertionError


def share(discount_cents, amounts):
    """Share a discount among amounts, each by its part of the whole."""
    whole = sum(amounts)
    parts = []
    for amount in amounts:
        part = discount_cents * amount // whole
        parts.append(part)
    return parts


class PriceList:
    """Answers what a quantity of a product costs, and remembers the answers."""

    def __init__(self, catalogue):
        self.catalogue = catalogue
        self._unit_prices = {}

    def unit_price(self, code, quantity):
        percent = tier_percent(quantity)
        key = (code, percent)
        if key not in self._unit_prices:
            full = self.catalogue.find(code).price_cents
            self._unit_prices[key] = full - full * percent // 100
        return self._unit_prices[key]

    def price(self, code, quantity):
        return self.unit_price(code, quantity) * quantity

    def change(self, code, price_cents):
        """Give a product a new price, from now on."""
        self.catalogue.reprice(code, price_cents)
        self._unit_prices.pop((code, 0), None)
        logger.info("new price of %s: %d", code, price_cents)
