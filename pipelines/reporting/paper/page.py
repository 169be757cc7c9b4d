"""What of a table fits on a page: its columns in parts one below the other, its lines in tables one behind the other.

Sizes are those of LaTeX's `\\small` in a document of 10 pt, estimated from the letters: a page has 16 cm.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pipelines.reporting.paper.layout import Cell, Layout, title_of

PAGE_PT = 450.0  # of 455
_TEXT_PT = (380.0, 300.0, 240.0, 190.0, 160.0, 128.0)  # widths of columns of words, which are broken into lines
GAP_PT = 8.0  # between two columns
_STEP_PT = 8.0
_LINES = 44
_SHORT_HEADING, _LONG_HEADING = 9, 14  # letters: few columns of numbers are wider
_SIZES = {  # pt of letters; others as wide as a digit
    **dict.fromkeys(".,:;'|!il[]", 2.6),
    **dict.fromkeys(" ()/jtf", 3.6),
    **dict.fromkeys("-mwABCDEFGHKNOPQRTUVXYZ%=<>+@", 7.2),
    **dict.fromkeys("MW", 9.0),
}
_LETTER = 4.8


def heading_lines(title: str, cells: Sequence[Cell]) -> list[str]:
    """A heading, in lines of a few letters, no wider than the cells where that can be."""
    widest = max((len(cell.plain) for cell in cells), default=0)
    return textwrap.wrap(title, min(max(widest, _SHORT_HEADING), _LONG_HEADING), break_long_words=False)


def width_of(text: str) -> float:
    """The width of a text, in pt."""
    return sum(_SIZES.get(letter, _LETTER) for letter in text)


def text_limit(layout: Layout) -> float:
    """The width that columns of words are limited to: the largest with which the table fits, else the least."""

    def fits(limit: float) -> bool:
        return sum(column_width(layout, column, limit) for column in range(len(layout.columns))) <= PAGE_PT

    return next((limit for limit in _TEXT_PT if fits(limit)), _TEXT_PT[-1])


def text_width(cells: Sequence[Cell], limit: float) -> float | None:
    """The width that a column of words is limited to; None where they are narrow enough, and of numbers."""
    if any(cell.is_number for cell in cells):
        return None
    return limit if max((width_of(cell.plain) for cell in cells), default=0.0) > limit else None


def column_width(layout: Layout, column: int, limit: float) -> float:
    """The width of a column of the table, with the gap behind it.

    limit  of columns of words
    """
    cells = layout.cells(column)
    widths = [width_of(line) for line in heading_lines(title_of(layout.columns[column]), cells)]
    if (limited := text_width(cells, limit)) is not None:
        return max(limited, *widths) + GAP_PT
    if any(cell.is_number for cell in cells):
        # Numbers are aligned at the point: each side takes what the widest takes there.
        sides = [cell.text.partition(".") for cell in cells]
        number = max(width_of(side[0]) for side in sides) + max(width_of("".join(side[1:])) for side in sides)
        number += max(width_of("<= ") if cell.is_bound else 0.0 for cell in cells)
        widths.append(number + max(width_of(cell.ends) for cell in cells))
    widths += [width_of(cell.text) for cell in cells]
    return max(widths, default=0.0) + max((width_of(cell.mark) for cell in cells), default=0.0) + GAP_PT


def parts_of(layout: Layout, text: float) -> list[list[int]]:
    """The numbers of the columns of each part, which all begin with those that name the rows.

    As few parts as fit, of much the same width.

    text  the limit of columns of words
    """
    widths = [column_width(layout, column, text) for column in range(len(layout.columns))]
    parts, limit = _divided(layout.n_labels, widths, PAGE_PT), PAGE_PT
    while len(parts) > 1 and limit > 0 and len(narrower := _divided(layout.n_labels, widths, limit)) == len(parts):
        parts, limit = narrower, limit - _STEP_PT
    return parts


def _divided(n_labels: int, widths: Sequence[float], limit: float) -> list[list[int]]:
    """Columns in parts no wider than a limit, but for one column that is."""
    names, first = list(range(n_labels)), sum(widths[:n_labels])
    parts, width = [list(names)], first
    for column in range(n_labels, len(widths)):
        if width + widths[column] > limit and len(parts[-1]) > n_labels:
            parts.append(list(names))
            width = first
        parts[-1].append(column)
        width += widths[column]
    return parts


def blocks_of(layout: Layout, text: float, n_parts: int) -> list[slice]:
    """The lines of each table, of so many parts, as many as a page has room for.

    text  the limit of columns of words
    """
    limits = [text_width(layout.cells(column), text) for column in range(len(layout.columns))]
    starts, used = [0], 0
    for number, line in enumerate(layout.lines):
        height = n_parts * max(
            (_n_lines(cell, limit) for cell, limit in zip(line, limits, strict=True) if limit is not None), default=1
        )
        if used + height > _LINES and number > starts[-1]:
            starts.append(number)
            used = 0
        used += height
    return list(_slices([*starts, len(layout.lines)]))


def _n_lines(cell: Cell, limit: float) -> int:
    return max(1, len(textwrap.wrap(cell.plain, int(limit / _LETTER))))


def _slices(ends: Sequence[int]) -> Iterator[slice]:
    return (slice(*pair) for pair in pairwise(ends))
