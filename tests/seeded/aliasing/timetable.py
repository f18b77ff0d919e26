"""A school's timetable: lessons in rooms, by day and hour, without clashes."""

from dataclasses import dataclass, field

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")
HOURS = 6


class Clash(Exception):
    """Two lessons want the same thing at the same time."""


@dataclass(frozen=True)
class Lesson:
    subject: str
    teacher: str
    group: str


@dataclass
class Teacher:
    name: str
    subjects: set
    most_hours: int = 20
    hours: int = 0

    def can_teach(self, subject):
        return subject in self.subjects and self.hours < self.most_hours


def empty_week():
    """Give a grid with a row for each day and a cell for each hour."""
    row = [None] * HOURS
    return [row for _ in DAYS]


@dataclass
class Room:
    name: str
    seats: int
    week: list = field(default_factory=empty_week)

    def lesson_at(self, day, hour):
        return self.week[DAYS.index(day)][hour - 1]

    def is_free(self, day, hour):
        return self.lesson_at(day, hour) is None

    def book(self, day, hour, lesson):
        if not 1 <= hour <= HOURS:
            message = f"there is no hour {hour}"
            raise ValueError(message)
        if not self.is_free(day, hour):
            message = f"{self.name} is taken on {day} at {hour}"
            raise Clash(message)
        self.week[DAYS.index(day)][hour - 1] = lesson

    def lessons(self):
        for row in self.week:
            for lesson in row:
                if lesson is not None:
                    yield lesson


class Timetable:
    """Rooms and teachers, and who is where when."""

    def __init__(self):
        self.rooms = {}
        self.teachers = {}
        self.groups = {}

    def add_room(self, name, seats):
        self.rooms[name] = Room(name, seats)

    def add_teacher(self, name, *subjects):
        self.teachers[name] = Teacher(name, set(subjects))

    def add_group(self, name, pupils):
        self.groups[name] = pupils

    def teacher_for(self, subject):
        able = [t for t in self.teachers.values() if t.can_teach(subject)]
        if not able:
            message = f"nobody teaches {subject}"
            raise Clash(message)
        return min(able, key=lambda teacher: teacher.hours)

    def room_for(self, group, day, hour):
        pupils = self.groups[group]
        fitting = [
            room
            for room in self.rooms.values()
            if room.seats >= pupils and room.is_free(day, hour)
        ]
        if not fitting:
            return None
        return min(fitting, key=lambda room: room.seats)

    def plan(self, subject, group, day, hour):
        teacher = self.teacher_for(subject)
        room = self.room_for(group, day, hour)
        if room is None:
            message = f"no room for {group} on {day} at {hour}"
            raise Clash(message)
        room.book(day, hour, Lesson(subject, teacher.name, group))
        teacher.hours += 1
        return room.name

    def hours_of(self, group):
        return sum(
            lesson.group == group for room in self.rooms.values() for lesson in room.lessons()
        )
