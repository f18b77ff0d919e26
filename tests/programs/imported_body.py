"""A module whose body is recorded when `importing.py` loads it."""

import os as system

CONSTANT = 3
names = [name for name in ("a", "b")]

for index in range(2):
    CONSTANT += index


class Record:
    field: int = 1
    items = [CONSTANT]

    def method(self):
        return self.field

    class Inner:
        value = 2


def helper(x=CONSTANT):
    return x


if CONSTANT > 1:
    answer = helper()
del index


def main():
    return answer, Record().method(), Record.Inner.value, names
