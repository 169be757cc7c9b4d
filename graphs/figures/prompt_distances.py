"""How far apart the prompts of a run are, by the edges that matter in each: a square map, ordered by cluster."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from circuits.arrays import Floats
from graphs.figures.canvas import INK, MARGIN, NORMAL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, Page, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE = 3.2  # inches, of the map
_LABELS = 0.95
_CAPTION = (
    "Jaccard distance of the sets of edges that hold most of a prompt's score: white 0, black 1. Prompts are ordered "
    "by cluster, and lines separate clusters."
)


@dataclass(frozen=True)
class DistanceTable:
    """What the figure shows.

    distances  [prompt, prompt], from 0 to 1
    clusters   [prompt] number of its cluster
    subtitle   where the numbers come from
    """

    distances: Floats
    clusters: tuple[int, ...]
    subtitle: str


def distance_figure_bytes(table: DistanceTable, kind: DrawingFormat) -> bytes:
    """The map as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_distances, table), kind, dpi=DPI)


def draw_distances(table: DistanceTable) -> Figure:
    """One square per pair of prompts, and the size of each cluster beside it."""
    labels = np.array(table.clusters)
    order = np.argsort(labels, kind="stable")
    width = whole(MARGIN + _LABELS + _SIDE + MARGIN)
    page = Page.of(width, title="Distances between prompts", subtitle=table.subtitle, below=[_CAPTION])
    height = whole(page.under + _SIDE + page.over)
    figure, axes = page.figure(height)
    left, bottom = MARGIN + _LABELS, page.under
    extent = (left, left + _SIDE, bottom, bottom + _SIDE)
    limits = axes.get_xlim(), axes.get_ylim()
    shown = table.distances[np.ix_(order, order)]
    axes.imshow(shown, cmap="Greys", vmin=0, vmax=1, extent=extent, aspect="auto", interpolation="nearest", zorder=1)
    axes.set(xlim=limits[0], ylim=limits[1])
    stops = np.cumsum(np.bincount(labels)) / len(labels)
    for number, (start, stop) in enumerate(zip([0, *stops[:-1]], stops, strict=True)):
        middle = bottom + _SIDE * (1 - (start + stop) / 2)
        n = round((stop - start) * len(labels))
        draw_text(axes, left - 0.08, middle, f"{number}: {n} prompts", size=NORMAL, ha="right", va="center")
        if number:
            at = bottom + _SIDE * (1 - start)
            axes.plot([left, left + _SIDE], [at, at], color=INK, lw=0.8, zorder=2)
            axes.plot([left + _SIDE * start] * 2, [bottom, bottom + _SIDE], color=INK, lw=0.8, zorder=2)
    return figure
