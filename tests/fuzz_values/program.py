"""Makes the source of a random program from a seed.

Variables are named after what they hold: `l` a list, `d` a dict, `o` an instance of Plain, `s` of
Slots, `x` anything. So each statement works, and is the bytecode that people write.
"""

import random
from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = '''\
"""A random program."""
import sys
from collections import deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from tests.fuzz_values.world import *


def in_scope(q, kind, value):
    change(q, kind, value)
    r = q
    return r


def deeper(q, count):
    if count:
        deeper([q], count - 1)
    else:
        change_deep(q, 0, count)
    return count


def giving(q):
    got = None
    while True:
        try:
            got = yield q
            if got is not None:
                change(q, 0, got)
        except Failure as error:
            held = error
            change(q, 0, error)
        finally:
            last = got


def once(q):
    for i in range(3):
        q2 = [i, q]
        yield q2


def raising(q):
    local = [q]
    change(q, 2, 7)
    raise Failure(q, local)


def recorded_line(q):
    line = q
    return None

'''
NAMES = ("l1", "l2", "d1", "d2", "o1", "o2", "s1", "x1", "x2", "x3")


class Maker:
    """Makes one program."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.bound: set[str] = set()
        self.count = 0

    # Values.

    def scalar(self) -> str:
        r = self.r
        return r.choice(
            (
                lambda: str(r.randrange(-5, 300)),
                lambda: f"n * {r.randrange(10**9, 10**9 + 3)}",
                lambda: f"n * 10**30 + {r.randrange(2)}",
                lambda: f"(n << 9000) + (n << {r.choice((4500, 4510))}) + n",
                lambda: f"n / {r.randrange(1, 5)}",
                lambda: f"text({r.randrange(1, 5)}, {r.choice('abé€')!r})",
                lambda: f"text({r.choice((255, 256, 257, 300, 2500))}, 'z')",
                lambda: f"text({r.randrange(1, 5)}).encode()",
                lambda: f"complex(n, {r.randrange(3)})",
                lambda: r.choice(("None", "True", "False", "''", "()", "n")),
            )
        )()

    def stranger(self) -> str:
        """Give what is read in another way than containers and instances are."""
        r = self.r
        return r.choice(
            (
                lambda: f"Decimal('{'7' * r.choice((1, 3, 90, 91))}{r.randrange(3)}')",
                lambda: f"date(2020, 1, {r.randrange(1, 4)})",
                lambda: (
                    f"datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours={r.randrange(3)})))"
                ),
                lambda: f"timezone(timedelta(hours={r.randrange(3)}))",
                lambda: f"time({r.randrange(3)})",
                lambda: f"timedelta(n, {r.randrange(3)})",
                lambda: f"Text(text({r.randrange(1, 3)}))",
                lambda: f"Number(n + {r.randrange(3)})",
                lambda: f"Real(n + {r.randrange(3)})",
                lambda: f"bytearray(text({r.choice((1, 2, 300))}).encode())",
                lambda: r.choice(("Color.RED", "Color.GREEN", "Plain", "Other", "sys")),
                lambda: r.choice(("in_scope", "change", "len", "[].append", "iter([])")),
                lambda: f"slice(n, {r.randrange(3)})",
                lambda: f"range({r.randrange(3)}, n)",
                lambda: f"frozenset({{n, {r.randrange(3)}}})",
            )
        )()

    def many(self, depth: int, least: int = 0) -> list[str]:
        count = self.r.randrange(least, 4)
        return [self.value(depth + 1) for _ in range(count)]

    def a_list(self, depth: int = 0) -> str:
        if self.r.random() < 0.08:
            return f"[{self.r.choice(('i', '[i]'))} for i in range({self.r.choice((19, 20, 21, 24))})]"
        return "[" + ", ".join(self.many(depth)) + "]"

    def a_dict(self, depth: int = 0) -> str:
        if self.r.random() < 0.06:
            return f"{{str(i): i for i in range({self.r.choice((19, 20, 21, 24))})}}"
        keys = self.r.sample(
            ("'a'", "'b'", "'c'", "1", "2.5", "(1, 2)", "None", "text(2)", "b'k'"), 3
        )
        pairs = zip(keys, self.many(depth), strict=False)
        return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"

    def attributes(self, names: tuple[str, ...], depth: int) -> str:
        values = self.many(depth)
        chosen = self.r.sample(names, min(len(values), len(names)))
        return ", ".join(f"{name}={value}" for name, value in zip(chosen, values, strict=False))

    def an_object(self, depth: int = 0) -> str:
        return f"Plain({self.attributes(('a', 'b', 'c', 'p'), depth)})"

    def a_slotted(self, depth: int = 0) -> str:
        kind = self.r.choice(("Slots", "Slots", "Both"))
        return f"{kind}({self.attributes(('p', 'q', 'r'), depth)})"

    def value(self, depth: int = 0) -> str:
        """Give an expression."""
        r = self.r
        chance = r.random()
        if depth > 4 or chance < 0.25:
            return self.scalar()
        if chance < 0.34:
            return self.stranger()
        if chance < 0.52 and self.bound:
            return r.choice(sorted(self.bound))
        return r.choice(
            (
                self.a_list,
                self.a_list,
                self.a_dict,
                self.an_object,
                self.an_object,
                self.a_slotted,
                lambda d: "(" + "".join(f"{part}, " for part in self.many(d)) + ")",
                lambda d: f"Point({', '.join(self.many(d, 1)[:2])})",
                lambda d: f"deque([{', '.join(self.many(d))}])",
                lambda d: f"Data({', '.join(self.many(d)[:1])})",
                lambda d: f"Failure({', '.join(self.many(d))})",
                lambda d: f"Items([{', '.join(self.many(d))}])",
                lambda d: f"Table({self.a_dict(d)})",
                lambda d: f"{{n, {r.randrange(4)}, 'e'}}",
                lambda d: f"{{*range({r.choice((3, 19, 21))})}}",
            )
        )(depth)

    def fresh(self, name: str) -> str:
        """Give an expression of a kind that a variable can hold."""
        kinds: dict[str, Callable[[], str]] = {
            "l": self.a_list,
            "d": self.a_dict,
            "o": self.an_object,
            "s": self.a_slotted,
        }
        return kinds.get(name[0], self.value)()

    # Statements.

    def pick(self, kinds: str = "ldosx") -> str:
        return self.r.choice([name for name in sorted(self.bound) if name[0] in kinds])

    def on_list(self) -> str:
        name, value, r = self.pick("l"), self.value(2), self.r
        return r.choice(
            (
                f"{name}.append({value})",
                f"{name}.insert(0, {value})",
                f"{name} += [{value}]",
                f"{name}[:1] = [{value}, 1]",
                f"{name}.clear()",
                f"{name}.reverse()",
                f"if {name}: {name}[0] = {value}",
                f"if {name}: {name}[-1] = None; {name}[-1] = {value}",
                f"if {name}: del {name}[0]",
                f"if {name}: {name}.pop()",
                f"if len({name}) > 1: {name}[0], {name}[1] = {name}[1], {name}[0]",
                f"{name}.append({name})",
                f"{name} *= 2; del {name}[30:]",
                f"{name}[:] = [{value}]; {name}[:] = [{self.value(2)}]",
            )
        )

    def on_dict(self) -> str:
        name, value, r = self.pick("d"), self.value(2), self.r
        key = r.choice(("'a'", "'b'", "1", "'n' + str(n)"))
        return r.choice(
            (
                f"{name}[{key}] = {value}",
                f"{name}[{key}] = None; {name}[{key}] = {value}",
                f"{name}.pop({key}, None)",
                f"{name}.pop({key}, None); {name}[{key}] = {value}",
                f"{name}.update(b={value}, z={self.value(3)})",
                f"{name}.clear()",
                f"{name}.setdefault({key}, []); change({name}[{key}], 0, {value})",
                f"{name}.update((str(i), i) for i in range(25))",
                f"{name}['self'] = {name}",
            )
        )

    def on_object(self) -> str:
        name, value, r = self.pick("o"), self.value(2), self.r
        attribute = r.choice("abcp")
        return r.choice(
            (
                f"{name}.{attribute} = {value}",
                f"{name}.{attribute} = {value}",
                f"{name}.{attribute} = None; {name}.{attribute} = {value}",
                f"{name}.{attribute} = 1; del {name}.{attribute}",
                f"vars({name})['{attribute}'] = {value}",
                f"x1 = vars({name})",
                f"{name}.__dict__ = {{'{attribute}': {value}}}",
                f"{name}.__dict__ = {name}.__dict__.copy()",
                f"{name}.__class__ = {r.choice(('Plain', 'Other'))}",
                f"for i in range({r.choice((5, 21, 33))}): setattr({name}, f'm{{i}}', i)",
                f"{name}.me = {name}",
                f"{name}.__dict__.clear()",
                f"vars({name})[n] = {value}",
            )
        )

    def on_slots(self) -> str:
        name, value, slot = self.pick("s"), self.value(2), self.r.choice("pqr")
        return self.r.choice(
            (
                f"{name}.{slot} = {value}",
                f"{name}.{slot} = None; {name}.{slot} = {value}",
                f"{name}.{slot} = 1; del {name}.{slot}",
            )
        )

    def reuse(self) -> str:
        """Free something and make something, maybe at its address."""
        r, name = self.r, self.pick()
        # What has no value is in none.
        bound, self.bound = self.bound, self.bound - {name, "x1"}
        one, other = self.partly_equal()
        fresh = self.fresh(name)
        self.bound = bound
        lines = (
            f"{name} = None; {name} = {fresh}",
            f"del {name}; {name} = {fresh}",
            f"x1 = {one}; x1 = None; x1 = {other}",
            f"x1 = {one}\nx1 = None; x1 = {other}",
            f"x1 = {one}\ndel x1\nx1 = {other}",
            f"x1 = [{one}]\nx1[0] = None; x1[0] = {other}",
            f"x1 = [{one}]\nx1[0] = None; x2 = {other}; x1[0] = x2",
            f"x1 = [{one}]\nx2 = x1\nx2[0] = None; x3 = {other}; x1[0] = x3",
            f"x1 = Plain(a={one})\nx1.a = None; x1.a = {other}",
            f"x1 = {{'k': {one}}}\nx1['k'] = None; x2 = {other}; x1['k'] = x2",
            f"x1 = {one}; x2 = {other}\nx1, x2 = x2, x1",
            f"x1 = [[{one}], [{one}]]\nx1[0], x1[1] = x1[1], x1[0]",
            f"x1 = (({one},),)\nx1 = None; x1 = (({other},),)",
            f"x1 = [[[{one}]]]\nx1[0][0][0] = None; x1[0][0][0] = {other}",
            f"churn({r.randrange(1, 30)})",
        )
        chosen = r.choice(lines)
        self.bound |= {name for name in ("x1", "x2", "x3") if f"{name} = " in chosen}
        return chosen

    def partly_equal(self) -> tuple[str, str]:
        """Give two expressions of one type that share much, or nothing."""
        r, kind = self.r, self.r.randrange(12)
        a, b, c = self.scalar(), self.scalar(), self.value(3)
        forms = (
            "[{}, {}]",
            "({}, {}, n)",
            "{{'a': {}, 'b': {}}}",
            "Plain(a={}, b={})",
            "Slots(p={}, q={})",
            "Point({}, {})",
            "Failure({}, {})",
            "deque([{}, {}])",
            "Data({}, [{}])",
        )
        if kind < len(forms):
            form = forms[kind]
            return form.format(a, b), form.format(
                *r.choice(((a, c), (c, b), (b, a), (a, b), (c, c)))
            )
        if kind == 9:
            return self.stranger(), self.stranger()
        if kind == 10:
            return self.value(2), self.value(2)
        return self.scalar(), self.stranger()

    def block(self, count: int) -> str:
        """Give statements in which all variables stay bound."""
        before = set(self.bound)
        lines = [self.statement(is_inner=True) for _ in range(count)]
        self.bound &= before
        return "\n".join(lines)

    def compound(self) -> str:
        r = self.r
        body = indent(self.block(r.randrange(1, 4)), "    ")
        return r.choice(
            (
                f"for i in range({r.randrange(1, 4)}):\n{body}",
                f"k = {r.randrange(1, 3)}\nwhile k:\n    k -= 1\n{body}",
                f"if n:\n{body}\nelse:\n    n = 1",
                f"try:\n{body}\n    raising({self.pick()})\nexcept Failure as error:\n    x1 = error",
                f"try:\n{body}\nfinally:\n    n = n + 1",
                f"class Body:\n    u = {self.value(2)}\n    v = [u]\n    v.append(u); w = v\n    del u",
            )
        )

    def call(self) -> str:
        r, name, value = self.r, self.pick(), self.value(3)
        self.count += 1
        number, kind = self.count, r.randrange(6)
        return r.choice(
            (
                f"change({name}, {kind}, {value})",
                f"change_deep({name}, {kind}, {value})",
                f"in_scope({name}, {kind}, {value})",
                f"x1 = in_scope({name}, {kind}, {value})",
                f"deeper({name}, {r.randrange(3)})",
                f"elsewhere(change, {name}, {kind}, {value})",
                f"elsewhere(in_scope, {name}, {kind}, {value})",
                f"work(change, {name}, {kind}, {value})",
                f"work(in_scope, {name}, {kind}, {value})",
                "work(next, g1)",
                f"poke({name!r}, {self.fresh(name)})",
                "next(g1)",
                f"g1.send({value})",
                f"g1.throw(Failure({value}))",
                f"g1.close(); g1 = giving({name}); next(g1)",
                f"g2 = once({name}); x2 = next(g2); change(x2, {kind})",
                f"for x3 in once({name}): change(x3, {kind}, {value})",
                "exec('u = [1]; q = u', {}, d1)",
                f"exec(compile('u = [q]\\nu.append(u)\\nv = u\\ndel u', __file__, 'exec'), {{'q': {name}}})",
                (
                    f"def inner{number}():\n    nonlocal x1\n    x1 = {value}\n    change({name}, {kind}, x1)\n"
                    f"inner{number}()"
                ),
                f"f{number} = lambda: change({name}, {kind}, n)\nf{number}()",
                f"x1 = [{name}, [{name}, {name}]]",
                f"x1 = [[[[[[{name}]]]]]]",
                f"if n: change_deep({name}, {kind}, {value})",
                f"recorded_line({name})",
            )
        )

    def assign(self) -> str:
        r, name = self.r, self.pick()
        same = [other for other in sorted(self.bound) if other[0] == name[0]]
        other = r.choice(same)
        if r.random() < 0.2:
            return f"{name}, {other} = {other}, {name}"
        if r.random() < 0.25:
            return f"{name} = {other}"
        return f"{name} = {self.fresh(name)}"

    def delete(self) -> str:
        name = self.pick("x")
        self.bound.discard(name)
        again = "\n".join(self.statement(is_inner=True) for _ in range(2))
        if name in self.bound:
            return f"del {name}\n{again}"
        value = self.value()
        self.bound.add(name)
        return f"del {name}\n{again}\n{name} = {value}"

    def statement(self, *, is_inner: bool = False) -> str:
        r = self.r
        chance = r.random()
        if not is_inner and chance < 0.1:
            return self.compound()
        if not is_inner and chance < 0.15 and "x1" in self.bound:
            return self.delete()
        if chance < 0.35:
            return self.call()
        if chance < 0.5:
            return self.reuse()
        if chance < 0.6:
            return self.assign()
        return r.choice((self.on_list, self.on_dict, self.on_object, self.on_slots))()

    def program(self) -> str:
        """Give the source; its `main()` runs it."""
        begin = ["n = 3", "begin_worker()"]
        for name in NAMES:
            begin.append(f"{name} = {self.fresh(name)}")
            self.bound.add(name)
        begin += [f"g1 = giving({self.pick()})", "next(g1)", "try:"]
        body = [self.statement() for _ in range(self.r.randrange(8, 25))]
        text = "\n".join(
            (*begin, indent("\n".join(body), "    "), "finally:", "    end_worker()")
        )
        return f"{HEAD}\ndef main():\n{indent(text, '    ')}\n    return x2\n"


DEFAULT = {"depth": 3, "items": 20, "chars": 256, "attributes": 20, "objects": 128}


def bounds(seed: int) -> dict[str, int]:
    """Give the bounds under which a program is recorded; of most the default ones."""
    r = random.Random(f"bounds {seed}")
    if r.random() < 0.6:
        return DEFAULT
    return {
        "depth": r.randrange(1, 6),
        "items": r.choice((1, 2, 3, 20)),
        "chars": r.choice((1, 2, 3, 256, 5000)),
        "attributes": r.choice((1, 2, 3, 20)),
        "objects": r.choice((1, 4, 12, 128)),
    }
