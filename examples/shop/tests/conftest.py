import pytest
from shop.catalogue import Catalogue, Product
from shop.checkout import Bank
from shop.inventory import Inventory
from shop.pricing import PriceList


@pytest.fixture
def catalogue():
    return Catalogue(
        [
            Product("tea", "Green tea, 100 g", 450),
            Product("mug", "Mug, blue", 1150),
            Product("kettle", "Kettle, 1 l", 3900),
            Product("gift-wrap", "Gift wrap", 300),
        ]
    )


@pytest.fixture
def prices(catalogue):
    return PriceList(catalogue)


@pytest.fixture
def inventory():
    return Inventory({"tea": 80, "mug": 12, "kettle": 3, "gift-wrap": 100})


@pytest.fixture
def bank():
    bank = Bank(api_key="live-8d1f0c", limit_cents=50_000)
    yield bank
    assert all(amount > 0 for _, amount in bank.payments)
