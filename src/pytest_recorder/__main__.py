"""Lets `python -m pytest_recorder` be the command `pytest-recorder`."""

import sys

from pytest_recorder.cli import main

if __name__ == "__main__":
    sys.exit(main())
