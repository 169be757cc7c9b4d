"""Lines, boxes and markers of a layered drawing, all of a kind drawn at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.arrays import Floats
from circuits.components import Port
from graphs.figures.canvas import INK, PAPER
from graphs.figures.layered.looks import BoxLook, Dashes, LineLook
from graphs.figures.palette import PALE_GRAY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

LINE_STYLES: Mapping[Dashes, Any] = {
    "solid": "solid",
    "dashed": (0, (3, 1.6)),
    "dotted": (0, (1, 1.2)),
    "dashdot": (0, (5, 1.4, 1, 1.4)),
}
MARKER = 0.026  # inches: half the width of a marker
PORT_FILLS: Mapping[Port, str] = {"q": INK, "k": PAPER, "v": PALE_GRAY}
CORNERS: Mapping[Port, Sequence[tuple[float, float]]] = {
    "k": ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    "v": ((0, 1.2), (-1.1, -0.9), (1.1, -0.9)),
}


def draw_lines(axes: Axes, paths: Sequence[Path], looks: Sequence[LineLook], *, scale: float = 1.0) -> None:
    """All lines, weakest first, so that strong ones lie on top. `scale` makes all of them thinner."""
    from matplotlib.collections import PathCollection

    order = sorted(range(len(paths)), key=lambda number: looks[number].strength)
    axes.add_collection(
        PathCollection(
            [paths[number] for number in order],
            facecolors="none",
            edgecolors=[looks[number].paled for number in order],
            linewidths=[scale * looks[number].width for number in order],
            linestyles=[LINE_STYLES[looks[number].dashes] for number in order],
            capstyle="butt",
            zorder=2,
        ),
        autolim=False,
    )


def draw_boxes(axes: Axes, corners: Sequence[tuple[float, float, float, float]], looks: Sequence[BoxLook],
               rounded: Sequence[bool]) -> None:  # fmt: skip
    """Boxes at (left, bottom, width, height)."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch

    boxes = [
        FancyBboxPatch(
            (left, bottom),
            width,
            height,
            boxstyle=f"round,pad=0,rounding_size={0.4 * min(width, height) if is_round else 0.012}",
            fc=look.fill,
            ec=look.frame,
            lw=look.frame_width,
            ls=LINE_STYLES[look.dashes],
        )
        for (left, bottom, width, height), look, is_round in zip(corners, looks, rounded, strict=True)
    ]
    axes.add_collection(PatchCollection(boxes, match_original=True, zorder=3), autolim=False)


def port_path(port: Port, x: float, y: float) -> Path:
    """The marker of an input, centered here: a disk for queries, a square for keys, a triangle for values."""
    from matplotlib.path import Path

    if port == "q":
        return Path.circle((x, y), MARKER)
    corners = np.array([*CORNERS[port], CORNERS[port][0]])
    return Path(np.array([x, y]) + MARKER * corners, closed=True)


def draw_ports(axes: Axes, paths: Sequence[Path], ports: Sequence[Port]) -> None:
    from matplotlib.collections import PathCollection

    fills = [PORT_FILLS[port] for port in ports]
    markers = PathCollection(paths, facecolors=fills, edgecolors=INK, linewidths=0.5, zorder=4)
    axes.add_collection(markers, autolim=False)


def curve(points: Floats, *, is_right: bool) -> Path:
    """A smooth path through points [point, (across, along)] of rising `along`: it leaves and arrives along, and never
    swings beyond a point.

    Monotone cubic interpolation of across over along (harmonic-mean slopes, Fritsch and Butland 1984), as Bezier
    pieces.
    """
    from matplotlib.path import Path

    across, along = points.T
    gaps = np.diff(along)
    slopes = np.diff(across) / gaps
    before, after = slopes[:-1], slopes[1:]
    sums = before + after
    harmonic = np.divide(2 * before * after, sums, out=np.zeros_like(before), where=before * after > 0)
    tangents = np.concatenate([[0.0], harmonic, [0.0]])
    vertices = np.empty((3 * len(gaps) + 1, 2))
    vertices[::3] = points
    vertices[1::3] = points[:-1] + np.column_stack([tangents[:-1], np.ones(len(gaps))]) * gaps[:, None] / 3
    vertices[2::3] = points[1:] - np.column_stack([tangents[1:], np.ones(len(gaps))]) * gaps[:, None] / 3
    codes = [Path.MOVETO] + [Path.CURVE4] * (len(vertices) - 1)
    return Path(vertices[:, ::-1] if is_right else vertices, codes)
