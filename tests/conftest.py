"""What every test of ours runs under."""

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# Our own faults are raised, not guarded: a test sees them.
os.environ["PYTEST_RECORDER_STRICT"] = "1"

# A test is the same on every machine: those of what a run does in CI set the variable themselves.
os.environ.pop("CI", None)

# The machines that run this are shared: how long one example takes says nothing about the code.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
