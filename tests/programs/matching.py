class Point:
    __match_args__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y


def describe(thing):
    match thing:
        case 0:
            return "zero"
        case int(number) if number > 100:
            return f"big {number}"
        case [first, *others]:
            return first, others
        case {"kind": kind, **rest}:
            return kind, rest
        case Point(x=0, y=height):
            return height
        case Point(x, y) as point:
            return x + y
        case str() | bytes():
            result = "text"
        case _:
            result = None
    return result


def main():
    things = [0, 200, [1, 2, 3], {"kind": "k", "a": 1}, Point(0, 5), Point(1, 2), "s", None]
    return [describe(thing) for thing in things]
