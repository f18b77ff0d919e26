"""Finds, in the syntax of the package, what breaks its rules about errors and output.

`python tools/errors_audit.py [FOLDER]` prints a line for each finding and ends with 1 if there is
one. What is allowed is so by its syntactic place; no list of files may break a rule.

- An exception raised on purpose is one of `pytest_recorder.errors`; so is a class of exceptions.
- `except:` and `except Exception` stand in `diagnostics/guard.py` only. `except BaseException`
  raises again or looks at what it caught.
- No `assert`. Output on stdout and the end of the process belong to the command line.
"""

import ast
import builtins
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent / "src" / "pytest_recorder"
ERRORS = "pytest_recorder.errors"
BUILTIN = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
# Python itself asks for these, in methods of these names.
PROTOCOL = {
    "AttributeError": {"__getattr__", "__getattribute__", "__delattr__", "__setattr__"},
    "KeyError": {"__getitem__", "__setitem__", "__delitem__", "__missing__", "pop", "popitem"},
    "IndexError": {"__getitem__", "__setitem__", "__delitem__", "pop"},
    "StopIteration": {"__next__"},
    "StopAsyncIteration": {"__anext__"},
}
VALIDATORS = {"field_validator", "model_validator", "validator", "root_validator"}
STDOUT = {"sys.stdout", "sys.__stdout__"}
EXITS = {"sys.exit", "exit", "quit"}


class Finding(NamedTuple):
    """What breaks a rule, and where."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def dotted(node: ast.AST | None) -> str:
    """Give `a.b.c` for an expression of that form, or the empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        left = dotted(node.value)
        return f"{left}.{node.attr}" if left else ""
    return ""


class Audit(ast.NodeVisitor):
    """Walks through one module."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        parts = Path(path).parts
        self._is_guard = parts[-2:] == ("diagnostics", "guard.py")
        self._is_errors = parts[-1:] == ("errors.py",)
        self._is_command_line = "cli" in parts[:-1] or parts[-1] == "__main__.py"
        self._is_plugin = "plugin" in parts[:-1]
        self._names: dict[str, str] = {}  # what an import made of a name
        self._functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []

    def find(self, node: ast.expr | ast.stmt | ast.ExceptHandler, rule: str, text: str) -> None:
        self.findings.append(Finding(self.path, node.lineno, rule, text))

    def full_name(self, node: ast.AST | None) -> str:
        """Give the name of an expression as what was imported under it."""
        name = dotted(node)
        first, dot, rest = name.partition(".")
        return self._names.get(first, first) + dot + rest

    def is_builtin(self, name: str) -> bool:
        return name.removeprefix("builtins.") in BUILTIN and not (
            # The module itself defines a class of the name of a built-in one.
            self._is_errors and name == "EnvironmentError"
        )

    # Names.

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self._names[alias.asname] = alias.name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._names[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._inside(node)

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._functions.append(node)
        self.generic_visit(node)
        self._functions.pop()

    # Errors.

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            name = self.full_name(base)
            if self.is_builtin(name) and not self._is_errors:
                self.find(node, "class", f"{node.name} is a {name}, not a RecorderError")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = self.full_name(raised)
        if self.is_builtin(name) and not self._may_raise(name.removeprefix("builtins.")):
            self.find(node, "raise", f"{name} is no RecorderError")
        if name.startswith(("pytest.", "_pytest.")) and not (
            self._is_plugin and name == "pytest.UsageError"
        ):
            self.find(node, "raise", f"{name}; pytest.UsageError in plugin/ only")
        self.generic_visit(node)

    def _may_raise(self, name: str) -> bool:
        function = self._functions[-1] if self._functions else None
        if name == "NotImplementedError":
            return True
        if function is None:
            return False
        if name == "ValueError":
            return any(
                self.full_name(d.func if isinstance(d, ast.Call) else d).rpartition(".")[2]
                in VALIDATORS
                for d in function.decorator_list
            )
        return function.name in PROTOCOL.get(name, ())

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {self.full_name(each).removeprefix("builtins.") for each in caught}
        if node.type is None:
            self.find(node, "except", "a bare except")
        elif "Exception" in names and not self._is_guard:
            self.find(node, "except", "except Exception outside diagnostics/guard.py")
        elif "BaseException" in names and not self._is_looked_at(node):
            self.find(node, "except", "except BaseException swallows what it caught")
        self.generic_visit(node)

    def _is_looked_at(self, handler: ast.ExceptHandler) -> bool:
        inside = [node for statement in handler.body for node in ast.walk(statement)]
        return any(
            isinstance(node, ast.Raise)
            or (isinstance(node, ast.Name) and node.id == handler.name)
            for node in inside
        )

    def visit_Assert(self, node: ast.Assert) -> None:
        self.find(node, "assert", "python -O leaves it out")
        self.generic_visit(node)

    # Output, and the end of the process.

    def visit_Call(self, node: ast.Call) -> None:
        name = self.full_name(node.func)
        if not self._is_command_line:
            self._look_at_call(node, name.removeprefix("builtins."))
        # `contextlib.suppress` is an `except` in other words.
        if name == "contextlib.suppress" and not self._is_guard:
            for argument in node.args:
                if self.full_name(argument) in ("Exception", "BaseException"):
                    self.find(node, "except", f"suppress({self.full_name(argument)})")
        self.generic_visit(node)

    def _look_at_call(self, node: ast.Call, name: str) -> None:
        if name == "print":
            self.find(node, "print", "outside cli/")
        elif name in EXITS:
            self.find(node, "exit", f"{name} outside cli/")
        elif name.rpartition(".")[0] in STDOUT and name.rpartition(".")[2].startswith("write"):
            self.find(node, "stdout", f"{name} outside cli/")
        elif name == "os.write" and ast.unparse(node.args[0]) == "1":
            self.find(node, "stdout", "os.write(1) outside cli/")


def audit(source: str, path: str) -> list[Finding]:
    """Find what breaks a rule in the text of a module; `path` is relative to the package."""
    walk = Audit(path)
    walk.visit(ast.parse(source))
    return walk.findings


def audit_folder(folder: Path) -> Iterator[Finding]:
    """Find what breaks a rule in all modules below a folder."""
    for path in sorted(folder.rglob("*.py")):
        yield from audit(path.read_text(encoding="utf-8"), str(path.relative_to(folder)))


def main(arguments: list[str]) -> int:
    """Print the findings; 1 where there are any."""
    folder = Path(arguments[0]) if arguments else PACKAGE
    findings = list(audit_folder(folder))
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
