"""Turns an order into a paid order and a receipt."""

from shop.pricing import share


class PaymentRefused(Exception):
    """The bank did not accept the payment."""


class Bank:
    """Stands for the service that takes the money."""

    def __init__(self, api_key, limit_cents=100_000):
        self._api_key = api_key
        self.limit_cents = limit_cents
        self.payments = []

    def charge(self, customer, amount_cents):
        if amount_cents > self.limit_cents:
            message = f"{amount_cents} is more than {customer} may spend"
            raise PaymentRefused(message)
        self.payments.append((customer, amount_cents))
        return len(self.payments)


def net_amounts(order, voucher_cents=0):
    """Return what each line costs after its share of the voucher."""
    amounts = [line.price_cents for line in order.lines]
    parts = share(voucher_cents, amounts)
    return [amount - part for amount, part in zip(amounts, parts, strict=True)]


def receipt_lines(order, amounts):
    for line, amount in zip(order.lines, amounts, strict=True):
        yield f"{line.quantity:3} {line.code:<12}{amount / 100:10.2f}"
    yield f"{'total':<16}{sum(amounts) / 100:10.2f}"


def checkout(order, inventory, bank, voucher_cents=0):
    """Reserve the goods, take the money, ship, and print the receipt. Return what was paid."""
    inventory.reserve_all(order.wanted())
    amounts = net_amounts(order, voucher_cents)
    paid = sum(amounts)
    try:
        bank.charge(order.customer, paid)
    except PaymentRefused:
        for code, quantity in order.wanted():
            inventory.release(code, quantity)
        raise
    for code, quantity in order.wanted():
        inventory.ship(code, quantity)
    for text in receipt_lines(order, amounts):
        print(text)
    return paid
