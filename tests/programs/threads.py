import threading


def work(number, results):
    square = number * number
    results.append(square)
    return square


def failing(results):
    try:
        raise ValueError("in a thread")
    except ValueError as error:
        results.append(str(error))


def main():
    results = []
    for number in range(4):
        thread = threading.Thread(target=work, args=(number, results), name=f"worker-{number}")
        thread.start()
        thread.join()
    thread = threading.Thread(target=failing, args=(results,), name="failing")
    thread.start()
    thread.join()
    return results
