import abc


class Animal(abc.ABC):
    def __init__(self, name):
        self.name = name

    @abc.abstractmethod
    def sound(self):
        return "..."

    def speak(self):
        return f"{self.name}: {self.sound()}"


class Loud:
    def sound(self):
        return super().sound().upper()


class Dog(Animal):
    def sound(self):
        base = super().sound()
        return "woof" + base


class LoudDog(Loud, Dog):
    tricks = ()

    def __init__(self, name, *tricks):
        super().__init__(name)
        self.tricks = tricks

    def __eq__(self, other):
        return self.name == other.name

    def __hash__(self):
        return hash(self.name)

    def __iter__(self):
        yield from self.tricks

    def __contains__(self, trick):
        return trick in self.tricks

    def __getitem__(self, index):
        return self.tricks[index]

    def __enter__(self):
        return self

    def __exit__(self, *details):
        return False


def main():
    dog = LoudDog("rex", "sit", "roll")
    kinds = {dog: 1}
    with dog as same:
        said = same.speak()
    return said, list(dog), "sit" in dog, dog[1], kinds[LoudDog("rex")], dog == LoudDog("max")
