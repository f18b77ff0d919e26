import functools
from contextlib import ExitStack, contextmanager


def logged(label):
    calls = []

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            calls.append(label)
            result = function(*args, **kwargs)
            return result, list(calls)

        return wrapper

    return decorate


@contextmanager
def opened(name, log):
    log.append(f"open {name}")
    try:
        yield name.upper()
    except KeyError as error:
        log.append(f"key {error}")
    finally:
        log.append(f"close {name}")


@functools.lru_cache
def cached(n):
    return n + 1


def uses_contexts():
    log = []
    with opened("a", log) as first, opened("b", log) as second:
        log.append(first + second)
    with opened("c", log):
        raise KeyError("swallowed")
    with ExitStack() as stack:
        stack.enter_context(opened("d", log))
        stack.callback(log.append, "callback")
    try:
        with opened("e", log):
            raise ValueError("passes")
    except ValueError:
        log.append("passed")
    return log


def main():
    @logged("one")
    @logged("two")
    def add(a, b=1):
        return a + b

    return add(1), add(1, b=4), cached(1), cached(1), uses_contexts()
