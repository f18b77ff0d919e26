import contextlib
import io
import logging
import sys

log = logging.getLogger("programs.outputs")


class Loud:
    def __str__(self):
        print("printed while being printed")
        return "loud"


def prints():
    print("hello", "world", sep="-")
    print("to stderr", file=sys.stderr)
    sys.stdout.write("written\n")
    print("no newline", end="")
    print()


def redirects():
    buffer = io.StringIO()
    with contextlib.redirect_stdout(buffer):
        print("into the buffer")
    print("outside again")
    return buffer.getvalue()


def logs():
    log.warning("number %d of %s", 1, "two")
    log.error("no arguments")
    log.debug("not enabled")
    try:
        raise ValueError("reason")
    except ValueError:
        log.exception("failed")


def nested():
    print(Loud())


def main():
    handler = logging.StreamHandler(io.StringIO())
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        prints()
        found = redirects()
        logs()
        nested()
    finally:
        log.removeHandler(handler)
    return found
