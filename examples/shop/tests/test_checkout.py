import logging

import pytest
from shop.checkout import PaymentRefused, checkout
from shop.inventory import OutOfStock
from shop.orders import Order


@pytest.fixture
def order(prices):
    order = Order("ada")
    order.add("tea", 2, prices.price("tea", 2))
    order.add("mug", 1, prices.price("mug", 1))
    return order


def test_the_receipt_ends_with_the_total(order, inventory, bank, capsys):
    paid = checkout(order, inventory, bank)
    assert paid == 2050
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "20.50"]


def test_little_stock_is_told(order, inventory, bank, caplog):
    order.add("mug", 7, 7 * 1150)
    with caplog.at_level(logging.WARNING):
        checkout(order, inventory, bank)
    assert "only 4 of mug left" in caplog.text


def test_nothing_stays_reserved_when_one_thing_is_missing(order, inventory, bank):
    order.add("kettle", 4, 4 * 3900)
    with pytest.raises(OutOfStock, match="4 of 'kettle' wanted, 3 available"):
        checkout(order, inventory, bank)
    assert inventory.available("tea") == 80


def test_nothing_stays_reserved_when_the_bank_refuses(order, inventory, bank):
    bank.limit_cents = 2000
    with pytest.raises(PaymentRefused, match="2050"):
        checkout(order, inventory, bank)
    assert inventory.available("mug") == 12
