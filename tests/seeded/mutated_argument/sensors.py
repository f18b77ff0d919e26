"""Reads a log of sensors, drops outliers, and finds trends."""

import json
from dataclasses import dataclass, field

SPREAD = 3.0


@dataclass
class Reading:
    minute: int
    celsius: float


@dataclass
class Series:
    sensor: str
    readings: list = field(default_factory=list)

    def add(self, minute, celsius):
        self.readings.append(Reading(minute, celsius))

    def values(self):
        return [reading.celsius for reading in self.readings]

    def last(self):
        return self.readings[-1] if self.readings else None


class Log:
    """All series of a house, by sensor."""

    def __init__(self):
        self.series = {}
        self.rejected = []

    def read_line(self, line):
        try:
            raw = json.loads(line)
            sensor, minute, celsius = raw["sensor"], raw["minute"], float(raw["celsius"])
        except (ValueError, KeyError) as error:
            self.rejected.append((line, type(error).__name__))
            return
        self.series.setdefault(sensor, Series(sensor)).add(minute, celsius)

    def read(self, lines):
        for line in lines:
            self.read_line(line)
        return self

    def __getitem__(self, sensor):
        return self.series[sensor]


def mean(values):
    return sum(values) / len(values)


def median(values):
    """Give the middle value, or the mean of the two in the middle."""
    values.sort()
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return mean(values[middle - 1 : middle + 1])


def deviation(values):
    centre = median(values)
    return median([abs(value - centre) for value in values])


def without_outliers(values):
    """Drop what is further from the middle than a few deviations."""
    centre = median(list(values))
    limit = SPREAD * max(deviation(list(values)), 0.1)
    return [value for value in values if abs(value - centre) <= limit]


def smooth(values, width=2):
    out = []
    for end in range(1, len(values) + 1):
        window = values[max(0, end - width) : end]
        out.append(round(mean(window), 2))
    return out


def trend(values):
    """Say where the values go: the change from the first to the last of the smoothed ones."""
    smoothed = smooth(values)
    change = smoothed[-1] - smoothed[0]
    if abs(change) < 0.5:
        return "steady"
    return "rising" if change > 0 else "falling"


@dataclass
class Summary:
    sensor: str
    typical: float
    trend: str
    spread: float


def summarise(series):
    values = without_outliers(series.values())
    typical = median(values)
    return Summary(series.sensor, typical, trend(values), max(values) - min(values))
