from decimal import Decimal

from invoices import Invoice, Ledger


def test_the_parts_make_the_whole():
    invoice = Invoice("2024-7")
    invoice.add("dinner", "83.90", discount_percent=10)
    invoice.add("taxi", "24.50")
    ledger = Ledger()
    total = ledger.book(invoice, "ada", "grace", "edsger")
    assert total.amount == Decimal("100.01")
    owed = ledger.owed()
    assert owed == total.amount
