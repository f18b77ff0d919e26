"""Puts together what events pass through for one shape of settings: engine, hot path, spool."""

from collections.abc import Callable
from functools import cached_property, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_recorder.compat import TEXT_FILE
from pytest_recorder.diagnostics.guard import shield2, shield3
from pytest_recorder.diagnostics.inject import Injector
from pytest_recorder.engine.base import Engine, HotPath
from pytest_recorder.engine.pure.bounds import Bounds
from pytest_recorder.engine.redact import Redactor
from pytest_recorder.engine.scope import Scope
from pytest_recorder.engine.select import Choice, make
from pytest_recorder.engine.streams import StreamTap
from pytest_recorder.errors import ErrorCode, enverr
from pytest_recorder.original_builtins import __builtins__
from pytest_recorder.recording.manifest_facts import manifest_facts_of_run
from pytest_recorder.settings.config import Settings
from pytest_recorder.system import json_text
from pytest_recorder.system.paths import AnyPath, FilePath
from pytest_recorder.tracefile.masking import Masker
from pytest_recorder.tracefile.naming import spool_name
from pytest_recorder.tracefile.spool import Spool

if TYPE_CHECKING:
    from types import FrameType

_SHAPE = (
    "level",
    "values",
    "include",
    "exclude",
    "redact",
    "no_redact",
    "engine",
    "hot_path",
    "root",
    "max_bytes",
)
"""The settings that engine, hot path and spool are built from."""


def shape_of(settings: Settings) -> tuple[object, ...]:
    """Give what of the settings a setup is made for."""
    return tuple(getattr(settings, name) for name in _SHAPE)


class Tests(NamedTuple):
    """What of tests is in scope: see `Scope.add_tests`."""

    paths: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


class Setup:
    """An engine with its hot path, spool and stream tap; `close` gives all of it back.

    `on_fault` is called with an exception of ours that a callback has caught and, by keyword, the
    name of the `callback`.
    """

    def __init__(
        self,
        settings: Settings,
        choice: Choice,
        redactor: Redactor,
        folder: FilePath,
        run_id: str,
        *,
        pid: int,
        also: tuple[AnyPath, ...],
        text: str | None,
        faults: Injector,
        on_fault: Callable[..., None],
    ) -> None:
        """Raises EnvironmentError where the spool cannot be made."""
        self._shape = shape_of(settings)
        self._settings = settings
        self._choice = choice
        self._run_id = run_id
        self._pid = pid
        self._faults = faults
        self.scope = Scope(
            settings.root, settings.include, settings.exclude, also=also, text=text
        )
        self.is_outdated = False
        """Whether code was left out that would be recorded today."""
        self.spool = _make_spool(folder / spool_name(run_id), settings.max_bytes, faults)
        try:
            self.hot: HotPath
            self.engine: Engine
            self.hot, self.engine = make(
                choice,
                self.spool,
                level=settings.level,
                bounds=Bounds(**settings.values.plain()),
                redactor=redactor,
                is_in_scope=self.scope.decide_code,
                on_fault=on_fault,
                faults=faults,
            )
        except BaseException:
            self.spool.close(unlink=True)
            raise
        redactor.keep_in(self.spool.keep_secret)
        self.masker = Masker(redactor.finder)
        if text is not None:
            self._keep_text(text)
        hot = self.hot
        self._tap = StreamTap(shield3(hot.locked(hot.output), _fault_in("output", on_fault)))
        self.write_span: Callable[[str, str, tuple[str, str]], None] = shield3(
            hot.locked(hot.span), _fault_in("span", on_fault)
        )
        self.write_note: Callable[[FrameType, str, None], None] = shield3(
            hot.locked(hot.note), _fault_in("note", on_fault)
        )
        self._end_hot = shield2(self._finish_hot, _fault_in("end", on_fault))

    def install(self) -> None:
        """Take a place in the interpreter. Raises EnvironmentError where others hold all."""
        self.engine.install()
        # What every manifest says, before the first test can change what is asked for it.
        _ = self.manifest_facts

    def is_for(self, settings: Settings) -> bool:
        """Tell whether it can record with these settings: those of most tests are the same."""
        return settings is self._settings or shape_of(settings) == self._shape

    @property
    def limits(self) -> tuple[str, ...]:
        """What the engine says that it cannot do."""
        return self.engine.capabilities.limits()

    @cached_property
    def manifest_facts(self) -> tuple[dict[str, Any], bytes]:
        """What all traces made with it have in common, also as the start of a JSON object."""
        common = manifest_facts_of_run(
            self._settings, self._choice, self.limits, run_id=self._run_id, pid=self._pid
        )
        return common, json_text.encode(common)[:-1] + b","

    def add_tests(self, tests: Tests) -> None:
        """Take in what of tests is in scope from now on.

        What the interpreter was told to show no more stays so: `is_outdated` says it.
        """
        has_answered = self.scope.has_answered
        is_wider = self.scope.add_tests(
            tests.paths, packages=tests.packages, functions=tests.functions
        )
        self.is_outdated = self.is_outdated or (is_wider and has_answered)

    def watch_streams(self) -> None:
        """Take what the program prints from now on."""
        self.hot.watch_streams = self._tap.watch
        self._tap.watch()

    def pause_streams(self) -> None:
        """Take no output; the streams stay watched, for the next phase comes soon."""
        self.hot.watch_streams = _ignore
        self.hot.forget_streams()
        self._tap.pause()

    def detach_streams(self) -> None:
        """Leave `sys.stdout` and `sys.stderr` as they were."""
        self.hot.watch_streams = _ignore
        self.hot.forget_streams()
        self._tap.release()

    def stop(self) -> None:
        """End what the hot path writes; the engine rests, and may be started again."""
        self.engine.rest()
        self.pause_streams()
        self._end_hot(self.hot, None)

    def abandon(self) -> None:
        """In a forked child: stop at once and leave the parent's spool alone."""
        self.engine.abandon()
        self.hot.is_open = False
        self.detach_streams()
        self.spool.close(unlink=False)

    def close(self, *, leave_spool: bool = False) -> None:
        """Give everything back; the spool is removed, or left where it holds something."""
        self.detach_streams()
        self.engine.uninstall()
        self.hot.release()
        self.spool.close(unlink=not leave_spool or self.spool.is_empty)

    def _finish_hot(self, hot: HotPath, _: None) -> None:
        self._faults.at("finish")
        if not hot.end():
            text = "a thread was still being recorded when the recording ended"
            raise enverr(ErrorCode.TRACE_INCOMPLETE, text)

    def _keep_text(self, text: str) -> None:
        """Keep what `python -c` runs: no file has it."""
        data = text.encode("utf-8", "surrogateescape")
        digest = sha256(data).digest()
        self.hot.sources[TEXT_FILE] = (digest, data)
        self.spool.keep_source(digest, data)


def _make_spool(path: FilePath, max_bytes: int, faults: Injector) -> Spool:
    if faults.is_armed("spool-full"):
        from pytest_recorder.engine.injected import make_spool

        return make_spool(faults, path, max_bytes)
    return Spool(path, max_bytes)


def _fault_in(callback: str, on_fault: Callable[..., None]) -> Callable[[BaseException], None]:
    return partial(on_fault, callback=callback)


def _ignore(*_: object) -> None:
    return None
