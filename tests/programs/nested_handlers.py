def inner():
    raise KeyError("first")


def chain():
    try:
        inner()
    except KeyError:
        try:
            raise ValueError("second")
        except ValueError as second:
            try:
                raise TypeError("third")
            except TypeError:
                pass
            try:
                raise second
            finally:
                marker = 1


def bare_in_function():
    raise


def reraise_from_callee():
    try:
        inner()
    except KeyError:
        bare_in_function()


def no_active():
    raise


def in_generator():
    try:
        yield 1
        inner()
    except KeyError as error:
        yield str(error)
        raise


def context_replaced():
    try:
        try:
            inner()
        finally:
            raise OSError(2, "no such thing")
    except OSError as error:
        return error.errno, type(error.__context__).__name__


def assertion(value):
    assert value == 1, f"value was {value}"


def exits():
    raise SystemExit(3)


def main():
    log = []
    for function in (
        chain,
        reraise_from_callee,
        no_active,
        lambda: list(in_generator()),
        context_replaced,
        lambda: assertion(2),
        exits,
    ):
        try:
            log.append(function())
        except BaseException as error:
            log.append(f"{type(error).__name__}: {error}")
    return log
