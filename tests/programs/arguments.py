def every_kind(first, second=2, /, third=3, *rest, named, other="o", **more):
    total = first + second + third
    return total, rest, named, other, more


def defaults(a, b=(), c=None):
    return a


class Counter:
    def __init__(self, start=0):
        self.count = start

    def add(self, step=1):
        self.count += step
        return self.count

    @classmethod
    def make(cls, *starts):
        return [cls(start) for start in starts]

    @staticmethod
    def double(number):
        return number * 2


def main():
    result = every_kind(1, 2, 3, 4, 5, named="n", extra=[1], another={})
    defaults(1)
    defaults(1, b="b")
    counter = Counter.make(3, 4)[0]
    counter.add()
    counter.add(step=5)
    return result, Counter.double(counter.count)
