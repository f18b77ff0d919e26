def count(limit):
    number = 0
    while number < limit:
        got = yield number
        if got is not None:
            number = got
        else:
            number += 1
    return "done"


def catching():
    seen = []
    while True:
        try:
            seen.append((yield len(seen)))
        except ValueError as error:
            seen.append(str(error))
        except GeneratorExit:
            seen.append("closed")
            raise


def delegating():
    result = yield from count(2)
    yield result
    return result


def failing():
    yield 1
    raise KeyError("inside")


def never_started():
    yield 1


def one_line(): yield 1; yield 2


def main():
    log = list(count(3))
    stepper = count(10)
    log.append(next(stepper))
    log.append(stepper.send(5))
    stepper.close()
    catcher = catching()
    next(catcher)
    log.append(catcher.send("hello"))
    log.append(catcher.throw(ValueError("thrown")))
    catcher.close()
    log.extend(delegating())
    try:
        list(failing())
    except KeyError as error:
        log.append(repr(error))
    fresh = never_started()
    fresh.close()
    fresh = never_started()
    try:
        fresh.throw(LookupError("before the start"))
    except LookupError as error:
        log.append(str(error))
    log.extend(one_line())
    return log
