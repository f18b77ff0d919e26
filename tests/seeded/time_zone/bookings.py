"""Bookings of meeting rooms by people in different places; all times are kept in UTC."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

OFFSETS = {"UTC": 0, "Berlin": 1, "New York": -5, "Tokyo": 9}


class RoomTaken(Exception):
    """Somebody else has the room at that time."""


def zone(city):
    try:
        return timezone(timedelta(hours=OFFSETS[city]), city)
    except KeyError:
        message = f"no office in {city}"
        raise ValueError(message) from None


@dataclass(frozen=True)
class Person:
    name: str
    city: str


@dataclass(frozen=True)
class Slot:
    start: datetime
    end: datetime

    def overlaps(self, other):
        return self.start < other.end and other.start < self.end

    @property
    def minutes(self):
        return int((self.end - self.start).total_seconds() // 60)


@dataclass
class Booking:
    person: Person
    room: str
    slot: Slot

    def text(self, city):
        start = self.slot.start.astimezone(zone(city))
        return f"{self.room} {start:%d.%m. %H:%M} {self.person.name}"


def parse_time(text, city):
    """Read `2024-03-01 09:00`, the time on the clocks of a city, and give it in UTC."""
    naive = datetime.strptime(text, "%Y-%m-%d %H:%M")
    if naive.minute % 15:
        message = f"bookings begin at a quarter of an hour, not at {text}"
        raise ValueError(message)
    local = naive.replace(tzinfo=UTC)
    return local.astimezone(UTC)


def slot_of(text, minutes, city):
    start = parse_time(text, city)
    return Slot(start, start + timedelta(minutes=minutes))


@dataclass
class Calendar:
    rooms: list
    bookings: list = field(default_factory=list)

    def taken(self, room, slot):
        for booking in self.bookings:
            if booking.room == room and booking.slot.overlaps(slot):
                return booking
        return None

    def book(self, person, room, text, minutes=60):
        if room not in self.rooms:
            message = f"no room {room!r}"
            raise ValueError(message)
        slot = slot_of(text, minutes, person.city)
        other = self.taken(room, slot)
        if other is not None:
            message = f"{room} is taken by {other.person.name}"
            raise RoomTaken(message)
        booking = Booking(person, room, slot)
        self.bookings.append(booking)
        return booking

    def cancel(self, booking):
        self.bookings.remove(booking)

    def agenda(self, city):
        ordered = sorted(self.bookings, key=lambda booking: booking.slot.start)
        return [booking.text(city) for booking in ordered]


def first_free(calendar, room, slot):
    """Give the first time from a slot on at which the room is free as long."""
    length = slot.end - slot.start
    while calendar.taken(room, slot) is not None:
        slot = Slot(slot.start + timedelta(minutes=15), slot.end + timedelta(minutes=15))
    return Slot(slot.start, slot.start + length)
