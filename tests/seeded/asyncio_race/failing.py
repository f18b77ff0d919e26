import asyncio

from bank import Bank, Journal, Store, open_accounts, pay_all


async def payday():
    store, journal = Store(), Journal()
    bank = Bank(store, journal)
    await open_accounts(store, ada=100, grace=100, shop=0)
    refused = await pay_all(bank, [("ada", "shop", 30), ("grace", "shop", 45)])
    return refused, journal.moved("shop"), await bank.balance("shop")


def test_both_payments_arrive():
    refused, moved, balance = asyncio.run(payday())
    assert not refused
    assert moved == 75
    assert balance == 75
