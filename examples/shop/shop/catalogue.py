"""Knows what is for sale, and what it costs today."""

from dataclasses import dataclass, replace


class UnknownProduct(KeyError):
    """There is no product with that code."""


@dataclass(frozen=True, slots=True)
class Product:
    code: str
    name: str
    price_cents: int


class Catalogue:
    def __init__(self, products):
        self._products = {product.code: product for product in products}

    def __iter__(self):
        """Give the products from the cheapest to the dearest."""
        yield from sorted(self._products.values(), key=lambda product: product.price_cents)

    def find(self, code):
        try:
            return self._products[code]
        except KeyError:
            raise UnknownProduct(code) from None

    def reprice(self, code, price_cents):
        if price_cents <= 0:
            message = f"a price is positive, not {price_cents}"
            raise ValueError(message)
        self._products[code] = replace(self.find(code), price_cents=price_cents)

    def up_to(self, limit_cents):
        """Give the products that cost at most the limit, one by one."""
        for product in self:
            if product.price_cents > limit_cents:
                return
            yield product
