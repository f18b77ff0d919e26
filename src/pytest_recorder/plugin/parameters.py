"""Gives the texts that tests are parametrized with: a source that runs has those of all tests."""

from collections.abc import Iterable

import pytest

from pytest_recorder.original_builtins import __builtins__

Parameter = tuple[str, str | bytes]


def text_parameters(items: Iterable[pytest.Item]) -> list[Parameter]:
    """Give names and values of parameters that are texts; no other object of a test is kept."""
    return [
        (name, value)
        for item in items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        for name, value in item.callspec.params.items()
        if type(value) is str or type(value) is bytes
    ]
