"""Says where a trace ends: at which line of the program, and in which phase of the test."""

from typing import TYPE_CHECKING, NamedTuple

from pytest_recorder.errors import RecorderError

if TYPE_CHECKING:
    from pytest_recorder.tracefile.reader import Trace

_PHASES = ("setup", "call", "teardown")
_MOST_BLOCKS = 4


class End(NamedTuple):
    """The last line that a trace has, and the phase that was begun last and did not end.

    None for what the end of the trace does not show.
    """

    file: str | None = None
    line: int | None = None
    phase: str | None = None

    def place(self, root: str) -> str | None:
        """Give the line as `path:line`; relative to the project if it lies there."""
        if self.file is None:
            return None
        path, base = self.file.replace("\\", "/"), root.replace("\\", "/").rstrip("/")
        return f"{path.removeprefix(f'{base}/') if base else path}:{self.line}"


def end_of(trace: "Trace") -> End:
    """Read the end of a trace, and no more: its last blocks.

    Of a damaged one what can be read; nothing is raised.
    """
    end = End()
    is_phase_known = False
    blocks = range(len(trace.block_ranges()))
    for at in reversed(blocks[-_MOST_BLOCKS:]):
        try:
            events = trace.read_block(at).events
        except RecorderError:
            return end
        for event in reversed(events):
            if end.file is None and event.file and event.line:
                end = end._replace(file=event.file, line=event.line)
            if not is_phase_known and event.kind == "span" and event.phase in _PHASES:
                is_phase_known = True
                if event.edge == "begin":
                    end = end._replace(phase=event.phase)
        if end.file is not None and is_phase_known:
            break
    return end
