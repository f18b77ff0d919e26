import pytest
from timetable import Timetable


@pytest.fixture
def timetable():
    timetable = Timetable()
    timetable.add_room("lab", 20)
    timetable.add_teacher("curie", "physics", "chemistry")
    timetable.add_group("7a", 18)
    return timetable


def test_a_lesson_takes_its_own_hour_only(timetable):
    timetable.plan("physics", "7a", "Mon", 2)
    lab = timetable.rooms["lab"]
    assert not lab.is_free("Mon", 2)
    tuesday = lab.lesson_at("Tue", 2)
    assert tuesday is None
