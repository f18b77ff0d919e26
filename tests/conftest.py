"""What every test of ours runs under."""

import os

pytest_plugins = ["pytester"]

# Our own faults are raised, not guarded: a test sees them.
os.environ["PYTEST_RECORDER_STRICT"] = "1"
