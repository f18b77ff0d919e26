"""Follows what was read: a name, an attribute or an item, to whoever gave it its value."""

from pytest_recorder.analysis.changes import Change, object_changes
from pytest_recorder.analysis.objects import (
    Difference,
    PathStep,
    follow,
    is_at_depth,
    is_open,
    path_text,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.edges import (
    FAR,
    IN_PLACE,
    READ,
    ChangeEdge,
    ObjectEdge,
    ReadEdge,
    StaleEdge,
    WriteEdge,
)
from pytest_recorder.analysis.slice.in_place import (
    earlier_changes,
    follow_change,
    follow_object,
)
from pytest_recorder.analysis.slice.outside import (
    is_module_variable,
    show_class_attribute,
    show_last_binding,
    show_module_variable,
)
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.writes import (
    follow_first_value,
    follow_write,
    is_never_bound,
)
from pytest_recorder.analysis.slice.written import containers, resolved
from pytest_recorder.format.events import Value

_QUIET_TYPES = frozenset(
    ("function", "method", "builtin_function_or_method", "module", "type", "method-wrapper")
)


def follow_read(search: Search, edge: ReadEdge) -> None:
    """Follow the value of a name, or of a part of it."""
    frame, n, path, parent, cost = edge
    values = search.history.values(frame, n)
    held = values.get(path.root)
    if held is None:
        _follow_unknown(search, edge)
        return
    if held.get("type") in _QUIET_TYPES:
        return
    is_root = parent.how == "used" and not parent.what
    steps = resolved(path.steps, values)
    value, walked = follow(held, steps)
    if walked < len(steps):
        if not is_at_depth(value):
            show_class_attribute(search, value, steps[walked], parent, cost + READ)
        if walked == 0 and not value.get("truncated") and not is_root:
            return
        cost += 2
    steps = steps[:walked]
    if value.get("type") in _QUIET_TYPES:
        return
    if is_root:
        if not search.is_new("root", frame, n, path.root, steps):
            return
        origin = Origin(path_text(path.root, steps), "used", cost, new=value)
        parent = search.add(parent, origin)
    if is_open(value):
        search.worklist.later(StaleEdge(value["id"], None, parent, cost + READ))
        # Of an object with attributes it is one of them that matters, and that is read by name.
        far = cost + (FAR + READ if "attributes" in value else IN_PLACE)
        search.worklist.later(ObjectEdge(value["id"], n, parent, far))
        if len(steps) < len(path.steps):
            # The item that was taken is not known: it may be in any of the containers inside.
            for number in containers(value):
                search.worklist.later(ObjectEdge(number, n, parent, far))
    write = WriteEdge(frame, n, path.root, steps, parent, cost)
    if steps:
        _follow_part(search, held, write)
    else:
        follow_write(search, write)


def _follow_unknown(search: Search, edge: ReadEdge) -> None:
    """Follow a name of which the frame has no recorded value."""
    frame, n, path, parent, cost = edge
    has_changes = search.history.has_changes
    if not has_changes and is_never_bound(search, frame, n, path.root):
        follow_first_value(search, WriteEdge(frame, n, path.root, (), parent, cost))
    elif has_changes or is_module_variable(search, frame, n, path.root):
        show_module_variable(search, frame, n, path.root, parent, cost + READ)
    else:
        show_last_binding(search, frame, n, path.root, parent, cost)


def _follow_part(search: Search, held: Value, edge: WriteEdge) -> None:
    """Follow an attribute or item: who put it there, and what else was done to its holder."""
    _, n, _, steps, parent, cost = edge
    holder, _ = follow(held, steps[:-1])
    part: PathStep = steps[-1]
    found: Change | None = None
    if is_open(holder):
        search.worklist.later(StaleEdge(holder["id"], part, parent, cost + READ))
        found = next(object_changes(search.history, holder["id"], part, n + 1), None)
        if part[0] == "item":
            follow_object(search, ObjectEdge(holder["id"], n, parent, cost + IN_PLACE))
    if found is not None and found.run is not None:
        target = Difference(holder["id"], part, found.old, found.new)
        follow_change(search, ChangeEdge(found, target, parent, cost))
        earlier_changes(search, holder["id"], part, found, parent, cost + READ)
        return
    follow_write(search, edge)
