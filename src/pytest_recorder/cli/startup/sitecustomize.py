"""Starts the recording of `pytest-recorder run` in the process of the program.

Python imports a module of this name, if there is one, before it runs the program. `run` puts the
folder of this one into PYTHONPATH and starts Python with the program as its argument, so that all
else about the program is Python's own doing. Before the program begins this module takes back what
was changed for it: the variables, `sys.path`, and its name, which belongs to the machine's own
`sitecustomize`.
"""

import json
import os
import sys
from importlib import import_module

_HERE = os.path.dirname(os.path.abspath(__file__))
_REQUEST = json.loads(os.environ["PYTEST_RECORDER_RUN"])


def _start() -> None:
    package = os.path.dirname(os.path.dirname(os.path.dirname(_HERE)))
    if package not in sys.path:
        # `python -m pytest_recorder run` in a checkout that is not installed.
        sys.path.append(package)
    from pytest_recorder.recording.process import start_by_request

    del os.environ["PYTEST_RECORDER_RUN"]
    start_by_request(_REQUEST)


if _REQUEST["pythonpath"] is None:
    del os.environ["PYTHONPATH"]
else:
    os.environ["PYTHONPATH"] = _REQUEST["pythonpath"]
sys.path[:] = [entry for entry in sys.path if entry != _HERE]
del sys.modules[__name__]
try:
    # Where there is no other one this ends by the ImportError that Python expects then.
    import_module("sitecustomize")
finally:
    _start()
