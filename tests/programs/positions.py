def divided(number):
    return 2 + 1 / number


def several(first, second):
    return [
        first,
        second,
    ]


def gives():
    yield divided(1)
    yield divided(2)


def main():
    steps = gives()
    found = several(next(steps), several(next(steps), divided(4)))
    try:
        return divided(3) + divided(0) + divided(5)
    except ZeroDivisionError:
        return found
