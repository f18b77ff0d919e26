import json


class Moody:
    def __init__(self, number):
        self.number = number

    def __getattr__(self, name):
        raise AttributeError(name)

    def __lt__(self, other):
        raise RuntimeError("cannot compare")


def key(item):
    if item == 2:
        raise LookupError(f"no key for {item}")
    return item


def by_key():
    return sorted([1, 2, 3], key=key)


def by_comparison():
    return sorted([Moody(1), Moody(2)])


def encode(value):
    raise TypeError(f"not json: {type(value).__name__}")


def through_json():
    return json.dumps({"a": [object]}, default=encode)


def from_json():
    return json.loads("{broken")


def hook(pairs):
    raise ValueError("in the hook")


def through_json_hook():
    return json.loads("{}", object_pairs_hook=hook)


def swallowed_then_new():
    found = []
    for number in range(5):
        found.append(getattr(Moody(number), "missing", "default"))
        try:
            raise AttributeError("missing")
        except AttributeError as error:
            found.append(str(error))
    return found


def empty():
    raise StopIteration
    yield


def ends():
    return iter([])


class Once:
    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration("over")


def with_next_default():
    first = next(Once(), "default")
    second = next(ends(), "other")
    try:
        raise StopIteration("mine")
    except StopIteration as error:
        third = error.value
    for _ in Once():
        pass
    return first, second, third


def built_in():
    try:
        {}["missing"]
    except KeyError:
        pass
    try:
        1 / 0
    except ZeroDivisionError:
        pass
    return int("x")


def main():
    log = []
    for function in (
        by_key,
        by_comparison,
        through_json,
        from_json,
        through_json_hook,
        swallowed_then_new,
        lambda: list(empty()),
        with_next_default,
        built_in,
    ):
        try:
            log.append(function())
        except Exception as error:
            log.append(f"{type(error).__name__}: {error}")
    return log
