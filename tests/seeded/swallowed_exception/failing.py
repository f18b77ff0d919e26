from shipping import bill_for

ORDERS = """
# number; weight; zone
A-1; 500 g; 1
A-2; 2.5 kg; 2
A-3; 2 kg; 3
"""


def test_the_bill_adds_up():
    bill = bill_for(ORDERS)
    assert bill.carriers() == ["bicycle", "van", "plane"]
    total = bill.total_cents()
    assert total == 500 + 800 + 2300
