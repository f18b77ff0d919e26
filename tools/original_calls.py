"""Proves that what runs while tests run calls nothing that a test can replace.

`python tools/original_calls.py [FOLDER]` prints a line for each finding and ends with 1 if there is
one. `tests/undisturbed/test_replaced_functions.py` shows the same by running it.

- What the recorder needs of the interpreter and the operating system is taken in `system/`, into
  objects: no function there calls it by the name of its module. Other modules import no module that
  tests replace, or replace functions of; what may be taken from one by name (a type, a constant, a
  function in C) stands in `TAKEN`.
- No built-in that opens, prints, asks or imports; no function of `sys` or `threading`; no method of
  `pathlib` that looks at a file.
- No import inside a function: it calls `builtins.__import__`, which a test may have replaced, and
  finds nothing of ours where a test has emptied `sys.modules`.
- Each module takes the built-in names of before the tests (`original_builtins`).
- An exception stands in `EXCEPTIONS` with its reason; one that nothing needs is a finding too.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

PACKAGE: Final = Path(__file__).parent.parent / "src" / "pytest_recorder"

# The one place that says what runs while tests run.
WHILE_TESTS_RUN: Final = (
    *("errors.py", "compat.py", "format", "system", "diagnostics", "settings", "tracefile"),
    *("redaction", "engine", "recording", "plugin"),
    *("render/messages.py", "render/quantities.py", "render/time_limit.py"),
)
PENDING: Final[tuple[str, ...]] = ()
"""What is looked through with `--pending` only: it is being converted."""
NOT_WHILE_TESTS_RUN: Final[Mapping[str, str]] = {
    "diagnostics/errorjson.py": "a model for readers",
    "diagnostics/installed.py": "looks for an exporter before the first test",
    "diagnostics/otel.py": "sends when the run is over",
    "diagnostics/prometheus.py": "writes when the run is over",
    "diagnostics/schema.py": "a model for readers",
    "tracefile/block_reader.py": "reads traces",
    "tracefile/end.py": "reads traces of processes that died",
    "tracefile/index_schema.py": "a model for readers",
    "tracefile/manifest.py": "a model for readers",
    "tracefile/merge.py": "a command",
    "tracefile/reader.py": "reads traces",
    "tracefile/recorded_source.py": "reads traces",
    "tracefile/spool_trace.py": "reads the spools of other processes",
    "plugin/inquiry.py": "a command asks it in a process of its own",
}

REPLACED: Final = frozenset(
    (
        *("os", "os.path", "posix", "nt", "posixpath", "ntpath", "genericpath", "io", "_io"),
        *("time", "datetime", "pathlib", "shutil", "tempfile", "glob", "fnmatch", "stat"),
        *("fcntl", "mmap", "signal", "select", "selectors", "socket", "subprocess", "resource"),
        *(
            "threading",
            "_thread",
            "queue",
            "_queue",
            "concurrent",
            "multiprocessing",
            "asyncio",
        ),
        *(
            "json",
            "uuid",
            "random",
            "secrets",
            "hashlib",
            "zlib",
            "struct",
            "pickle",
            "logging",
        ),
        *("warnings", "linecache", "tokenize", "inspect", "platform", "sysconfig", "getpass"),
        *("importlib", "importlib.metadata", "importlib.util", "pkgutil", "gc", "traceback"),
        *("atexit", "codecs", "locale", "ctypes", "urllib", "http", "contextvars"),
    )
)
TAKEN: Final[Mapping[str, frozenset[str]]] = {
    module: frozenset(names)
    for module, names in {
        "_queue": ("SimpleQueue",),
        "importlib.machinery": ("PathFinder",),
        "hashlib": ("sha256",),
        "inspect": (
            *("CO_ASYNC_GENERATOR", "CO_COROUTINE", "CO_GENERATOR", "CO_NEWLOCALS"),
            *("CO_OPTIMIZED", "CO_VARARGS", "CO_VARKEYWORDS"),
        ),
        "io": ("StringIO", "TextIOWrapper"),
        "logging": ("Logger", "LogRecord"),
        "struct": ("Struct",),
        "zlib": ("compress", "crc32", "error"),
    }.items()
}
BUILTINS_HOME: Final = "pytest_recorder.original_builtins"
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
BUILTINS: Final = frozenset(
    ("open", "print", "input", "breakpoint", "__import__", "import_module", "reload")
)
"""And what imports as a statement in a function does."""
FILE_METHODS: Final = frozenset(
    (
        *("exists", "is_file", "is_dir", "is_symlink", "mkdir", "unlink", "rmdir", "open"),
        *("read_text", "read_bytes", "write_text", "write_bytes", "stat", "lstat", "resolve"),
        *("iterdir", "glob", "rglob", "touch", "rename", "absolute", "expanduser", "samefile"),
        *("symlink_to", "hardlink_to", "home", "cwd", "chmod", "readlink"),
    )
)
ORIGINALS: Final = frozenset(("OS", "files", "INTERPRETER", "CLOCKS", "THREADING"))
"""Whose methods of these names are originals."""

EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("system/originals.py", "call of import_module"): "when it is imported",
    (
        "system/json_text.py",
        "call of json.JSONEncoder",
    ): "when it is imported, where C is missing",
    ("system/compiled.py", "call of import_module"): "when the run begins",
    ("settings/config.py", "import of os"): "a type that paths are told by",
    ("settings/config.py", "import of pathlib"): "makes paths of options before the tests",
    ("settings/policy.py", "import of pathlib"): "a type that paths are told by",
    (
        "engine/injected.py",
        "import of pytest_recorder",
    ): "faults are asked for by our own tests",
    ("engine/pure/interpreter.py", "import of threading"): "reads a dict of it, calls nothing",
    ("engine/pure/names.py", "import of ctypes"): "when the hot path is made",
    ("engine/pure/shapes.py", "import of ctypes"): "when the hot path is made",
    ("engine/rivals.py", "import of threading"): "takes what it installs in threads",
    ("engine/scope.py", "import of sysconfig"): "asked when it is imported",
    (
        "engine/scope.py",
        "import of warnings",
    ): "compiles the text of `python -c`, before it runs",
    ("engine/select.py", "import of importlib"): "when a setup is first made",
    ("engine/select.py", "call of import_module"): "when a setup is first made",
    (
        "plugin/__init__.py",
        "import of pytest_recorder",
    ): "when a run begins, or does not record",
    ("plugin/__init__.py", "import of os"): "reads the environment before the tests",
    ("plugin/controller.py", "import of time"): "waits in a process that runs no tests",
    ("plugin/github.py", "import of pytest_recorder"): "when the run is over",
    ("plugin/hooks.py", "call of .resolve"): "of options",
    ("plugin/junit.py", "import of _pytest"): "private to pytest, where its name may be gone",
    ("plugin/links.py", "import of os"): "finds the page of pytest-html as pytest-html does",
    ("plugin/links.py", "call of .expanduser"): "the same",
    ("plugin/links.py", "import of importlib"): "of allure, in a run that writes its report",
    ("plugin/links.py", "call of import_module"): "the same",
    ("plugin/links.py", "import of urllib"): "quotes a link for pytest-html",
    ("plugin/recorded_run.py", "call of .open"): "of a recorder",
    ("plugin/resolution.py", "import of os"): "makes paths of options before the tests",
    ("plugin/resolution.py", "import of pathlib"): "makes paths of options before the tests",
    ("plugin/tested_files.py", "import of importlib"): "finds packages before the tests",
    ("recording/api.py", "import of warnings"): "warns the program that has called us",
    ("recording/autostart.py", "import of pytest_recorder"): "before the program runs",
    ("recording/file_recording.py", "call of .open"): "of a recorder",
    ("recording/manifest_facts.py", "import of platform"): "asked when it is imported",
    ("recording/manifest_facts.py", "import of importlib"): "asked before the first test",
    ("recording/process.py", "import of atexit"): "before the program runs",
    (
        "recording/setup.py",
        "import of pytest_recorder",
    ): "faults are asked for by our own tests",
}
"""By the start of path and finding."""

WITH_THE_BUILTINS_OF_ALL: Final[Mapping[str, str]] = {
    "plugin/__init__.py": "stands in an idle run, and begins before the tests",
    "plugin/options.py": "the same",
    "settings/__init__.py": "the same",
}


class Finding(NamedTuple):
    """A call that a test can replace, and where."""

    path: str
    line: int
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}: {self.text}"


class Calls(ast.NodeVisitor):
    """Walks through one module; `path` is relative to the package."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self._is_system = path.startswith("system/")
        self._replaced: set[str] = set()
        """The names in `system/` of modules that a test can replace functions of."""
        self._depth = 0

    def find(self, node: ast.AST, what: str, text: str) -> None:
        self.findings.append(Finding(self.path, getattr(node, "lineno", 0), what, text))

    # What is for type checkers runs never.

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            for each in node.orelse:
                self.visit(each)
            return
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if each is not None:
                self.visit(each)
        self._depth += 1
        for each in node.body:
            self.visit(each)
        self._depth -= 1

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    # Imports.

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported(node, alias.name, None, alias.asname)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._imported(node, node.module or "", alias.name, alias.asname)

    def _imported(
        self, node: ast.stmt, module: str, name: str | None, alias: str | None
    ) -> None:
        full = module if name is None else f"{module}.{name}"
        if self._depth:
            self.find(node, f"import of {full} in a function", "import it when the run begins")
        elif is_replaced(module, name):
            if not self._is_system:
                self.find(
                    node, f"import of {full}", "a test can replace it, take it in system/"
                )
            self._replaced.add(full.rpartition(".")[2] if alias is None else alias)

    # Calls.

    def visit_Call(self, node: ast.Call) -> None:
        # What a module does when it is imported, it does before any test.
        if self._depth:
            self._called(node, node.func)
        self.generic_visit(node)

    def _called(self, node: ast.Call, function: ast.expr) -> None:
        if isinstance(function, ast.Name) and function.id in BUILTINS:
            self.find(node, f"call of {function.id}", "a test can replace it, use system/files")
        if not isinstance(function, ast.Attribute):
            return
        owner = function.value
        name = owner.id if isinstance(owner, ast.Name) else ""
        if self._is_system and name in self._replaced:
            self.find(node, f"call of {name}.{function.attr}", "keep it in an object")
        elif name == "sys":
            self.find(node, f"call of sys.{function.attr}", "use originals.INTERPRETER")
        elif function.attr in FILE_METHODS and name not in ORIGINALS:
            self.find(node, f"call of .{function.attr}", "if it is of a path, use system/files")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = node.value
        is_of_sys = isinstance(owner, ast.Name) and owner.id == "sys"
        if self._depth and is_of_sys and node.attr == "monitoring":
            self.find(node, "sys.monitoring", "use originals.INTERPRETER")
        self.generic_visit(node)


def is_replaced(module: str, name: str | None) -> bool:
    """Tell whether an import gives what a test can replace."""
    if name is not None and name in TAKEN.get(module, ()):
        return False
    return any(
        each in REPLACED for each in (module, module.partition(".")[0], f"{module}.{name}")
    )


def modules(package: Path) -> Iterator[tuple[Path, str]]:
    """Give what runs while tests run: files, with their paths in the package."""
    for place in WHILE_TESTS_RUN:
        path = package / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            relative = file.relative_to(package).as_posix()
            if relative not in NOT_WHILE_TESTS_RUN and file.exists():
                yield file, relative


def findings_in(
    package: Path,
    pending: tuple[str, ...] = (),
    exceptions: Mapping[tuple[str, str], str] = EXCEPTIONS,
) -> list[Finding]:
    """Give what calls a name that a test can replace, and exceptions that nothing needs."""
    found: list[Finding] = []
    used: set[tuple[str, str]] = set()
    for file, path in modules(package):
        if any(path.startswith(place) for place in pending):
            continue
        calls = Calls(path)
        calls.visit(ast.parse(file.read_text(encoding="utf-8")))
        for finding in calls.findings:
            excused = {
                (place, what)
                for place, what in exceptions
                if path.startswith(place) and finding.what.startswith(what)
            }
            used |= excused
            if not excused:
                found.append(finding)
    unused = [key for key in exceptions if key not in used]
    found += [
        Finding(path, 0, what, "an exception that nothing needs") for path, what in unused
    ]
    return found


def with_the_builtins_of_all(package: Path) -> list[Finding]:
    """Give the modules whose functions look up built-in names that a test can replace."""
    return [
        Finding(path, 1, "built-ins of all", "import __builtins__ of original_builtins")
        for file, path in modules(package)
        if path not in WITH_THE_BUILTINS_OF_ALL and not has_own_builtins(file)
    ]


def has_own_builtins(file: Path) -> bool:
    """Tell whether a module imports ours before its first function, or has none."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == BUILTINS_HOME:
            return True
        if any(isinstance(each, FUNCTIONS) for each in ast.walk(node)):
            return False
    return True


def main(arguments: list[str]) -> int:
    """Print the findings."""
    is_all = "--pending" in arguments
    folders = [argument for argument in arguments if not argument.startswith("--")]
    package = Path(folders[0]) if folders else PACKAGE
    found = findings_in(package, () if is_all else PENDING)
    found += with_the_builtins_of_all(package)
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
