"""Looks after each test here as after those of the engines."""

from tests.engines.conftest import engine, leaves_nothing

__all__ = ["engine", "leaves_nothing"]
