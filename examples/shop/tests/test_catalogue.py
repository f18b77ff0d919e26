import pytest
from shop.catalogue import UnknownProduct


def test_products_come_from_the_cheapest_to_the_dearest(catalogue):
    assert [product.code for product in catalogue] == ["gift-wrap", "tea", "mug", "kettle"]


def test_a_limit_ends_the_list(catalogue):
    assert [product.code for product in catalogue.up_to(1150)] == ["gift-wrap", "tea", "mug"]


def test_an_unknown_code_is_refused(catalogue):
    with pytest.raises(UnknownProduct, match="coffee"):
        catalogue.find("coffee")


@pytest.mark.parametrize("price_cents", [0, -1])
def test_a_price_is_positive(catalogue, price_cents):
    with pytest.raises(ValueError, match="positive"):
        catalogue.reprice("tea", price_cents)
