from shop.orders import Order, StandingOrder


def test_an_order_adds_up(prices):
    order = Order("ada")
    order.add("tea", 12, prices.price("tea", 12))
    order.add("mug", 1, prices.price("mug", 1))
    assert order.total_cents() == 12 * 428 + 1150


def test_two_customers_do_not_share_lines():
    first, second = Order("ada"), Order("grace")
    first.add("tea", 1, 450)
    assert second.lines == []


def test_a_standing_order_costs_the_same_every_week():
    standing = StandingOrder("ada")
    standing.add("tea", 2, 900)
    standing.add("mug", 1, 1150)

    birthday = standing.next_order()
    birthday.add("gift-wrap", 1, 300)
    assert birthday.total_cents() == 2350

    usual = standing.next_order()
    assert usual.total_cents() == 2050
