def loops(n):
    out = []
    for i in range(n):
        if i == 1:
            continue
        for j in "ab":
            if j == "b":
                break
            out.append((i, j))
        else:
            out.append("never")
    else:
        out.append("end")
    while True:
        n -= 1
        if n < 0:
            break
    return out


def empty_loop(items):
    for item in items:
        pass
    return "none"


def conditions(a, b):
    value = a if b else None
    both = (
        a
        and b
        or "neither"
    )
    assert a is not None, "message"
    if not (
        a
        or b
    ):
        pass
    elif a:
        return value
    return both


def main():
    return loops(3), empty_loop([]), conditions(1, 2), conditions(0, 0)
