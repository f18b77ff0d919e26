"""Follows values that stand outside of frames: of modules, of classes, or not recorded."""

from pytest_recorder.analysis import expressions
from pytest_recorder.analysis.changes import Site
from pytest_recorder.analysis.objects import (
    Step,
)
from pytest_recorder.analysis.origins import Origin
from pytest_recorder.analysis.slice.arguments import Arguments
from pytest_recorder.analysis.slice.worklist import READ
from pytest_recorder.format.events import Value


class Outside(Arguments):
    """Follows by the source what the events do not tell."""

    def _is_module_variable(self, frame: int, n: int, name: str) -> bool:
        event = self._history.before(frame, n + 1)
        file = self._sources.file(event.file) if event is not None else None
        return file is not None and any(True for _ in file.global_lines(name))

    def _variable_of_module(
        self, frame: int, n: int, name: str, parent: Origin, cost: int
    ) -> None:
        event = self._history.before(frame, n + 1)
        path = event.file if event is not None else None
        file = self._sources.file(path)
        for _ in range(3):
            if file is None or path is None:
                return
            for line in file.global_lines(name):
                if self._is_new("module", path, line):
                    origin = Origin(name, "module", cost, file=path, line=line)
                    origin.source = file.text(line)
                    self._add(parent, origin)
                return
            imported = file.imported(name)
            if imported is None:
                return
            path = self._sources.of_module(imported[0])
            name = imported[1]
            file = self._sources.file(path)

    def _unrecorded_part(self, holder: Value, step: Step, parent: Origin, cost: int) -> None:
        """Show where a class gives an attribute that its instance does not have."""
        if step[0] != "attr":
            return
        wanted = str(holder.get("type", "")).rpartition(".")[2]
        for path, line, text in self._sources.class_attributes(wanted, str(step[1])):
            if self._is_new("class", path, line):
                what = f"{wanted}.{step[1]}"
                origin = Origin(what, "class", cost, file=path, line=line, source=text)
                self._add(parent, origin)

    def _by_syntax(self, frame: int, n: int, name: str, parent: Origin, cost: int) -> None:
        """Follow a variable whose changes were not recorded: the last line that binds it."""
        for event in self._history.of_frame(frame, n + 1):
            if event.kind == "call":
                return
            if event.n == n or event.kind != "line":
                continue
            stmt = self._sources.statement(event.file, event.line)
            bound = expressions.binding(stmt, name) if stmt is not None else None
            if stmt is None or bound is None:
                continue
            if not self._is_new("bound", frame, event.n, name):
                return
            origin = self._place(Origin(name, bound.how, cost), event)
            self._add(parent, origin)
            after = self._history.after(frame, event.n)
            site = Site(frame, event, after.n if after is not None else n)
            self._uses(site, stmt, bound.exprs, origin, cost + READ)
            return
