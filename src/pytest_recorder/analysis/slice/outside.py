"""Follows by the source what events do not tell: variables of modules, of classes, not recorded."""

from pytest_recorder.analysis.bindings import binding
from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.objects import PathStep
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import READ
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.format.events import Value

_MOST_IMPORTS = 3


def is_module_variable(search: Search, frame: int, n: int, name: str) -> bool:
    """Whether the module of a frame's code binds a name."""
    event = search.history.before(frame, n + 1)
    file = search.sources.file(event.file) if event is not None else None
    return file is not None and any(True for _ in file.global_lines(name))


def show_module_variable(
    search: Search, frame: int, n: int, name: str, parent: Origin, cost: int
) -> None:
    """Show the line that binds a variable of a module, here or where it was imported from."""
    event = search.history.before(frame, n + 1)
    path = event.file if event is not None else None
    file = search.sources.file(path)
    for _ in range(_MOST_IMPORTS):
        if file is None or path is None:
            return
        for line in file.global_lines(name):
            if search.is_new("module", path, line):
                origin = Origin(name, "module", cost, file=path, line=line)
                origin.source = file.text(line)
                search.add(parent, origin)
            return
        imported = file.imported(name)
        if imported is None:
            return
        path = search.sources.of_module(imported[0])
        name = imported[1]
        file = search.sources.file(path)


def show_class_attribute(
    search: Search, holder: Value, step: PathStep, parent: Origin, cost: int
) -> None:
    """Show where a class gives an attribute that its instance does not have."""
    if step[0] != "attr":
        return
    wanted = str(holder.get("type", "")).rpartition(".")[2]
    for path, line, text in search.sources.class_attributes(wanted, str(step[1])):
        if search.is_new("class", path, line):
            what = f"{wanted}.{step[1]}"
            origin = Origin(what, "class", cost, file=path, line=line, source=text)
            search.add(parent, origin)


def show_last_binding(
    search: Search, frame: int, n: int, name: str, parent: Origin, cost: int
) -> None:
    """Follow a variable whose changes were not recorded: the last line that binds it."""
    for event in search.history.of_frame(frame, n + 1):
        if event.kind == "call":
            return
        if event.n == n or event.kind != "line":
            continue
        stmt = search.sources.statement(event.file, event.line)
        bound = binding(stmt, name) if stmt is not None else None
        if stmt is None or bound is None:
            continue
        if not search.is_new("bound", frame, event.n, name):
            return
        origin = search.add_at(event, parent, Origin(name, bound.how, cost))
        after = search.history.after(frame, event.n)
        run = StatementRun(frame, event, after.n if after is not None else n)
        uses(search, run, stmt, bound.exprs, origin, cost + READ)
        return
