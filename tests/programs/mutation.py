class Box:
    def __init__(self):
        self.items = []
        self.size = 0

    def put(self, item):
        self.items.append(item)
        self.size += 1


def changes_list(numbers):
    alias = numbers
    alias.append(4)
    numbers[0] = "first"
    del numbers[1]
    return numbers


def changes_dict():
    table = {}
    table["a"] = 1
    table["a"] = 2
    table.setdefault("b", []).append(3)
    table.pop("a")
    return table


def changes_nested():
    outer = {"inner": {"deep": [0]}}
    outer["inner"]["deep"][0] = 1
    outer["inner"]["deep"].append(2)
    return outer


def changes_object():
    box = Box()
    box.put("a")
    box.colour = "red"
    del box.colour
    other = box
    other.put("b")
    return box.items


def same_address():
    for number in range(3):
        value = [number]
        size = len(value)
    text = ""
    for letter in "abc":
        text += letter
    return value, size, text


def swaps_equal():
    value = 1
    value = True
    value = 1.0
    zero = 0.0
    zero = -0.0
    return value, zero


def main():
    return (
        changes_list([1, 2, 3]),
        changes_dict(),
        changes_nested(),
        changes_object(),
        same_address(),
        swaps_equal(),
    )
