import pytest
from shop.pricing import share, tier_percent


@pytest.mark.parametrize(
    ("quantity", "percent"), [(1, 0), (9, 0), (10, 5), (49, 5), (50, 15), (1000, 15)]
)
def test_many_pieces_cost_less(quantity, percent):
    assert tier_percent(quantity) == percent


def test_a_quantity_is_at_least_one():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        tier_percent(0)


def test_each_line_gets_its_part_of_a_discount():
    assert share(300, [1000, 2000]) == [100, 200]


def test_a_new_price_counts_at_once(prices):
    assert prices.price("tea", 2) == 900
    prices.change("tea", 500)
    assert prices.price("tea", 2) == 1000


def test_a_new_price_counts_for_large_orders_too(prices):
    offers = {quantity: prices.price("tea", quantity) for quantity in (1, 10, 50)}
    assert offers[50] < 50 * offers[1]

    prices.change("tea", 500)

    assert prices.price("tea", 10) == 4750
