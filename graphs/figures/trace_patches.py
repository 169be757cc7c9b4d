"""Recovery rates of an image's patches, laid over the image, for papers: one panel per map, on one color scale.

The first panel is the image as the model sees it. The same maps give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from graphs.figures.canvas import INK, LINE, MARGIN, NORMAL, PAPER, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import (
    BAR_HEIGHT,
    DPI,
    Page,
    color_limit,
    draw_color_bar,
    draw_line,
    limit_caption,
    overlaid,
    recovery_colors,
    whole,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Image = NDArray[np.uint8]

IMAGE_TITLE = "image"
_LEAST_WIDTH = 4.6  # inches: a page
_PANEL_WIDTH, _PANEL_HEIGHT = 1.62, 2.0  # inches at most
_LEAST_PANEL = 0.8  # width that a panel's title has to itself
_GAP = 0.12  # between panels
_MOST_COLUMNS = 4


@dataclass(frozen=True)
class PatchMaps:
    """Recovery rates of the patches of one image.

    image         [row, column, 3] as the model sees it
    values        [panel, patch row, patch column]; NaN where a patch was not measured
    panel_titles  of each panel: `hidden state, layer 3`
    title         name of the run
    outline       [patch row, patch column] patches of the object; None where it is not known
    subtitle      where it came from
    notes         lines below the figure
    """

    image: Image
    values: Floats
    panel_titles: tuple[str, ...]
    title: str
    outline: Bools | None = None
    subtitle: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.size == 0:
            raise ValueError(
                f"image is {_shape(self.image)} of {self.image.dtype}: give uint8 [row, column, 3], red, green, blue."
            )
        if self.values.ndim != 3 or self.values.size == 0 or len(self.values) != len(self.panel_titles):
            raise ValueError(
                f"values [panel, patch row, patch column] are {_shape(self.values)}: give a panel for each of "
                f"{len(self.panel_titles)} titles, at least one."
            )
        patches = self.values.shape[1:]
        if any(pixels < n for pixels, n in zip(self.image.shape, patches, strict=False)):
            raise ValueError(f"an image of {_shape(self.image)} cannot have {patches[0]} x {patches[1]} patches.")
        if np.isinf(self.values).any():
            raise ValueError("infinite recovery rates; leave out prompts without a gap, or give NaN.")
        if self.outline is not None and (self.outline.shape != patches or self.outline.dtype != np.bool_):
            raise ValueError(
                f"outline is {_shape(self.outline)} of {self.outline.dtype}: give bool {patches[0]} x {patches[1]}, "
                "one for each patch."
            )


def patch_figure_bytes(maps: PatchMaps, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_patches, maps), kind, dpi=DPI)


def draw_patches(maps: PatchMaps) -> Figure:
    """The image, then the image in gray under the recovery rates of each panel."""
    n_rows, n_columns = maps.image.shape[:2]
    scale = min(_PANEL_WIDTH / n_columns, _PANEL_HEIGHT / n_rows)
    panel_width, panel_height = whole(scale * n_columns), whole(scale * n_rows)
    limit, gray = color_limit([maps.values]), _gray(maps.image)
    pictures = [maps.image / 255, *(_overlay(gray, values, limit) for values in maps.values)]
    titles = [wrapped(title, max(panel_width, _LEAST_PANEL)) for title in (IMAGE_TITLE, *maps.panel_titles)]
    across = min(len(pictures), _MOST_COLUMNS)
    pitch = whole(max(panel_width, _LEAST_PANEL) + _GAP)
    width = whole(max(_LEAST_WIDTH, 2 * MARGIN + pitch * across - _GAP))
    page = Page.of(width, title=maps.title, subtitle=maps.subtitle, below=_caption(maps, limit))
    base = whole(page.under + BAR_HEIGHT + 0.14)
    over = LINE * max(map(len, titles)) + 0.1  # what a panel has above
    down = math.ceil(len(pictures) / across)
    figure, axes = page.figure(whole(base + down * (panel_height + over) + page.over))
    for number, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        row, column = divmod(number, across)
        left, bottom = MARGIN + pitch * column, base + (down - 1 - row) * (panel_height + over)
        extent = (left, left + panel_width, bottom, bottom + panel_height)
        axes.imshow(picture, extent=extent, interpolation="nearest", aspect="auto", zorder=1)
        for above, line in enumerate(reversed(title)):
            draw_text(axes, left, bottom + panel_height + 0.05 + LINE * above, line, size=NORMAL)
        if number:
            _draw_unmeasured(axes, maps.values[number - 1], extent)
        if maps.outline is not None:
            _draw_outline(axes, maps.outline, extent)
    draw_color_bar(axes, MARGIN, page.under, limit, over=float(gray.mean()))
    return figure


def _gray(image: Image) -> Floats:
    """[row, column] how light the image is, 0 to 1."""
    red, green, blue = np.moveaxis(image / 255, -1, 0)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _overlay(gray: Floats, values: Floats, limit: float) -> Floats:
    """[row, column, rgb] the image in gray under the colors of its patches, or bare where none was measured."""
    rows, columns = (np.arange(n) * parts // n for n, parts in zip(gray.shape, values.shape, strict=True))
    rates = values[rows[:, None], columns]
    return np.where(np.isnan(rates)[..., None], gray[..., None], overlaid(gray, recovery_colors(rates, limit)))


def _draw_outline(axes: Axes, outline: Bools, extent: tuple[float, float, float, float]) -> None:
    """A contour along the edges of patches, dark on light, so that it shows on any image."""
    from matplotlib.collections import LineCollection

    left, right, bottom, top = extent
    (n_rows, n_columns), framed = outline.shape, np.pad(outline, 1)
    width, height = (right - left) / n_columns, (top - bottom) / n_rows
    # An edge is where a patch and its neighbor, above or to the left, are not on the same side.
    below = np.argwhere(framed[1:, 1:-1] != framed[:-1, 1:-1]).tolist()
    beside = np.argwhere(framed[1:-1, 1:] != framed[1:-1, :-1]).tolist()
    edges = [((column, row), (column + 1, row)) for row, column in below]
    edges += [((column, row), (column, row + 1)) for row, column in beside]
    lines = [[(left + width * x, top - height * y) for x, y in edge] for edge in edges]
    for color, line_width, zorder in ((PAPER, 2.4, 2), (INK, 1.1, 3)):
        axes.add_collection(LineCollection(lines, colors=color, linewidths=line_width, capstyle="round", zorder=zorder))


def _draw_unmeasured(axes: Axes, values: Floats, extent: tuple[float, float, float, float]) -> None:
    """A dash on each patch that was not measured."""
    left, right, bottom, top = extent
    n_rows, n_columns = values.shape
    width, height = (right - left) / n_columns, (top - bottom) / n_rows
    for row, column in np.argwhere(np.isnan(values)).tolist():
        x, y = left + width * (column + 0.5), top - height * (row + 0.5)
        for color, line_width in ((PAPER, 1.6), (INK, 0.7)):
            draw_line(axes, [x - 0.25 * width, x + 0.25 * width], [y, y], color=color, lw=line_width)


def _caption(maps: PatchMaps, limit: float) -> Iterator[str]:
    text = "Recovery rate (RR): share of the gap between corrupt and clean run that restoring one patch closes. "
    text += limit_caption([maps.values], limit) + " Panels share the scale, shown here over the image's mean gray."
    if maps.outline is not None and maps.outline.any():
        text += " Outlined: patches of the object."
    if np.isnan(maps.values).any():
        text += " Plain gray with a dash: not measured."
    yield text
    yield from maps.notes


def _shape(array: NDArray[Any]) -> str:
    return " x ".join(map(str, array.shape)) or "a single number"
