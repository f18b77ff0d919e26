class Order:
    def __init__(self, lines):
        self.lines = lines
        self.total = 0


def price(line):
    amount, cost = line
    return amount * cost


def sum_up(order):
    for line in order.lines:
        order.total += price(line)
    return order.total


def check(order):
    total = sum_up(order)
    if total != 7:
        raise AssertionError(f"total was {total}")
    return total


def main():
    order = Order([(1, 2), (3, 4)])
    try:
        check(order)
    except AssertionError as error:
        return str(error)
