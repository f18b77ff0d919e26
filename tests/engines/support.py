"""Runs the programs of `tests/programs` on every engine, and words what a trace says of them."""

import functools
import importlib.util
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_recorder import compat, testing
from pytest_recorder.engine.base import Capabilities
from pytest_recorder.engine.select import NATIVE_MODULE, select
from pytest_recorder.format.events import Event
from pytest_recorder.system import compiled
from pytest_recorder.testing import Recorded

FOLDER = Path(__file__).parent.parent / "programs"
HAS_NATIVE = compiled.load(NATIVE_MODULE).module is not None
IS_DIRECT = getattr(compiled.load(NATIVE_MODULE).module, "BUILD", "") == "internals"
"""Whether the part in C reads the frames of the interpreter, not its public API only."""
# Each as `engine/hot path`.
ENGINES = (
    *(("monitoring/native",) if compat.HAS_MONITORING and HAS_NATIVE else ()),
    *(("monitoring/python",) if compat.HAS_MONITORING else ()),
    *(("settrace/native",) if not compat.HAS_MONITORING and HAS_NATIVE else ()),
    *(("settrace/python",) if not compat.HAS_MONITORING else ()),
)
PROGRAMS = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))
# At the recursion limit engines lose different events; `tests/undisturbed` looks at that.
COMPARED = tuple(name for name in PROGRAMS if name != "recursion_limit")
# What differs between two runs of the same program.
_VARYING = ("id", "_ident", "_native_id", "_thread_id")


def load(name: str) -> ModuleType:
    """Load a program anew, as if it had never run."""
    spec = importlib.util.spec_from_file_location(f"programs_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up.
    sys.modules[spec.name] = module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # `return` in `finally`, PEP 765
        spec.loader.exec_module(module)
    return module


def record(function: Callable[..., Any], *args: Any, engine: str, **settings: Any) -> Recorded:
    """Record a call on an engine and hot path; a name without `/` leaves the latter open."""
    engine, _, hot_path = engine.partition("/")
    return testing.record(
        function, *args, engine=engine, hot_path=hot_path or "auto", **settings
    )


def capabilities(engine: str) -> Capabilities:
    """What an engine and hot path say that they can do."""
    return select(*engine.split("/")).capabilities


@functools.cache
def run(name: str, engine: str, level: str = "values") -> Recorded:
    """Record `main()` of a program."""
    return record(load(name).main, engine=engine, level=level, include=[f"{FOLDER}/*"])


def steady(value: Any) -> Any:
    """Give the JSON form of a value without what differs between two runs."""
    if isinstance(value, Mapping):
        return {key: steady(item) for key, item in value.items() if key not in _VARYING}
    return [steady(item) for item in value] if isinstance(value, list) else value


def worded(value: dict[str, Any]) -> str:
    """Word a value in the way of Python."""
    kind, cut = value["type"].rpartition(".")[2], ", ..." if value.get("truncated") else ""
    if value.get("redacted"):
        return f"<{kind} redacted>"
    if "items" in value:
        left, right = {"list": "[]", "tuple": "()", "set": "{}"}.get(kind, (f"{kind}[", "]"))
        return left + ", ".join(map(worded, value["items"])) + cut + right
    if "entries" in value:
        pairs = ", ".join(f"{worded(key)}: {worded(item)}" for key, item in value["entries"])
        return ("" if kind == "dict" else kind) + "{" + pairs + cut + "}"
    if "attributes" in value:
        if kind in ("function", "type", "module"):
            return f"<{kind} {next(iter(value['attributes'].values()))['value']}>"
        pairs = ", ".join(f"{k}={worded(v)}" for k, v in value["attributes"].items())
        return f"{kind}({pairs}{cut})"
    if "unavailable" in value:
        return f"<{kind}>"
    return repr(value["value"]) + cut


def words_of(event: Event) -> str:
    """Word an event in one line, without the numbers of its frame and thread."""
    if event.kind == "gap":
        return f"gap {event.reason}"
    words = f"{event.kind} {event.function}:{event.line}"
    if event.args is not None:
        words += "(" + ", ".join(f"{k}={worded(v)}" for k, v in event.args.items()) + ")"
    if event.value is not None:
        words += f" -> {worded(event.value)}"
    if event.exception is not None:
        words += f" {event.exception.type}({event.exception.message!r})"
    if event.text is not None:
        words += f" {event.stream or event.level} {worded(event.text)}"
    if event.changes:
        words += " {" + ", ".join(f"{k}={worded(v)}" for k, v in event.changes.items()) + "}"
    if event.deleted:
        words += f" del {', '.join(event.deleted)}"
    return words


def compared(event: Event) -> tuple[Any, ...]:
    """Give all that two engines must agree on."""
    error = event.exception
    return (
        event.n,
        event.kind,
        event.thread,
        event.frame,
        event.parent,
        event.function,
        event.line,
        steady(event.args),
        steady(event.value),
        (error.type, error.message) if error is not None else None,
        steady(event.changes),
        event.deleted,
        event.stream,
        event.level,
        event.logger,
        event.text,
        event.position,
    )
