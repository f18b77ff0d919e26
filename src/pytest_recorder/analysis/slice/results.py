"""Follows what a call returned or a generator yielded."""

from pytest_recorder.analysis.changes import StatementRun
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.decisions import decisions
from pytest_recorder.analysis.slice.edges import READ, ResultEdge
from pytest_recorder.analysis.slice.search import Search
from pytest_recorder.analysis.slice.uses import uses
from pytest_recorder.analysis.slice.written import only_read, returned, yielded


def follow_result(search: Search, edge: ResultEdge) -> None:
    """Show a result, and follow what the statement that gave it used."""
    end, parent, cost = edge
    if not search.is_new("result", end.n):
        return
    stmt = search.sources.statement(end.file, end.line)
    origin = Origin(
        f"{(end.function or '?').rpartition('.')[2]}()",
        "returned" if end.kind == "return" else "yielded",
        cost,
        new=end.value,
    )
    search.add_at(end, parent, origin)
    if stmt is None:
        return
    run = StatementRun(end.frame or 0, end, end.n)
    exprs = yielded(stmt) if end.kind == "yield" else returned(stmt)
    uses(search, run, stmt, exprs, origin, cost + READ)
    decisions(search, run, stmt, only_read(exprs), origin, cost)
