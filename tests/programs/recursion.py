def factorial(n):
    if n <= 1:
        return 1
    below = factorial(n - 1)
    return n * below


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def main():
    return factorial(60) % 1000, even(41)
