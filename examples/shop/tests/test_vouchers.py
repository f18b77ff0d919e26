from shop.checkout import checkout
from shop.orders import Order


def test_a_voucher_for_one_line_is_taken_off(prices, inventory, bank):
    order = Order("grace")
    order.add("mug", 2, prices.price("mug", 2))
    assert checkout(order, inventory, bank, voucher_cents=500) == 1800


def test_a_voucher_is_worth_its_amount(prices, inventory, bank):
    order = Order("grace")
    for code in ("tea", "mug", "gift-wrap"):
        order.add(code, 1, prices.price(code, 1))
    paid = checkout(order, inventory, bank, voucher_cents=500)
    print("paid", paid)
    assert paid == order.total_cents() - 500
