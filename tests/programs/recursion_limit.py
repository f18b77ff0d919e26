def forever(n):
    return forever(n + 1) + 1


def after(x):
    y = x + 1
    return y


def main():
    before = after(1)
    try:
        forever(0)
    except RecursionError as error:
        kind = type(error).__name__
    later = after(5)
    return before, kind, later
