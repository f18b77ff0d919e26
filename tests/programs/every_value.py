import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import types


class Colour(enum.Enum):
    RED = 1
    GREEN = "g"


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    A = 1
    B = 2


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Data:
    name: str
    tags: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    a: int
    b: str = "b"


class Plain:
    def __init__(self):
        self.x = 1
        self.me = self


class Slots:
    __slots__ = ("one", "two", "__private")

    def __init__(self):
        self.one = 1
        self.__private = 3


class Words(str):
    pass


class Table(dict):
    pass


class Meta(type):
    def __getattribute__(cls, name):
        if name in ("__module__", "__name__", "__qualname__"):
            raise LookupError("nobody is to ask the metaclass")
        return type.__getattribute__(cls, name)


class Odd(metaclass=Meta):
    pass


class Homeless:
    __module__ = 5


class Broken(Exception):
    def __init__(self, code):
        super().__init__("broken", code)
        self.code = code


def scalars():
    nothing = None
    yes = True
    small = 7
    negative = -1
    large = 2**200
    edge = 2**63
    lowest = -(2**63)
    number = 1.5
    nan = float("nan")
    inf = float("inf")
    minus = float("-inf")
    complex_number = 1 - 2j
    text = "caf\xe9"
    lone = "a\udc80b"
    astral = "\U0001f600"
    data = b"\x00\xff"
    array = bytearray(b"abc")
    dots = ...
    long_text = "x" * 1000
    return text


def containers():
    items = [1, [2, [3, [4]]]]
    pair = (1, "a")
    point = Point(1, [2])
    unique = {1}
    frozen = frozenset(["a"])
    table = {"a": 1, 2: "b", (1, 2): None}
    empty = ([], (), {}, set())
    queue = collections.deque([1, 2], maxlen=5)
    ordered = collections.OrderedDict(a=1)
    counted = collections.Counter("aab")
    defaulted = collections.defaultdict(list, a=[1])
    span = range(1, 10, 2)
    part = slice(None, 5)
    many = list(range(100))
    cycle = []
    cycle.append(cycle)
    words = Words("w")
    own = Table(a=1)
    return many


def objects():
    red = Colour.RED
    low = Level.LOW
    flags = Flags.A | Flags.B
    data = Data("n", ["t"])
    slotted = Slotted(1)
    plain = Plain()
    slots = Slots()
    error = Broken(5)
    builtin_error = KeyError("k")
    function = scalars
    method = plain.__init__
    builtin = len
    bound = [].append
    of_class = Plain.mro
    of_odd_class = Odd.mro
    of_type = dict.fromkeys
    of_nobody = str.maketrans
    endless = range(-(2**70), 2**70, 3)
    type.__dict__["__qualname__"].__set__(Odd, "Renamed")
    kind = Plain
    builtin_kind = int
    static_kind = datetime.date
    odd_kind = Odd
    homeless_kind = Homeless
    module = re
    price = decimal.Decimal("1.50")
    half = fractions.Fraction(1, 2)
    day = datetime.date(2020, 1, 2)
    moment = datetime.datetime(2020, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)
    path = pathlib.PurePosixPath("/a/b")
    pattern = re.compile("a+")
    view = memoryview(b"abc")
    anything = object()
    generator = (n for n in [])
    simple = types.SimpleNamespace(a=1)
    return anything is not None


def main():
    return scalars(), containers(), objects()
