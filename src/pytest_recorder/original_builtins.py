"""Keeps the built-in names as they were before a test could replace them.

PYTEST_DONT_REWRITE

Problem: `patch("builtins.len")` reaches every function of the process, ours too: a call of ours is
counted, and what stands in its place decides what we do. What we do: a function takes the built-in
names that it looks up from the `__builtins__` of its module when it is made, so each module that
runs while tests run imports ours before its first function. `tools/original_calls.py` checks it.
What can still go wrong: functions of the standard library in Python, which have what all have.
"""

from importlib import import_module

# By its name: in the order of layers the package itself stands above all.
__builtins__ = import_module("pytest_recorder").BEFORE_TESTS["builtins"]
