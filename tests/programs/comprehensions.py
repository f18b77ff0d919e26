def squares(numbers):
    found = [number * number for number in numbers if number % 2]
    return found


def nested(rows):
    return [
        [cell + 1 for cell in row]
        for row in rows
    ]


def lazily(numbers):
    doubled = (number * 2 for number in numbers)
    total = sum(doubled)
    return total


def kinds(words):
    lengths = {word: len(word) for word in words}
    letters = {letter for word in words for letter in word}
    return lengths, sorted(letters)


def uses_cell(limit):
    return [(lambda: item + limit)() for item in range(2)]


def main():
    return (
        squares([1, 2, 3]),
        nested([[1, 2], [3]]),
        lazily([1, 2, 3]),
        kinds(["ab", "c"]),
        uses_cell(5),
    )
