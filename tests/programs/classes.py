class Base:
    registry = []
    __slots__ = ("x",)

    def __init_subclass__(cls, **options):
        super().__init_subclass__()
        Base.registry.append(cls.__name__)

    def __init__(self, x):
        self.x = x

    def area(self):
        return self.x


def build():
    class Shape(Base):
        sides = 4
        __slots__ = ("y", "_hidden")
        label = "shape" + str(sides)

        def __init__(self, x, y):
            super().__init__(x)
            self.y = y

        @property
        def size(self):
            return self.x * self.y

        @size.setter
        def size(self, value):
            self.y = value

        def area(self):
            return super().area() * self.y

    return Shape


class Described:
    kind = "described"

    def __get__(self, instance, owner=None):
        return 42 if instance is not None else self


class Holder:
    answer = Described()

    def __init__(self):
        self.data = {"a": 1}

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return name.upper()

    def __len__(self):
        return 3

    def __call__(self, n):
        return n + len(self)


def main():
    Base.registry.clear()
    shape = build()(2, 3)
    before = shape.size
    shape.size = 7
    holder = Holder()
    return before, shape.area(), holder.answer, holder.missing, holder(4), list(Base.registry)
