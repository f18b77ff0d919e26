"""Counts what is in stock and what is reserved for orders that are not paid yet."""

import logging

logger = logging.getLogger(__name__)


class OutOfStock(Exception):
    """There are fewer pieces than asked for."""

    def __init__(self, code, wanted, available):
        super().__init__(f"{wanted} of {code!r} wanted, {available} available")
        self.code = code
        self.wanted = wanted
        self.available = available


class Inventory:
    def __init__(self, counts):
        self._counts = dict(counts)
        self._reserved = {}

    def available(self, code):
        return self._counts.get(code, 0) - self._reserved.get(code, 0)

    def reserve(self, code, quantity):
        available = self.available(code)
        if quantity > available:
            raise OutOfStock(code, quantity, available)
        self._reserved[code] = self._reserved.get(code, 0) + quantity

    def release(self, code, quantity):
        self._reserved[code] = max(0, self._reserved.get(code, 0) - quantity)

    def reserve_all(self, wanted):
        """Reserve everything that is wanted, or nothing at all."""
        done = []
        try:
            for code, quantity in wanted:
                self.reserve(code, quantity)
                done.append((code, quantity))
        except OutOfStock:
            for code, quantity in done:
                self.release(code, quantity)
            raise

    def ship(self, code, quantity):
        self.release(code, quantity)
        self._counts[code] -= quantity
        if self._counts[code] < 5:
            logger.warning("only %d of %s left", self._counts[code], code)
