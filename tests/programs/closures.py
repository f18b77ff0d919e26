total = 0


def make_counter(start):
    count = start

    def step(by=1):
        nonlocal count
        count += by
        return count

    return step


def shares_parameter(value):
    def read():
        return value

    value = value + 1
    return read()


def late():
    def use():
        return later

    later = "set after the function"
    found = use()
    return found


def global_state(amount):
    global total
    total += amount
    return total


def deep(x):
    def middle():
        def inner():
            return x + y

        y = 10
        return inner()

    return middle()


def main():
    step = make_counter(5)
    step()
    step(by=10)
    makers = [lambda i=i: i * step() for i in range(3)]
    return [maker() for maker in makers], shares_parameter(1), late(), global_state(3), deep(2)
