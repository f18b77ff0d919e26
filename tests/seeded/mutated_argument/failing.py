import json

import pytest
from sensors import Log, summarise

COOLING = [24.0, 23.1, 22.4, 60.0, 21.2, 20.1]


@pytest.fixture
def log():
    lines = [
        json.dumps({"sensor": "attic", "minute": minute, "celsius": celsius})
        for minute, celsius in enumerate(COOLING)
    ]
    return Log().read([*lines, "broken"])


def test_a_room_that_cools_down_is_falling(log):
    summary = summarise(log["attic"])
    assert log.rejected == [("broken", "JSONDecodeError")]
    assert summary.typical == 22.4
    assert summary.trend == "falling"
