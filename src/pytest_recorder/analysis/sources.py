"""Holds the source files of a trace, each parsed when it is first asked for."""

import ast
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from pytest_recorder.analysis.bindings import Binding, binding
from pytest_recorder.analysis.expressions import FunctionNode
from pytest_recorder.analysis.parsing import MOST_TOKENS, count_tokens
from pytest_recorder.analysis.syntax import SourceFile
from pytest_recorder.format.events import Event

_MOST_FILES = 200
_HELD_TOKENS = 2 * MOST_TOKENS
_LEAST_HELD = 2


class SourceFiles:
    """The files of a trace, each parsed when it is first asked for.

    The latest are held; of those before, what was asked for is parsed again.
    """

    def __init__(self, source_of: Callable[[str], str | None], files: Sequence[str]) -> None:
        self._source_of = source_of
        self._names = files
        self._files: OrderedDict[str, SourceFile | None] = OrderedDict()
        self._tokens: dict[str, int] = {}

    def file(self, path: str | None) -> SourceFile | None:
        """Give a file; None where its source was not recorded."""
        if path is None:
            return None
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        source = self._source_of(path)
        file = self._files[path] = SourceFile(source) if source is not None else None
        if source is not None:
            # A line that the trace does not hold takes room too.
            self._tokens[path] = count_tokens(source) + source.count("\n")
            self._evict()
        return file

    def _evict(self) -> None:
        while len(self._tokens) > _LEAST_HELD and sum(self._tokens.values()) > _HELD_TOKENS:
            oldest = next(path for path in self._files if path in self._tokens)
            del self._files[oldest], self._tokens[oldest]

    def text(self, path: str | None, line: int | None) -> str:
        """Give a line of source, or an empty text."""
        file = self.file(path)
        return file.text(line) if file is not None and line is not None else ""

    def statement(self, path: str | None, line: int | None) -> ast.stmt | None:
        """Give the innermost statement around a line."""
        file = self.file(path)
        return file.statement(line) if file is not None and line is not None else None

    def function(self, event: Event) -> FunctionNode | None:
        """Give the function whose code an event is of."""
        file = self.file(event.file)
        name = (event.function or "").rpartition(".")[2]
        return file.function(event.line or 0, name) if file is not None else None

    def binder(
        self, path: str | None, line: int | None, name: str
    ) -> tuple[ast.stmt | None, Binding | None]:
        """Give the statement of a line that binds a name; the innermost where none does."""
        file = self.file(path)
        stmt = file.statement(line) if file is not None and line is not None else None
        if file is None or stmt is None:
            return None, None
        around = (above.node for above in file.above(stmt))
        for node in (stmt, *around):
            # `for x in y: f(x)` is two statements in one line.
            if isinstance(node, ast.stmt) and node.lineno == stmt.lineno:
                bound = binding(node, name)
                if bound is not None:
                    return node, bound
        return stmt, None

    def class_attributes(self, name: str, attribute: str) -> Iterator[tuple[str, int, str]]:
        """Give the lines at which a class of this name binds an attribute: path, line, text."""
        for path in self._names[:_MOST_FILES]:
            file = self.file(path)
            for stmt in file.body if file is not None else ():
                if not isinstance(stmt, ast.ClassDef) or stmt.name != name:
                    continue
                for inner in stmt.body:
                    if isinstance(inner, (ast.Assign, ast.AnnAssign)) and binding(
                        inner, attribute
                    ):
                        yield path, inner.lineno, self.text(path, inner.lineno)

    def of_module(self, module: str) -> str | None:
        """Give the path of a recorded module by its dotted name."""
        tail = "/" + module.replace(".", "/")
        for path in self._names:
            normal = path.replace("\\", "/")
            if normal.endswith((tail + ".py", tail + "/__init__.py")):
                return path
        return None
