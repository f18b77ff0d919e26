"""Renders figures as Markdown, and puts a section into a document between its marks."""

from collections.abc import Iterable, Sequence

ABSENT = "-"
_NEGLIGIBLE = 0.06


class MarkError(Exception):
    """The document has no place for a section."""


def render(columns: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Make a table; all but the first `texts` columns are numbers."""
    lines = [
        f"| {' | '.join(columns)} |",
        "|" + "---|" * texts + "--:|" * (len(columns) - texts),
    ]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(row)} cells in a row of {len(columns)} columns: {row}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def number(value: float | None) -> str:
    """Give three significant digits, and no more than two decimals."""
    if value is None:
        return ABSENT
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(total: float | None, running: float | None) -> str:
    """Give the ratio with everything and, where it differs, that of the run alone in brackets."""
    if total is None:
        return ABSENT
    if running is None or abs(total - running) <= _NEGLIGIBLE * total:
        return number(total)
    return f"{number(total)} ({number(running)})"


def megabytes(size_bytes: float | None) -> str:
    return ABSENT if size_bytes is None else f"{size_bytes / 1e6:,.0f}"


def span(values: Iterable[float]) -> str:
    """Give one value or the smallest and the largest."""
    different = sorted(set(values))
    if not different:
        return ABSENT
    ends = [f"{value:g}" for value in (different[0], different[-1])]
    return ends[0] if len(different) == 1 else f"{ends[0]} to {ends[1]}"


def listed(problems: Iterable[tuple[str, str]]) -> str:
    """Say what did not work, once for each reason of a tool."""
    lines = dict.fromkeys(f"- {tool}: {reason}" for tool, reason in problems)
    return "\n".join(("Not measured:", "", *lines)) + "\n" if lines else ""


def replace(document: str, section: str, text: str) -> str:
    """Put a text between the two marks of a section. Raises MarkError where they are missing."""
    first, last = f"<!-- bench: {section} -->\n", f"<!-- bench: end of {section} -->"
    start, end = document.find(first), document.find(last)
    if start < 0 or end < start:
        raise MarkError(
            f"the document has no section {section!r} between {first.strip()} marks"
        )
    return f"{document[: start + len(first)]}\n{text.strip()}\n\n{document[end:]}"
