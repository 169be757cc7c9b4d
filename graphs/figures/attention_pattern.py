"""Attention patterns of heads: tokens, or roles of tokens, from above to the left, each row with what it attends to.

One square for each head, on one scale from 0 to 1. Tokens stay readable: cells do not shrink below a line of text, and
a page that would get too large is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Floats
from graphs.figures.canvas import FAINT, INK, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, UNMEASURED, Page, rgb, text_width, whole, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches: the side of a cell at most, where there are several heads in a row at least, and at all: a line of SMALL text.
_CELL, _EASY, _SMALLEST = 0.24, 0.13, 0.105
_WIDTH = 7.6  # of the page, at most
MOST_TOKENS = 56  # that fit into it
_GAP, _LINE = 0.3, 0.14
_FULL = "#08519c"  # all attention; ColorBrewer's Blues
_SHADES = ("#ffffff", "#deebf7", "#9ecae1", "#4292c6", _FULL)


@dataclass(frozen=True)
class HeadPattern:
    """One head.

    weights  [query, key] shares of attention; NaN where there is none to be had
    note     such as its role; may be empty
    """

    head: str
    weights: Floats
    note: str = ""


@dataclass(frozen=True)
class AttentionPatterns:
    """What the figure shows.

    queries, keys  names of rows and columns: tokens, or roles
    marked         numbers of rows whose names are set bold, such as where the answer is read
    """

    patterns: tuple[HeadPattern, ...]
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    title: str
    subtitle: str
    caption: str
    marked: tuple[int, ...] = ()


def attention_figure_bytes(shown: AttentionPatterns, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file. ValueError for more tokens than can be read on a page."""
    return figure_bytes(partial(draw_attention, shown), kind, dpi=DPI)


def draw_attention(shown: AttentionPatterns) -> Figure:
    """Heads from left to right, in rows."""
    n_keys, n_queries = len(shown.keys), len(shown.queries)
    if n_keys > MOST_TOKENS:
        raise ValueError(
            f"{n_keys} tokens cannot be read on one page, which holds {MOST_TOKENS}. Draw a shorter prompt, or "
            "averages by role."
        )
    beside = max(map(text_width, shown.queries)) + 0.08
    across, cell = _fitted(n_keys, len(shown.patterns), beside)
    over = max(text_width(key, size=SMALL) for key in shown.keys) + 0.08
    wide, high = cell * n_keys, cell * n_queries
    titles = [wrapped(_title(pattern), max(wide, 1.0)) for pattern in shown.patterns]
    pitch = max(wide, 1.0) + beside + _GAP
    width = whole(max(2 * MARGIN + pitch * across - _GAP, 4.2))
    page = Page.of(width, title=shown.title, subtitle=shown.subtitle, below=[shown.caption])
    above = _LINE * max(map(len, titles)) + over + 0.06
    each = above + high + _GAP
    rows = math.ceil(len(shown.patterns) / across)
    height = whole(page.over + each * rows + page.under)
    figure, axes = page.figure(height)
    for number, (pattern, title) in enumerate(zip(shown.patterns, titles, strict=True)):
        row, column = divmod(number, across)
        left, top = MARGIN + pitch * column + beside, height - page.over - each * row - above
        for below, line in enumerate(reversed(title)):
            draw_text(axes, left, top + over + 0.04 + _LINE * below, line, size=NORMAL, weight="bold")
        _draw_pattern(axes, (left, top), pattern, shown, cell)
    return figure


def _fitted(n_keys: int, n_heads: int, beside: float) -> tuple[int, float]:
    """How many heads stand beside each other, and the side of a cell: as many as leave room for text."""

    def side(across: int) -> float:
        room = _WIDTH - 2 * MARGIN + _GAP - across * (beside + _GAP)
        return room / (across * n_keys)

    across = next((n for n in range(n_heads, 1, -1) if side(n) >= _EASY), 1)
    return across, min(_CELL, max(_SMALLEST, side(across)))


def _title(pattern: HeadPattern) -> str:
    return f"{pattern.head} ({pattern.note})" if pattern.note else pattern.head


def _draw_pattern(
    axes: Axes, corner: tuple[float, float], pattern: HeadPattern, shown: AttentionPatterns, cell: float
) -> None:
    """The cells, with the names of keys above and of queries to the left."""
    from matplotlib.patches import Rectangle

    left, top = corner
    colors = _shades(pattern.weights)
    for query, key in np.ndindex(pattern.weights.shape):
        at = (left + cell * key, top - cell * (query + 1))
        axes.add_patch(Rectangle(at, cell, cell, facecolor=tuple(colors[query, key]), edgecolor=PAPER, lw=0.3))
    n_queries, n_keys = pattern.weights.shape
    frame = ((left, top - cell * n_queries), cell * n_keys, cell * n_queries)
    axes.add_patch(Rectangle(*frame, fill=False, edgecolor=FAINT, lw=0.6, zorder=3))
    for query, name in enumerate(shown.queries):
        weight = "bold" if query in shown.marked else "normal"
        y = top - cell * (query + 0.5)
        draw_text(axes, left - 0.05, y, name, size=SMALL, ha="right", va="center", weight=weight)
    for key, name in enumerate(shown.keys):
        x = left + cell * (key + 0.5)
        upright = {"rotation": 90, "ha": "center", "va": "bottom", "parse_math": False}
        axes.text(x, top + 0.04, name, fontsize=SMALL, color=INK, **upright)


def _shades(weights: Floats) -> Floats:
    """[..., rgb] colors of shares from 0 to 1."""
    palette = np.array([rgb(shade) for shade in _SHADES])
    known = np.clip(np.nan_to_num(weights), 0, 1)
    levels = np.linspace(0, 1, len(palette))
    colors = np.stack([np.interp(known, levels, channel) for channel in palette.T], axis=-1)
    return np.where(np.isnan(weights)[..., None], rgb(UNMEASURED), colors)
