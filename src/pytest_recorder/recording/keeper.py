"""Says what the manifest of a trace holds, and writes the trace, also where the disk is full."""

from typing import Any

from pytest_recorder.diagnostics.guard import translated
from pytest_recorder.diagnostics.inject import Injector
from pytest_recorder.diagnostics.translation import recorder_error
from pytest_recorder.errors import EnvironmentError, from_os_error
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.manifest_facts import in_order, manifest_facts_of_policy
from pytest_recorder.recording.setup import Setup
from pytest_recorder.settings.config import Settings
from pytest_recorder.settings.policy import Sourced
from pytest_recorder.system import files, json_text
from pytest_recorder.system.ballast import Ballast
from pytest_recorder.system.clock import utc_text, wall_ns
from pytest_recorder.system.ids import new_id
from pytest_recorder.system.originals import OS
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.excerpts import Excerpts
from pytest_recorder.tracefile.naming import writable
from pytest_recorder.tracefile.spool import Spool
from pytest_recorder.tracefile.writer import Packed, pack_trace, write_trace, write_whole

_NO_ROOM = ("ENOSPC", "EDQUOT")


class Keeper:
    """What the traces of one recorder share: their numbers, policy and excerpts of sources."""

    def __init__(self, faults: Injector) -> None:
        self._faults = faults
        self._id = new_id()
        self._traces = 0
        self._policy: tuple[Sourced, tuple[dict[str, Any], bytes]] | None = None
        self._excerpts = Excerpts()
        self._ballast = Ballast()

    def next_manifest(
        self, setup: Setup, test: str | None, attempt: int, used: Settings, chosen: Sourced
    ) -> tuple[dict[str, Any], bytes]:
        """Give the manifest of the next trace, and how it is written.

        It is put together as text: a model would be made, checked and written for each test.
        """
        self._traces += 1
        own = {
            "trace_id": f"{self._id[:20]}{self._traces:012x}",
            "test": writable(test) if test is not None else None,
            "attempt": attempt,
            "scope": used.scope,
            "started": utc_text(wall_ns(), 3, zone="+00:00"),
        }
        common, head = setup.manifest_facts
        policy, tail = self._policy_facts(chosen)
        return {**common, **own, **policy}, head + json_text.encode(own)[1:-1] + tail

    def _policy_facts(self, chosen: Sourced) -> tuple[dict[str, Any], bytes]:
        """Give what the manifest says of a policy, also as the end of a JSON object.

        Most traces of a run share one.
        """
        if self._policy is None or self._policy[0] != chosen:
            facts = manifest_facts_of_policy(chosen)
            self._policy = chosen, (facts, b"," + json_text.encode(facts)[1:])
        return self._policy[1]

    def write(
        self, path: AnyPath, setup: Setup, manifest: dict[str, Any], trailer: dict[str, Any]
    ) -> Packed:
        """Write an ended recording to a file.

        Raises EnvironmentError (ERR_IO), InternalError (ERR_UNKNOWN).
        """
        try:
            files.make_folders(FilePath.of(path).parent)
        except OSError as error:
            raise from_os_error(error, "cannot make the folder of the trace") from error
        parts: dict[str, Any] = {
            "manifest": in_order(manifest),
            "sources": dict(setup.hot.sources.values()),
            "excerpts": self._excerpts,
            "masker": setup.masker,
            "trailer": trailer,
        }
        return translated(lambda: self._write(path, setup.spool, parts), recorder_error)

    def _write(self, path: AnyPath, spool: Spool, parts: dict[str, Any]) -> Packed:
        try:
            return write_trace(path, segments=spool.segments(), **parts, faults=self._faults)
        except MemoryError:
            # Threads and deflation take more than is left under a limit of the program.
            self._ballast.give()
            try:
                return write_trace(path, segments=spool.segments(), **parts, is_frugal=True)
            finally:
                self._ballast.take()
        except EnvironmentError as error:
            # An injected fault says that there is no room at all.
            is_full = error.context.get("errno") in _NO_ROOM
            if not is_full or self._faults.is_armed("write-enospc"):
                raise
            # The spool lies on the same disk, and what it holds is much smaller when packed.
            memory = OS.bytes_file()
            packed = pack_trace(memory, segments=spool.segments(), **parts)
            data = memory.getvalue()
            if len(data) > spool.grown_bytes:
                raise
        with spool.lend():
            write_whole(path, lambda file: file.write(data))
        return packed

    def close(self) -> None:
        """Hold no source and no room any more."""
        self._excerpts.clear()
        self._ballast.give()
