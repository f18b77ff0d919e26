"""Prints the answers to questions about a trace, as text or as JSON."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from pytest_recorder.analysis.source_text import shown_file
from pytest_recorder.analysis.value_text import render_value, safe_text, shorten
from pytest_recorder.export.jsonl import dump
from pytest_recorder.format.events import Value

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser, *, has_test: bool = True) -> None:
    """Add the arguments that all questions have."""
    parser.add_argument(
        "trace", type=Path, metavar="TRACE", help="a trace, or a folder of traces"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON, an object on each line"
    )
    if has_test:
        parser.add_argument(
            "--test", metavar="NODEID", help="in a trace of a whole run: the failed test"
        )


def say(*lines: str, width: int = 200) -> None:
    """Print lines; nothing that was recorded can reach the terminal as a command."""
    for line in lines:
        print(shorten(safe_text(line), width))


def say_json(answer: dict[str, Any]) -> None:
    """Print one object on one line."""
    print(dump(answer))


def say_each(
    answers: Iterable[T],
    as_object: Callable[[T], dict[str, Any]] | None,
    as_line: Callable[[T], str],
    otherwise: str = "",
) -> None:
    """Print a line for each answer, of JSON where `as_object` is given, else text.

    Where there is no answer, people get the text `otherwise`.
    """
    is_empty = True
    for answer in answers:
        is_empty = False
        if as_object is not None:
            say_json(as_object(answer))
        else:
            say(as_line(answer))
    if is_empty and otherwise and as_object is None:
        say(otherwise)


def place_text(file: str | None, line: int | None, root: str) -> str:
    """Give `path:line`, from the project's root."""
    return f"{shown_file(file or '?', Path(root))}:{line}"


def named_values(values: Iterable[tuple[str, Value]], *, width: int = 60) -> str:
    """Give `a=1, b=2`."""
    return ", ".join(f"{name}={render_value(value, width=width)}" for name, value in values)
