class Closing:
    def __init__(self, log, name):
        self.log = log
        self.name = name

    def __del__(self):
        self.log.append(f"del {self.name}")


def drops(log):
    first = Closing(log, "first")
    first = Closing(log, "second")
    log.append("replaced")
    del first
    log.append("deleted")
    Closing(log, "temporary")
    log.append("end")


def leaves(log):
    kept = Closing(log, "kept")
    log.append("leaving")


def main():
    log = []
    drops(log)
    leaves(log)
    log.append("left")
    return log
