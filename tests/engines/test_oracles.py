"""Compares a trace with what others see of the same run: profiler, naive tracer, coverage.py."""

import dataclasses
import dis
import enum
import functools
import inspect
import json
import os
import subprocess
import sys
import threading
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.engines.support import COMPARED, FOLDER, capabilities, load, run, steady

Json = Any
# 3.11: when an exception is thrown into a coroutine that this one awaits and ends it, the
# interpreter goes on here without a `call` event. The recorder notices; a profiler counts one
# less, and coverage.py books the lines to the file it was in before.
LOSES_RESUMPTIONS = sys.version_info < (3, 12)
OPAQUE = "no matter what"


# How often functions are entered.


@functools.cache
def entries(program: str) -> Counter[tuple[str, str]]:
    """Count, with a profile function, how often each function of a program is entered."""
    counts: Counter[tuple[str, str]] = Counter()

    def profile(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(FOLDER)):
            counts[code.co_filename, code.co_qualname] += 1

    main = load(program).main
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        main()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return counts


@pytest.mark.parametrize("level", ["calls", "values"])
@pytest.mark.parametrize("program", COMPARED)
def test_functions_are_entered_as_often_as_a_profiler_counts(
    program: str, engine: str, level: str
) -> None:
    counted = Counter(
        (event.file, event.function)
        for event in run(program, engine, level).events
        # For a profiler, to go on is also to be called.
        if event.kind in ("call", "resume", "throw")
    )
    expected = entries(program)
    if program == "async_generators" and LOSES_RESUMPTIONS:
        expected = expected + Counter({(str(FOLDER / f"{program}.py"), "run"): 1})
    if (
        program == "cleanup"
        and level == "values"
        and not capabilities(engine).reads_locals_undisturbed
    ):
        # Two objects die while the trace function refreshes `f_locals`: their `__del__` is unseen.
        expected = expected - Counter({(str(FOLDER / f"{program}.py"), "Closing.__del__"): 2})
    assert counted == expected


# What variables hold.


def seen(value: Any, depth: int = 0, above: tuple[int, ...] = ()) -> Json:
    """Render a value in the JSON form, in another way than the recorder does."""
    kind = type(value)
    if value is None or kind is bool:
        return {"type": kind.__name__, "value": value}
    if kind is int:
        return {"type": "int", "value": value}
    if kind is float:
        text = str(value)
        return {"type": "float", "value": text if text in ("nan", "inf", "-inf") else value}
    if kind is complex:
        return {"type": "complex", "value": repr(value)}
    if kind is str:
        cut = {"length": len(value), "truncated": True, "reason": "chars"}
        return {"type": "str", "value": value[:256], **(cut if len(value) > 256 else {})}
    name = class_words(kind)
    if kind is bytes or kind is bytearray:
        return {"type": name, "value": value.hex()}
    if isinstance(value, str):
        return {"type": name, "value": str(value)}
    if isinstance(value, types.FunctionType):
        where = (value.__qualname__, value.__code__.co_filename, value.__code__.co_firstlineno)
        pairs = zip(("qualname", "file", "line"), where, strict=True)
        return opened(name, value, depth, above, dict(pairs))
    if isinstance(value, (type, types.ModuleType)):
        shown = class_words(value) if isinstance(value, type) else value.__name__
        return opened(name, value, depth, above, {"name": shown})
    if isinstance(value, enum.Enum):
        return opened(name, value, depth, above, {"name": value.name, "value": value.value})
    if isinstance(value, BaseException):
        return opened(name, value, depth, above, {"args": value.args, **vars(value)})
    if kind in (range, slice):
        parts = {"start": value.start, "stop": value.stop, "step": value.step}
        return opened(name, value, depth, above, parts)
    if isinstance(value, dict):
        return contained(name, value, depth, above, "entries")
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return contained(name, value, depth, above, "items")
    if dataclasses.is_dataclass(value) and not hasattr(value, "__dict__"):
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return opened(name, value, depth, above, found)
    if name.startswith("programs_") and "__slots__" not in vars(kind):
        return opened(name, value, depth, above, vars(value))
    return {"type": name, OPAQUE: True}


def class_words(kind: type) -> str:
    """Name a class without asking its metaclass."""
    name, module = (type.__dict__[n].__get__(kind) for n in ("__qualname__", "__module__"))
    return f"{module}.{name}" if isinstance(module, str) and module != "builtins" else str(name)


def opened(
    name: str, value: object, depth: int, above: tuple[int, ...], state: dict[str, Any]
) -> Json:
    """Render an object by its attributes."""
    reason = "cycle" if id(value) in above else "depth" if depth >= 3 and state else ""
    inside = (*above, id(value))
    shown: Json = {"type": name, "attributes": {}}
    if reason:
        return shown | {"length": len(state), "truncated": True, "reason": reason}
    if depth < 3:
        shown["attributes"] = {k: seen(v, depth + 1, inside) for k, v in state.items()}
    return shown


def contained(name: str, value: Any, depth: int, above: tuple[int, ...], key: str) -> Json:
    """Render a container by its first items."""
    inside = (*above, id(value))
    reason = "cycle" if id(value) in above else "depth" if depth >= 3 and len(value) else ""
    shown: Json = {"type": name, "length": len(value), key: []}
    if not reason and depth < 3:
        if key == "entries":
            pairs = list(dict.items(value))[:20]
            shown[key] = [
                [seen(k, depth + 1, inside), seen(v, depth + 1, inside)] for k, v in pairs
            ]
        else:
            shown[key] = [seen(item, depth + 1, inside) for item in list(value)[:20]]
            if hasattr(value, "_fields"):
                shown["fields"] = list(value._fields)
        reason = "items" if len(value) > 20 else ""
    return shown | ({"truncated": True, "reason": reason} if reason else {})


def agree(recorded: Json, expected: Json) -> bool:
    """Compare; of what the renderer here cannot open only the type is compared."""
    if isinstance(expected, dict) and OPAQUE in expected:
        return isinstance(recorded, dict) and recorded["type"] == expected["type"]
    if isinstance(expected, dict):
        return (
            isinstance(recorded, dict)
            and recorded.keys() == expected.keys()
            and all(agree(recorded[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(recorded, list)
            and len(recorded) == len(expected)
            and all(map(agree, recorded, expected))
        )
    return type(recorded) is type(expected) and repr(recorded) == repr(expected)


def shown_names(code: CodeType) -> Callable[[str], bool]:
    """Say which names of a frame a trace shows."""
    if code.co_flags & inspect.CO_OPTIMIZED:
        return str.isidentifier
    stored = {i.argval for i in dis.get_instructions(code) if i.opname == "STORE_NAME"}
    return lambda name: name in stored and not name.startswith("__")


def naive(program: str) -> list[tuple[str, int, Json]]:
    """Give function, line and variables at each line, as a simple trace function sees them."""
    found: list[tuple[str, int, Json]] = []
    at: dict[FrameType, int] = {}

    def local(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and at.get(frame) != frame.f_lineno:
            at[frame] = frame.f_lineno
            is_shown = shown_names(frame.f_code)
            values = {k: seen(v) for k, v in frame.f_locals.items() if is_shown(k)}
            found.append((frame.f_code.co_qualname, frame.f_lineno, values))
        return local

    def begins(frame: FrameType, event: str, _: object) -> Any:
        return local if frame.f_code.co_filename.startswith(str(FOLDER)) else None

    main = load(program).main
    threading.settrace(begins)
    sys.settrace(begins)
    try:
        main()
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    return found


# A naive tracer holds frames and refreshes `f_locals`: `__del__` comes at other times.
NOT_NAIVE = {"cleanup"}


@pytest.mark.parametrize("program", [name for name in COMPARED if name not in NOT_NAIVE])
def test_variables_are_what_a_naive_tracer_sees(program: str, engine: str) -> None:
    recorded = run(program, engine)
    expected = naive(program)
    told: list[tuple[str | None, int | None, Json]] = []
    now: dict[int | None, dict[str, Json]] = defaultdict(dict)
    for event in recorded.events:
        values = now[event.frame]
        values.update(event.args or {})
        values.update(event.changes)
        for name in event.deleted:
            del values[name]
        if event.kind == "line":
            told.append((event.function, event.line, steady(values)))
        if event.n % 7 == 0 and event.kind != "gap":
            assert recorded.values_at(event) == values
    if program == "threads":
        # Whether a thread that starts or the one that waits for it goes first is not ours to say.
        for places in (told, expected):
            places.sort(key=lambda place: place[0] or "")
    assert [place[:2] for place in told] == [place[:2] for place in expected]
    for mine, theirs in zip(told, expected, strict=True):
        assert agree(mine[2], steady(theirs[2])), (mine, theirs)


# Which lines ran.

_MEASURE = """
import json, sys
import coverage
from tests.engines.support import FOLDER, load
lines = {}
for program in sys.argv[1:]:
    main = load(program).main
    # Cells of `if` on one line and such need no branches: lines only.
    measure = coverage.Coverage(data_file=None, include=[f"{FOLDER}/*"], config_file=False)
    measure.start()
    main()
    measure.stop()
    data = measure.get_data()
    lines[program] = {file: sorted(data.lines(file)) for file in data.measured_files()}
print("\\n" + json.dumps(lines))
"""


@functools.cache
def covered() -> dict[str, dict[str, list[int]]]:
    """Give the lines that coverage.py reports for each program, with its default core."""
    paths = (str(FOLDER.parent.parent), *(path for path in sys.path if path))
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *COMPARED],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        timeout=120,
    )
    found: dict[str, dict[str, list[int]]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("level", ["lines", "values"])
@pytest.mark.parametrize("program", COMPARED)
def test_the_lines_are_those_that_coverage_reports(
    program: str, engine: str, level: str
) -> None:
    if program == "async_generators" and LOSES_RESUMPTIONS:
        pytest.skip("coverage.py books lines to another file, see LOSES_RESUMPTIONS")
    lines: defaultdict[str, set[int]] = defaultdict(set)
    for event in run(program, engine, level).events:
        if event.kind == "line":
            assert event.file is not None
            assert event.line is not None
            lines[event.file].add(event.line)
    told = {file: sorted(found) for file, found in lines.items()}
    assert told == {file: found for file, found in covered()[program].items() if found}


def test_the_renderer_of_this_test_tells_values_apart() -> None:
    assert not agree(seen([1]), seen([True]))
    assert not agree(seen(0.0), seen(-0.0))
    assert not agree(seen({"a": 1}), seen(OrderedDict(a=1)))
    assert seen([[[[]]]])["items"][0]["items"][0]["items"] == [
        {"type": "list", "length": 0, "items": []}
    ]
