"""Finds the loops of a source, so that a viewer can count iterations."""

import ast
from typing import TypeAlias

from pytest_recorder.analysis.parsing import parse_quietly

Loop: TypeAlias = tuple[int, int, int]
"""The line of `for` or `while`, the first line of the body, the last line of the body."""


def find_loops(source: str) -> list[Loop]:
    """Give the loops in order of their lines; nothing for what is not Python of this version."""
    try:
        tree = parse_quietly(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [
        (node.lineno, node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno)
        for node in ast.walk(tree)
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While))
    ]
    return sorted(found)
