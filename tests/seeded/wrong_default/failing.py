from payroll import Payroll


def test_what_is_left_of_the_pay():
    payroll = Payroll()
    payroll.hire("ada", 20_00)
    payroll.hire("grace", 25_00)
    payroll.log("ada", *[8] * 20, 4)
    payroll.log("grace", *[8] * 15)
    payroll.reward("ada", 100_00)
    payroll.close_month()
    slip = payroll.slip_of("ada")
    assert slip.gross_cents == 3400_00
    assert slip.net_cents > 2400_00
