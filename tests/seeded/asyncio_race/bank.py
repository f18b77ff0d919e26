"""A bank whose accounts are kept by a slow store; customers send money at the same time."""

import asyncio
from dataclasses import dataclass, field


class NoMoney(Exception):
    """An account has less than is to be taken."""


@dataclass
class Account:
    owner: str
    balance: int = 0


@dataclass
class Entry:
    sender: str
    receiver: str
    amount: int


class Store:
    """Stands for a database: every answer takes a turn of the loop or more."""

    def __init__(self, turns=1):
        self._accounts = {}
        self.turns = turns
        self.reads = 0

    async def _wait(self):
        for _ in range(self.turns):
            await asyncio.sleep(0)

    async def open(self, owner, balance):
        await self._wait()
        self._accounts[owner] = Account(owner, balance)

    async def find(self, owner):
        await self._wait()
        self.reads += 1
        return self._accounts[owner]

    async def save(self, account, balance):
        await self._wait()
        account.balance = balance


@dataclass
class Journal:
    entries: list = field(default_factory=list)

    def write(self, sender, receiver, amount):
        self.entries.append(Entry(sender, receiver, amount))

    def moved(self, owner):
        """Give what an owner got and gave, all together."""
        total = 0
        for entry in self.entries:
            if entry.receiver == owner:
                total += entry.amount
            if entry.sender == owner:
                total -= entry.amount
        return total


class Bank:
    def __init__(self, store, journal):
        self.store = store
        self.journal = journal

    async def deposit(self, owner, amount):
        account = await self.store.find(owner)
        before = account.balance
        await self.store.save(account, before + amount)

    async def withdraw(self, owner, amount):
        account = await self.store.find(owner)
        before = account.balance
        if before < amount:
            message = f"{owner} has {before}, not {amount}"
            raise NoMoney(message)
        await self.store.save(account, before - amount)

    async def transfer(self, sender, receiver, amount):
        await self.withdraw(sender, amount)
        await self.deposit(receiver, amount)
        self.journal.write(sender, receiver, amount)

    async def balance(self, owner):
        account = await self.store.find(owner)
        return account.balance


async def pay_all(bank, payments):
    """Send all payments at once."""
    tasks = [asyncio.create_task(bank.transfer(*payment)) for payment in payments]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    return [result for result in done if isinstance(result, Exception)]


async def open_accounts(store, **balances):
    for owner, balance in balances.items():
        await store.open(owner, balance)
