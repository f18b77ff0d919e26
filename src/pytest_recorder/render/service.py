"""Is the process beside one that runs tests: answers its requests, and ends when that one does.

Whatever happens to the process that asks, this one does not outlive it: a thread waits for the end
of its pipe, also while a job is done.
"""

import os
import queue
import select
import threading
from importlib import import_module
from typing import Any, BinaryIO, Final

from pytest_recorder.diagnostics.guard import translated
from pytest_recorder.diagnostics.lines import error_fields
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.errors import RecorderError
from pytest_recorder.render.jobs import Jobs
from pytest_recorder.render.messages import unpack
from pytest_recorder.system import json_text
from pytest_recorder.system.locks import is_alive

_HEAD_BYTES: Final = 8
_LOOK_MS: Final = 2000
"""A child that the program has forked may hold the pipe open: so often the parent is looked for."""


def answer(jobs: Jobs, request: bytes) -> bytes:
    """Do what a request asks for; gives what came of it, an error of ours too."""
    job, about, blobs = unpack(request)

    def do() -> Any:
        place = about.get("place")
        if place is not None:
            _move_to(*place)
        return jobs.do(job, about, blobs)

    try:
        found: dict[str, Any] = {"found": translated(do, recorder_error)}
    except RecorderError as error:
        found = {"error": error_fields(error)}
    return json_text.encode_ascii(found)


def serve(requests: int, answers: int, parent: int) -> None:
    """Answer until the pipe ends."""
    todo: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(requests, parent, todo), daemon=True)
    reader.start()
    jobs = Jobs()
    with open(answers, "wb") as out:
        while True:
            made = answer(jobs, todo.get())
            out.write(len(made).to_bytes(_HEAD_BYTES, "little") + made)
            out.flush()
            # While the test is torn down: what follows the steps in its report takes longer.
            import_module("pytest_recorder.render.sidecar")


def _move_to(folder: str | None, environ: dict[str, str]) -> None:
    """Take the working folder and the variables of the process that asks, as they are now."""
    if folder is not None:
        os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)


def _read(requests: int, parent: int, todo: "queue.SimpleQueue[bytes]") -> None:
    poll = select.poll()
    poll.register(requests, select.POLLIN)
    with open(requests, "rb", buffering=0) as file:
        while True:
            while not poll.poll(_LOOK_MS):
                if not is_alive(parent):
                    os._exit(0)
            size = int.from_bytes(_exactly(file, _HEAD_BYTES), "little")
            todo.put(_exactly(file, size))


def _exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes; the end of the pipe is the end of this process."""
    parts: list[bytes] = []
    while size > 0:
        part = file.read(min(size, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
