"""What the golden traces recorded. Never edited: the files hold its lines."""


class Account:
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.entries: list[int] = []

    def add(self, amount: int) -> int:
        self.entries.append(amount)
        return sum(self.entries)


def amounts(limit):
    for amount in range(1, limit):
        yield amount


def main():
    account = Account("ada")
    password = "open sesame"
    for amount in amounts(3):
        total = account.add(amount)
    try:
        total // 0
    except ZeroDivisionError:
        print("total", total)
    return password
