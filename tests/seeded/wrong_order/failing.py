from checkout import Basket, Coupon, receipt, work_out


def test_a_coupon_lowers_what_is_taxed():
    basket = Basket("ada")
    basket.add("lamp", 40_00)
    basket.add("bulb", 5_00, quantity=4)
    basket.use(Coupon("SPRING", cents=10_00))
    bill = work_out(basket)
    for text in receipt(bill):
        print(text)
    assert bill.amount == 60_00
