"""Follows arguments that no recorded code gave: the value of a fixture, a parameter of a mark."""

from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.history import History
from pytest_recorder.analysis.objects import mark, path_text
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import READ, ArgumentEdge
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.analysis.slice.written import returned, yielded
from pytest_recorder.format.events import Event, Value

_MOST_EVENTS_BACK = 20_000


def follow_from_pytest(search: Search, edge: ArgumentEdge) -> None:
    """Follow an argument of a frame that nothing recorded called."""
    call, root, steps, value, parent, cost = edge
    what = path_text(root, steps)
    made = _fixture(search.history, call, root, (call.args or {}).get(root))
    if made is None:
        if root in ("self", "cls") or not search.is_new("parameter", call.n, root, steps):
            return
        note = _made_unseen(search.history, root)
        if note is None:
            note = "given by code that is not recorded, such as a mark of the test"
            origin = Origin(what, "parameter", cost, new=value, note=note)
        else:
            origin = Origin(what, "fixture", cost, new=value, note=note)
        search.add_at(call, parent, origin)
        return
    if not search.is_new("fixture", made.n, what):
        return
    origin = search.add_at(made, parent, Origin(what, "fixture", cost, new=made.value))
    stmt = search.sources.statement(made.file, made.line)
    if stmt is not None:
        exprs = yielded(stmt) if made.kind == "yield" else returned(stmt)
        run = StatementRun(made.frame or 0, made, made.n)
        uses(search, run, stmt, exprs, origin, cost + READ, steps=steps)


def _made_unseen(history: History, name: str) -> str | None:
    """Say of a fixture that this trace does not show being made who did, and its scope."""
    manifest = history.trace.manifest
    maker = manifest.fixtures.get(name)
    if maker is None:
        return None
    if (maker.test, maker.attempt) == (manifest.test, manifest.attempt):
        return f"of {maker.scope} scope, set up by code that is not recorded"
    which = ", which was not recorded" if maker.attempt == 0 else ""
    if maker.attempt > 1:
        which = f", attempt {maker.attempt}"
    return f"of {maker.scope} scope, set up in {maker.test}{which}"


def _fixture(history: History, call: Event, root: str, value: Value | None) -> Event | None:
    """Find the end of the fixture of this name that gave this value to the test."""
    for event in history.backwards(call.n, most=_MOST_EVENTS_BACK):
        if event.kind in ("return", "yield") and event.value is not None:
            name = (event.function or "").rpartition(".")[2]
            if name == root and (value is None or mark(event.value) == mark(value)):
                return event
        is_setup = event.kind == "span" and event.phase == "setup" and event.edge == "begin"
        # In the trace of a whole run, an earlier test may have set it up.
        if is_setup and not (history.trace.manifest.scope == "session" and _is_one(value)):
            return None
    return None


def _is_one(value: Value | None) -> bool:
    """Whether a value is known by its number: another fixture of this name has another one."""
    return value is not None and "id" in value
