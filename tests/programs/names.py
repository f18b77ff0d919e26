counter = 0


def deletes(x):
    y = x + 1
    del x
    z = y
    del y
    y = z
    return y


def unbound():
    try:
        print(value)
    except UnboundLocalError:
        value = "now"
    return value


def walrus(data):
    if (n := len(data)) > 2:
        return n
    while (item := data.pop()) != 1:
        last = item
    return [y := 1, y + 1]


def unpacks(items):
    first, *middle, last = items
    (a, b), c = (first, last), middle
    swapped = b, a
    a, b = b, a
    for i, (j, k) in enumerate([(1, 2), (3, 4)]):
        a += i * j * k
    merged = [*middle, *swapped]
    options = {**{"a": 1}, "b": 2}
    return a, b, c, merged, options


def shadow(print=len, list=tuple):
    return print(list("ab"))


def counts():
    global counter, fresh
    counter += 1
    fresh = counter
    del fresh
    return counter


def annotated() -> int:
    x: int = 1
    y: "str"
    return x


def main():
    return deletes(1), unbound(), walrus([1, 2]), unpacks([1, 2, 3, 4]), shadow(), counts(), annotated()
