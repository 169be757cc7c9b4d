"""How much the strongest of two rankings overlap, at every size: a panel for each pair of tasks.

The curve is the intersection over union of the strongest of both; beside it what chance gives, and what two halves of
the prompts of one task give, each with the band in which 95 % of its draws lie, where these were measured. An overlap
says something only between the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphs.figures.canvas import INK, LINE, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, Page, draw_line, draw_upright, text_width, whole, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEN, CHANCE, CEILING = "#0072B2", "#8a8a8a", "#009E73"  # Okabe and Ito's, and gray
_PANEL = (1.75, 1.15)  # inches, of three in a row; of fewer, they are wider
_ACROSS, _GAP, _ABOVE, _BELOW = 3, 0.42, 0.26, 0.24
_GRID, _BAND = "#e3e3e3", 0.22
_KEY = 0.3


class Around(NamedTuple):
    """A mean and the band in which 95 % of its draws lie."""

    mean: float
    band: tuple[float, float] | None


class OverlapPoint(NamedTuple):
    """The overlap at one size, as a fraction of all; `ceiling` is None where it was not measured."""

    fraction: float
    iou: float
    chance: Around
    ceiling: Around | None


@dataclass(frozen=True)
class OverlapPanel:
    """Two tasks, with points from the smallest size on."""

    title: str
    points: tuple[OverlapPoint, ...]


@dataclass(frozen=True)
class OverlapCurves:
    """What the figure shows: `of` heads or edges."""

    of: str
    panels: tuple[OverlapPanel, ...]
    subtitle: str
    notes: tuple[str, ...] = ()


def overlap_curve_bytes(shown: OverlapCurves, kind: DrawingFormat) -> bytes:
    """The panels as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_overlap_curves, shown), kind, dpi=DPI)


def draw_overlap_curves(shown: OverlapCurves) -> Figure:
    """Panels from left to right, in rows of three."""
    width = whole(2 * MARGIN + 0.4 + _ACROSS * _PANEL[0] + (_ACROSS - 1) * _GAP)
    page = Page.of(
        width,
        title=f"Overlap of the strongest {shown.of}",
        subtitle=shown.subtitle,
        below=[_caption(shown), *shown.notes],
    )
    across = min(max(1, len(shown.panels)), _ACROSS)
    panel_width = (_ACROSS * _PANEL[0] + (_ACROSS - across) * _GAP) / across
    titles = [wrapped(panel.title, panel_width) for panel in shown.panels]
    above = _ABOVE + LINE * (max(map(len, titles), default=1) - 1)
    rows = math.ceil(len(shown.panels) / across)
    each = above + _PANEL[1] + _BELOW
    height = whole(page.over + 0.25 + rows * each + 0.22 + page.under)
    figure, axes = page.figure(height)
    _draw_key(axes, (MARGIN, height - page.over - 0.05), shown)
    for number, (panel, title) in enumerate(zip(shown.panels, titles, strict=True)):
        row, column = divmod(number, across)
        left = MARGIN + 0.4 + column * (panel_width + _GAP)
        bottom = height - page.over - 0.25 - row * each - above - _PANEL[1]
        for below, line in enumerate(reversed(title)):
            draw_text(axes, left, bottom + _PANEL[1] + 0.06 + LINE * below, line, size=NORMAL)
        _draw_panel(axes, (left, bottom), panel_width, panel)
        if column == 0:
            draw_upright(axes, left - 0.36, bottom + _PANEL[1] / 2, "IoU")
    middle = MARGIN + 0.4 + (across * panel_width + (across - 1) * _GAP) / 2
    draw_text(axes, middle, page.under + 0.05, f"share of all {shown.of} that is taken", size=NORMAL, ha="center")
    return figure


def _draw_panel(axes: Axes, corner: tuple[float, float], width: float, panel: OverlapPanel) -> None:
    (left, bottom), height = corner, _PANEL[1]
    fractions = [point.fraction for point in panel.points]
    low, high = math.log(min(fractions)), math.log(max(fractions))

    def x(fraction: float) -> float:
        return left + width * ((math.log(fraction) - low) / (high - low) if high > low else 0.5)

    def y(share: float) -> float:
        return bottom + height * share

    for share in (0, 0.5, 1):
        draw_line(axes, [left, left + width], [y(share)] * 2, color=_GRID, lw=0.6, zorder=0)
        draw_text(axes, left - 0.05, y(share), f"{share:g}", size=SMALL, ha="right", va="center")
    for fraction in fractions:
        draw_text(
            axes, x(fraction), bottom - 0.05, f"{fraction:.2g}".removeprefix("0"), size=SMALL, ha="center", va="top"
        )
    for name, color in (("chance", CHANCE), ("ceiling", CEILING)):
        at = [(x(point.fraction), around) for point in panel.points if (around := getattr(point, name)) is not None]
        if len(bands := [(place, around.band) for place, around in at if around.band is not None]) == len(at) and at:
            places = [place for place, _ in bands]
            axes.fill_between(
                places,
                [y(band[0]) for _, band in bands],
                [y(band[1]) for _, band in bands],
                color=color,
                alpha=_BAND,
                lw=0,
                zorder=1,
            )
        draw_line(axes, [place for place, _ in at], [y(around.mean) for _, around in at], color=color, lw=1.0, zorder=2)
    places, values = [x(point.fraction) for point in panel.points], [y(point.iou) for point in panel.points]
    draw_line(axes, places, values, color=SEEN, lw=1.4, marker="o", ms=3, mec=PAPER, mew=0.5, zorder=3)


def _draw_key(axes: Axes, corner: tuple[float, float], shown: OverlapCurves) -> None:
    """Which color is which; of what was measured."""
    x, y = corner
    has_ceiling = any(point.ceiling is not None for panel in shown.panels for point in panel.points)
    within = "layer" if shown.of != "edges" else "layer and port"
    entries = [(SEEN, "two tasks"), (CHANCE, f"by chance, as many in each {within}")]
    entries += [(CEILING, "two halves of one task")] if has_ceiling else []
    for color, name in entries:
        draw_line(axes, [x, x + _KEY], [y, y], color=color, lw=1.6)
        draw_text(axes, x + _KEY + 0.06, y, name, size=NORMAL, color=INK, va="center")
        x += _KEY + 0.26 + text_width(name)


def _caption(shown: OverlapCurves) -> str:
    points = [point for panel in shown.panels for point in panel.points]
    text = (
        f"Intersection over union of the strongest {shown.of} of both tasks, by |score|; the scale of sizes is "
        "logarithmic."
    )
    if all(point.chance.band is not None for point in points):
        text += " Bands: 95 % of draws."
    missing = [] if all(point.chance.band is not None for point in points) else ["the band of chance"]
    missing += [] if any(point.ceiling is not None for point in points) else ["the ceiling from two halves of one task"]
    return text + (f" Not measured: {' and '.join(missing)}." if missing else "")


def panels_of(titles: Iterable[str], curves: Sequence[tuple[OverlapPoint, ...]]) -> tuple[OverlapPanel, ...]:
    """A panel for each curve that has points."""
    return tuple(OverlapPanel(title, points) for title, points in zip(titles, curves, strict=True) if points)
