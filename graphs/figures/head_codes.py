"""Codes of all heads on all prompts in one figure: positives above, negatives below, a column per head.

Codes that only positives show are colored; all others are gray, one tone per code. Sizes are whole numbers of dots, so
that every cell of the picture is as large as its neighbors. The same codes give the same bytes.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from graphs.circuit_graph import CircuitGraph
from graphs.figures.canvas import (
    CHARACTER,
    FAINT,
    INK,
    LARGE,
    LINE,
    MARGIN,
    NORMAL,
    PAPER,
    SMALL,
    DrawingFormat,
    draw_text,
    figure_bytes,
)
from graphs.figures.subtitle import subtitle_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Codes = NDArray[np.integer[Any]]

# Okabe and Ito's without black, then some of Tol's: told apart with any color vision, and from the grays.
CODE_COLORS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#882255", "#F0E442", "#332288", "#117733", "#999933", "#6A3D9A"),
)
_GRAYS = (0.80, 0.96)
_GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, are spread evenly however many there are

_DPI = 300
_GRID_WIDTH, _GRID_HEIGHT = 6.4, 6.6  # inches: what the cells share
_CELL_WIDTHS, _CELL_HEIGHTS = (2, 80), (1, 36)  # dots: smallest and largest
_LEAST_WIDTH, _LEAST_HEIGHT = 5.2, 1.2  # inches: room for the text around and beside the cells
_LEFT, _GAP = 0.52, 0.08  # for labels beside the rows; between positives and negatives
_MARK, _LABELS = 0.05, 0.32  # marks of the circuit's heads; labels below the columns
_LABEL_PITCH = 0.13  # labels closer than this would touch


@dataclass(frozen=True)
class CodeTable:
    """Codes of one trial.

    codes          [prompt, head] all positives, then all negatives; heads of layer 0 first
    positive_only  [positive, head] whether no negative shows the code
    trial          which trial it is
    is_shared      whether a number is the same code in every layer (one autoencoder), or a different one in each
    """

    codes: Codes
    positive_only: Bools
    trial: int
    is_shared: bool

    def __post_init__(self) -> None:
        n_prompts, n_heads = self.codes.shape
        n_positive = len(self.positive_only)
        if self.positive_only.shape[1] != n_heads or not 0 < n_positive < n_prompts:
            raise ValueError(
                f"codes [prompt, head] are {n_prompts} x {n_heads}, positive_only [positive, head] is "
                f"{' x '.join(map(str, self.positive_only.shape))}: give one row for each positive, fewer than prompts."
            )

    @property
    def sides(self) -> tuple[tuple[str, Codes, Bools], ...]:
        """Name, codes [prompt, head] and which of them are positive-only, of the positives and of the negatives."""
        n_positive = len(self.positive_only)
        positives, negatives = self.codes[:n_positive], self.codes[n_positive:]
        return (
            ("positives", positives, self.positive_only),
            ("negatives", negatives, np.zeros(negatives.shape, dtype=np.bool_)),
        )


def code_figure_bytes(table: CodeTable, graph: CircuitGraph, kind: DrawingFormat, *, name: str) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch.

    graph  the circuit that the codes led to: its heads are marked, and its provenance is the subtitle
    name   of the run
    """
    return figure_bytes(partial(draw_codes, table, graph, name=name), kind, dpi=_DPI)


def draw_codes(table: CodeTable, graph: CircuitGraph, *, name: str) -> Figure:
    """The figure: prompts x heads, colored by code. ValueError where the circuit's model has other heads."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_heads = graph.wiring.n_layers * graph.wiring.n_heads
    if table.codes.shape[1] != n_heads:
        raise ValueError(
            f"codes of {table.codes.shape[1]} heads, but the circuit's model has {n_heads}: give the codes of its run."
        )
    colors = _colors(table, graph.wiring.n_layers)
    page = _Page.of(table, graph, name, colors)
    figure = Figure(figsize=(page.width, page.height), facecolor=PAPER)
    # As one picture, the two sides would have a transparent stripe between them, whose edges viewers show.
    figure.suppressComposite = True
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    page.draw_text(axes)
    _draw_grid(axes, page.grid, table, colors)
    _draw_columns(axes, page.grid, graph)
    axes.set(xlim=(0, page.width), ylim=(0, page.height), aspect="auto")
    axes.axis("off")
    return figure


class _Colors(NamedTuple):
    """Number of each code's color.

    of_code  [layer, code] -1 where no positive-only code has that number
    ranked   the positive-only codes of each layer by how many cells show them, most first
    """

    of_code: NDArray[np.int64]
    ranked: tuple[NDArray[np.int64], ...]


class _Swatch(NamedTuple):
    """An entry of the legend."""

    color: str
    text: str

    @property
    def width(self) -> float:
        """Inches."""
        return 0.34 + CHARACTER * len(self.text)


class _Grid(NamedTuple):
    """Where the cells are, in inches.

    left, top       of the upper left cell
    cell            width and height of a cell
    n_rows          of positives and of negatives
    """

    left: float
    top: float
    cell: tuple[float, float]
    n_rows: tuple[int, int]
    n_columns: int

    @property
    def right(self) -> float:
        return self.left + self.cell[0] * self.n_columns

    @property
    def bottom(self) -> float:
        return self.spans[-1][0]

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """Bottom and top of the positives and of the negatives."""
        height = self.cell[1]
        middle = self.top - height * self.n_rows[0]
        return (middle, self.top), (middle - _GAP - height * self.n_rows[1], middle - _GAP)


class _Page(NamedTuple):
    """The page: its size, the lines of text above and below the cells, and the legend's rows."""

    width: float
    height: float
    title: str
    above: list[str]
    below: list[str]
    legend: list[list[_Swatch]]
    grid: _Grid

    @classmethod
    def of(cls, table: CodeTable, graph: CircuitGraph, name: str, colors: _Colors) -> _Page:
        """The page that a table needs."""
        n_rows, n_columns = tuple(len(codes) for _, codes, _ in table.sides), table.codes.shape[1]
        cell = (
            _dots(_GRID_WIDTH / n_columns, *_CELL_WIDTHS),
            max(_dots(_GRID_HEIGHT / sum(n_rows), *_CELL_HEIGHTS), _whole(_LEAST_HEIGHT / sum(n_rows))),
        )
        width = _whole(max(_LEAST_WIDTH, cell[0] * n_columns + _LEFT + 2 * MARGIN))
        characters = int((width - 2 * MARGIN) / CHARACTER)
        above = textwrap.wrap(subtitle_of(graph), characters, break_on_hyphens=False)
        below = [part for line in _caption(table, colors) for part in textwrap.wrap(line, characters)]
        rows = _rows(_legend(table, colors), width - 2 * MARGIN)
        over = _whole(MARGIN + 0.22 + LINE * len(above) + 0.06 + 2 * _MARK)
        under = _whole(MARGIN + LINE * (len(below) + 1.1 * len(rows)) + 0.08 + _LABELS)
        height = over + under + cell[1] * sum(n_rows) + _GAP
        grid = _Grid(_whole(MARGIN + _LEFT), height - over, cell, (n_rows[0], n_rows[1]), n_columns)
        return cls(width, height, f"{name}, trial {table.trial}", above, below, rows, grid)

    def draw_text(self, axes: Axes) -> None:
        """Title, where it came from, legend and caption."""
        from matplotlib.patches import Rectangle

        top = self.height - MARGIN
        draw_text(axes, MARGIN, top - 0.02, self.title, size=LARGE, weight="bold", va="top")
        for number, line in enumerate(self.above):
            draw_text(axes, MARGIN, top - 0.22 - LINE * number, line, size=NORMAL, color="#4a4a4a", va="top")
        for number, line in enumerate(reversed(self.below)):
            draw_text(axes, MARGIN, MARGIN + LINE * number, line, size=NORMAL)
        base = MARGIN + LINE * len(self.below) + 0.04
        for number, row in enumerate(reversed(self.legend)):
            x, y = MARGIN, base + 1.1 * LINE * number
            for swatch in row:
                axes.add_patch(Rectangle((x, y - 0.012), 0.13, 0.1, fc=swatch.color, lw=0))
                draw_text(axes, x + 0.18, y, swatch.text, size=NORMAL)
                x += swatch.width


def _draw_grid(axes: Axes, grid: _Grid, table: CodeTable, colors: _Colors) -> None:
    """The cells of both sides as pictures, and the labels beside them."""
    for (name, codes, only), (bottom, top) in zip(table.sides, grid.spans, strict=True):
        picture = _picture(codes, only, colors)
        extent = (grid.left, grid.right, bottom, top)
        axes.imshow(picture, extent=extent, interpolation="nearest", aspect="auto", zorder=1)
        middle = (bottom + top) / 2
        axes.text(
            MARGIN, middle, name, fontsize=NORMAL, color=INK, rotation=90, ha="left", va="center", parse_math=False
        )
        for number in _labeled(len(codes), grid.cell[1]):
            y = top - grid.cell[1] * (number + 0.5)
            draw_text(axes, grid.left - 0.05, y, str(number), size=SMALL, color=FAINT, ha="right", va="center")


def _draw_columns(axes: Axes, grid: _Grid, graph: CircuitGraph) -> None:
    """Lines between layers, marks over the circuit's heads, and the labels of layers and heads."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    wiring, width = graph.wiring, grid.cell[0]
    every = max(1, int(np.ceil(0.25 / (width * wiring.n_heads))))
    for layer in range(wiring.n_layers):
        x = grid.left + width * wiring.n_heads * layer
        if layer:
            axes.add_line(Line2D([x, x], [grid.bottom, grid.top], color=PAPER, lw=min(1.6, 22 * width), zorder=2))
        for number in _labeled(wiring.n_heads, width, is_followed=True):
            middle = x + width * (number + 0.5)
            draw_text(axes, middle, grid.bottom - 0.04, str(number), size=SMALL, color=FAINT, ha="center", va="top")
        if layer % every == 0:
            center = x + width * wiring.n_heads / 2
            draw_text(axes, center, grid.bottom - 0.17, f"L{layer}", size=NORMAL, ha="center", va="top")
    for part in graph.heads:
        number = (part.layer or 0) * wiring.n_heads + (part.index or 0)
        corner = (grid.left + width * (number + 0.1), grid.top + 0.03)
        axes.add_patch(Rectangle(corner, 0.8 * width, _MARK, fc=INK, lw=0))


def _colors(table: CodeTable, n_layers: int) -> _Colors:
    """Colors by how many cells show a code, over all layers or, where numbers are not shared, in each."""
    n_codes = int(table.codes.max()) + 1
    _, positives, only = table.sides[0]
    per_layer = zip(np.split(positives, n_layers, axis=1), np.split(only, n_layers, axis=1), strict=True)
    counts = np.stack([np.bincount(codes[shown], minlength=n_codes) for codes, shown in per_layer])
    if table.is_shared:
        counts = np.broadcast_to(counts.sum(axis=0), counts.shape)
    order = np.argsort(-counts, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1)
    ranked = tuple(row[: np.count_nonzero(count)] for row, count in zip(order, counts, strict=True))
    return _Colors(np.where(counts > 0, ranks % len(CODE_COLORS), -1), ranked)


def _picture(codes: Codes, only: Bools, colors: _Colors) -> NDArray[np.uint8]:
    """[prompt, head, rgb]"""
    palette = np.array([[int(color[start : start + 2], 16) for start in (1, 3, 5)] for color in CODE_COLORS])
    layers = np.repeat(np.arange(len(colors.of_code)), codes.shape[1] // len(colors.of_code))
    pixels = np.where(only[..., None], palette[colors.of_code[layers, codes]], _gray(codes)[..., None])
    return pixels.astype(np.uint8)


def _gray(codes: Codes) -> Floats:
    """The tone of each code, 0 to 255. That of code 0 is the lightest: it also stands for no active feature."""
    darkest, lightest = _GRAYS
    return 255 * (lightest - (lightest - darkest) * (codes * _GOLDEN % 1))


def _legend(table: CodeTable, colors: _Colors) -> list[_Swatch]:
    marks = [_Swatch(INK, "head of the circuit"), _Swatch("#d9d9d9", "other codes, one gray per code")]
    shown = colors.ranked[0][: len(CODE_COLORS)] if table.is_shared else ()
    codes = [_Swatch(color, f"code {code}") for color, code in zip(CODE_COLORS, shown, strict=False)]
    if not codes and table.positive_only.any():
        codes = [_Swatch(CODE_COLORS[0], "codes that only positives show, colored anew in each layer")]
    return [*codes, *marks]


def _caption(table: CodeTable, colors: _Colors) -> Iterator[str]:
    (_, positives, only), (_, negatives, _) = table.sides
    n_showing, n_heads = int(only.any(axis=0).sum()), only.shape[1]
    yield (
        f"{n_showing} of {n_heads} heads show codes that no negative shows; {len(positives):,} positives, "
        f"{len(negatives):,} negatives. Such codes are colored, the most frequent first."
    )
    largest = max(map(len, colors.ranked))
    if largest > len(CODE_COLORS):
        where = "" if table.is_shared else " in one layer"
        yield f"Colors repeat: there are {largest} such codes{where}, and {len(CODE_COLORS)} colors."


def _rows(swatches: Sequence[_Swatch], width: float) -> list[list[_Swatch]]:
    """Swatches broken into rows no wider than `width` inches."""
    rows: list[list[_Swatch]] = []
    room = 0.0
    for swatch in swatches:
        if not rows or swatch.width > room:
            rows.append([])
            room = width
        rows[-1].append(swatch)
        room -= swatch.width
    return rows


def _labeled(n: int, pitch: float, *, is_followed: bool = False) -> range:
    """Which of n rows or columns have a label, where they are `pitch` inches apart: every one, or every 2nd, 5th, ...

    is_followed  whether the first label of another sequence comes right after the last one
    """
    step = next(step for step in _steps() if step * pitch >= _LABEL_PITCH)
    if not is_followed:
        return range(0, n, step)
    return range(0, n - int(np.ceil(_LABEL_PITCH / pitch)) + 1, step)


def _steps() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, ..."""
    return (step * 10**power for power in itertools.count() for step in (1, 2, 5))


def _dots(inches: float, smallest: int, largest: int) -> float:
    """Inches, as a whole number of dots between two sizes."""
    return min(max(int(inches * _DPI), smallest), largest) / _DPI


def _whole(inches: float) -> float:
    """Inches, rounded to a whole number of dots."""
    return round(inches * _DPI) / _DPI
