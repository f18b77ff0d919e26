SOURCE = """
def generated(callback):
    local = callback(1)
    return local + 1
"""


def callback(number):
    return number * 10


def main():
    namespace = {}
    exec(SOURCE, namespace)
    first = namespace["generated"](callback)
    second = eval("callback(first) + 1", {"callback": callback, "first": first})
    compiled = compile("result = callback(3)", "<made up>", "exec")
    scope = {"callback": callback}
    exec(compiled, scope)
    kind = type("Made", (), {"method": lambda self: callback(4)})
    return first, second, scope["result"], kind().method()
