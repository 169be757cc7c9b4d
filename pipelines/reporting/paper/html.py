"""HTML: a table with what stands below it, for a page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from graphs.export.latex_text import NumberStyle
from pipelines.reporting.paper.layout import Cell, Layout, lay_out, title_of
from pipelines.reporting.paper.registry import TABLE_FORMATS, TableFormat
from pipelines.reporting.paper.table import PaperTable


def write(table: PaperTable, style: NumberStyle, command: str | None) -> str:
    """A table element with its caption, and a paragraph of its notes; the command is not written."""
    return "\n".join([*_lines(lay_out(table, style)), ""])


def _lines(layout: Layout) -> Iterator[str]:
    is_of_numbers = [any(cell.is_number for cell in layout.cells(place)) for place in range(len(layout.columns))]
    yield "<table>"
    yield f"<caption>{escape(layout.title)}.</caption>"
    headings = zip(map(title_of, layout.columns), is_of_numbers, strict=True)
    yield f"<tr>{''.join(_element('th', escape(title), is_right) for title, is_right in headings)}</tr>"
    for line in layout.lines:
        cells = (_element("td", _cell(cell), is_right) for cell, is_right in zip(line, is_of_numbers, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table>"
    if layout.notes:
        yield f'<p class="notes">{"<br>".join(f"{_raised(mark)}{escape(text)}" for mark, text in layout.notes)}</p>'


def _element(name: str, content: str, is_right: bool) -> str:
    return f'<{name} class="number">{content}</{name}>' if is_right else f"<{name}>{content}</{name}>"


def _cell(cell: Cell) -> str:
    text = escape(cell.plain)
    return (f"<b>{text}</b>" if cell.is_best else text) + _raised(cell.mark)


def _raised(mark: str) -> str:
    return f"<sup>{mark}</sup>" if mark else ""


HTML = TABLE_FORMATS.register(TableFormat("html", "a table of a web page", write))
