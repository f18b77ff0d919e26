def add(a, b): return a + b


def drain(x):
    while x: x -= 1
    return x


def both(x): x += 1; y = x * 2; return y


def summed(n):
    total = 0
    for i in range(n): total += i
    return total


square = lambda n: n * n
chain = lambda n: [square(i) for i in range(n)]


def spread(
    first,
    second=(
        1,
        2,
    ),
):
    result = (
        first
        + len(second)
        + add(
            1,
            2,
        )
    )
    return result


def main():
    return add(1, 2), drain(3), both(1), summed(3), chain(3), spread(1)
