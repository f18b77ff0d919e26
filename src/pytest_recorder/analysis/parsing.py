"""Parses Python without a word: what the user's code is warned of is not ours to say."""

import ast
import warnings


def parse_quietly(source: str) -> ast.Module:
    """Parse the source of a module.

    Python warns of `"\\d"` and the like each time that it parses it, and under `-W error` it
    refuses it. Raises what `ast.parse` raises for what is no Python.
    """
    with warnings.catch_warnings():
        # Python has said them to the user when it compiled the file.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def parse_expression_quietly(source: str) -> ast.expr:
    """Parse one expression, in the same way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, mode="eval").body
