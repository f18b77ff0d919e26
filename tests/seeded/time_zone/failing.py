import pytest
from bookings import Calendar, Person


@pytest.fixture
def calendar():
    return Calendar(["blue", "green"])


def test_an_agenda_shows_the_time_of_the_reader(calendar):
    calendar.book(Person("grace", "New York"), "blue", "2024-03-01 09:00")
    calendar.book(Person("kenji", "Tokyo"), "green", "2024-03-01 18:30", minutes=30)
    lines = calendar.agenda("Berlin")
    assert lines[-1] == "blue 01.03. 15:00 grace"
