"""Tells whether code would be recorded here, and the rule that says so: `info --covers`."""

import argparse
import ast
import json
import sys
from pathlib import Path
from typing import Any

from pytest_recorder.analysis.value_text import safe_text
from pytest_recorder.errors import ErrorCode, from_os_error, usage
from pytest_recorder.recording.file_recording import absolute_or_raise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options; the arguments of pytest are those that `info` has no other use for."""
    parser.add_argument(
        "--covers",
        type=Path,
        metavar="FILE",
        help="tell whether a pytest run here records the code of this file, and which rule says"
        " so; what follows is given to pytest: --covers FILE -- --pyargs shop",
    )
    parser.add_argument(
        "--function", metavar="NAME", help="of --covers: this function of the file"
    )


def answer(path: Path, function: str | None, arguments: list[str]) -> dict[str, Any]:
    """Give the answer for a file, or for a function in it.

    Raises UsageError (ERR_INVALID_OPTION) where there is none of them, and as `ask_scope` does.
    """
    from pytest_recorder.plugin import inquiry  # imports pytest, which takes a while

    file = Path(absolute_or_raise(path))
    if not file.is_file() and not file.with_suffix(".pyc").is_file():
        raise usage(ErrorCode.INVALID_OPTION, f"no file {str(path)!r} for --covers")
    lines = _lines_of(file, function) if function is not None else None
    found = inquiry.ask_scope(str(file), arguments)
    where = {"function": function, "lines": lines} if lines is not None else {}
    return {"file": str(file), **where, **found}


def show(found: dict[str, Any], *, as_json: bool) -> None:
    """Print the answer."""
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    print("in scope" if found["is_in_scope"] else "not in scope")
    shown = {key: value for key, value in found.items() if key not in ("is_in_scope", "errors")}
    if "lines" in shown:
        shown["lines"] = "-".join(map(str, shown["lines"]))
    if found["errors"]:
        shown["tests"] = f"{found['tests']}, and {found['errors']} that could not be collected"
    for name, value in shown.items():
        if value is not None:
            print(safe_text(f"  {name.replace('_', ' '):<13} {value}"))


def _lines_of(file: Path, function: str) -> list[int]:
    """Give the first and the last line of a function, by its name or its qualified name."""
    try:
        tree = ast.parse(file.read_bytes())
    except OSError as error:
        raise from_os_error(error, "cannot read the file of --covers", path=file) from error
    except (SyntaxError, ValueError, RecursionError) as error:
        raise usage(
            ErrorCode.INVALID_OPTION, f"{file.name!r} is no Python that can be read"
        ) from error
    found = _functions(tree, "")
    for name, lines in found.items():
        if name == function or name.endswith(f".{function}"):
            return lines
    names = ", ".join(found) or "none"
    raise usage(
        ErrorCode.INVALID_OPTION,
        f"no function {function!r} in {file.name!r}, expected one of those in it: {names}",
    )


def _functions(node: ast.AST, outer: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for child in ast.iter_child_nodes(node):
        inner = outer
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{outer}{child.name}."
            if not isinstance(child, ast.ClassDef):
                found[inner[:-1]] = [child.lineno, child.end_lineno or child.lineno]
        found.update(_functions(child, inner))
    return found
