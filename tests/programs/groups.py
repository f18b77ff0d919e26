def fail_both():
    errors = []
    for kind in (ValueError, TypeError, KeyError):
        try:
            raise kind(kind.__name__)
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("several", errors)


def handle():
    seen = []
    try:
        fail_both()
    except* ValueError as group:
        seen.append(len(group.exceptions))
    except* TypeError as group:
        seen.append(str(group.exceptions[0]))
    return seen


def main():
    try:
        return handle()
    except ExceptionGroup as group:
        return [type(error).__name__ for error in group.exceptions]
