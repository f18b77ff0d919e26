def fails(value):
    raise ValueError(f"bad {value}")


def passes(value):
    return fails(value)


def bare_reraise():
    try:
        passes(1)
    except ValueError:
        raise


def raises_from():
    try:
        passes(2)
    except ValueError as error:
        raise KeyError("new") from error


def outer_bare():
    try:
        fails("outer")
    except ValueError:
        try:
            fails("inner")
        except ValueError:
            pass
        raise


def with_finally(log):
    try:
        passes(3)
    finally:
        log.append("finally")


def finally_return():
    try:
        fails(4)
    finally:
        return "swallowed"


def with_else():
    try:
        value = 1
    except ValueError:
        value = 2
    else:
        value = 3
    finally:
        done = True
    return value, done


class Guard:
    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        return kind is ValueError


def with_guard():
    with Guard():
        fails(5)
    return "after"


def with_guard_that_lets_pass():
    with Guard():
        raise TypeError("not mine")


def in_loop():
    found = []
    for number in range(3):
        try:
            fails(number)
        except ValueError as error:
            found.append(str(error))
            continue
    return found


def reraise_stored():
    stored = None
    try:
        fails("stored")
    except ValueError as error:
        stored = error
    raise stored


def main():
    log = []
    for function in (
        bare_reraise,
        raises_from,
        outer_bare,
        lambda: with_finally(log),
        finally_return,
        with_else,
        with_guard,
        with_guard_that_lets_pass,
        in_loop,
        reraise_stored,
    ):
        try:
            log.append(function())
        except Exception as error:
            log.append(repr(error))
    return log
