"""Markdown: a table between pipes, as GitHub reads it, and what stands below it."""

from __future__ import annotations

from collections.abc import Iterator

from graphs.export.about import html_comment
from graphs.export.latex_text import NumberStyle
from graphs.export.markdown_text import escape
from pipelines.reporting.p_values import AT_MOST
from pipelines.reporting.paper.layout import Cell, Layout, lay_out, title_of
from pipelines.reporting.paper.registry import TABLE_FORMATS, TableFormat
from pipelines.reporting.paper.table import PaperTable


def write(table: PaperTable, style: NumberStyle, command: str | None) -> str:
    """The title, the table, and a paragraph for each note; the command is not written."""
    return "\n".join([*_lines(lay_out(table, style)), ""])


def _lines(layout: Layout) -> Iterator[str]:
    yield f"**{escape(layout.title)}.**"
    yield ""
    yield _row(escape(title_of(column)) for column in layout.columns)
    yield _row(
        "---:" if any(cell.is_number for cell in layout.cells(place)) else ":---"
        for place in range(len(layout.columns))
    )
    yield from (_row(map(_cell, line)) for line in layout.lines)
    for mark, text in layout.notes:
        yield ""
        yield f"{_raised(mark)}{_sentence(text)}"


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    text = cell.plain if cell.is_number or not cell.text else escape(cell.text)
    return (f"**{text}**" if cell.is_best else text) + _raised(cell.mark)


def _raised(mark: str) -> str:
    return f"<sup>{mark}</sup>" if mark else ""


def _sentence(text: str) -> str:
    return AT_MOST.join(map(escape, text.split(AT_MOST)))


MARKDOWN = TABLE_FORMATS.register(
    TableFormat("markdown", "a table between pipes, as GitHub reads it", write, html_comment)
)
