"""Figures at the size that was asked for: laid out in the room that it leaves, then scaled to it as a whole.

Figures are laid out in inches with text of a fixed size (`graphs.figures.canvas`). A figure that can be narrower or
lower is told the room it has, in the same inches. What still does not fit is made smaller, as long as it can be read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from graphs.figures.canvas import NORMAL, SMALL
from graphs.figures.page import DPI
from graphs.figures.sizes import LEAST_TEXT, Size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawing = Callable[["Size | None"], "Figure"]
"""A figure to be drawn at a size; None: as large as it is by itself."""

_SLACK = 1e-6


class Room(NamedTuple):
    """Inches that a figure may take, as it is laid out."""

    width: float
    height: float


def room_of(size: Size) -> Room:
    """The room, in whole dots, of a figure whose text is then scaled to that of `size`."""
    scale = _scale(size)
    return Room(*(math.floor(DPI * inches / scale) / DPI for inches in (size.width, size.height)))


def of_one_layout(draw: Callable[[Any], Figure], shown: Any) -> Drawing:
    """The drawing of a figure that is always laid out in the same way."""
    return lambda size: draw(shown) if size is None else fitted(draw(shown), size)


def in_its_room(draw: Callable[..., Figure], shown: Any) -> Drawing:
    """The drawing of a figure that is laid out in the `Room` that it is given."""
    return lambda size: draw(shown) if size is None else fitted(draw(shown, room_of(size)), size)


def fitted(figure: Figure, size: Size) -> Figure:
    """The figure, as wide as `size` and no taller, with all its text and lines scaled alike.

    It is changed in place. ValueError where text would be smaller than can be read, which says what size it needs.
    """
    from matplotlib.text import Text

    width, height = (float(inches) for inches in figure.get_size_inches())
    points = [float(text.get_fontsize()) for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    least = LEAST_TEXT / min(points, default=LEAST_TEXT)
    scale = min(max(_scale(size), least), size.width / width, size.height / height)
    if scale < least - _SLACK:
        raise ValueError(
            f"the figure does not fit into {size.width:g} x {size.height:g} inches: with text of {LEAST_TEXT:g} "
            f"points, the smallest that can be read, it takes {width * least:.1f} x {height * least:.1f}. Give a "
            "larger size, or show less."
        )
    _scale_artists(figure, scale)
    figure.set_size_inches(size.width, height * scale)
    for axes in figure.axes:
        # Axes over all of the page are in its inches: what is wider than the figure stays white.
        left, right = axes.get_xlim()
        axes.set_xlim(left, left + (right - left) * size.width / (width * scale))
    return figure


def _scale(size: Size) -> float:
    """From the text of the layout to that of a size."""
    return max(size.font / NORMAL, LEAST_TEXT / SMALL)


def _scale_artists(figure: Figure, scale: float) -> None:
    """Text, lines and markers, whose sizes are in points; places are in inches of the axes and scale by themselves."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    for artist in figure.findobj():
        of: Any = artist
        if isinstance(artist, Text):
            of.set_fontsize(of.get_fontsize() * scale)
        elif isinstance(artist, Line2D):
            of.set(linewidth=of.get_linewidth() * scale, markersize=of.get_markersize() * scale)
            of.set_markeredgewidth(of.get_markeredgewidth() * scale)
        elif isinstance(artist, Patch):
            of.set_linewidth(of.get_linewidth() * scale)
        elif isinstance(artist, Collection):
            of.set_linewidth([width * scale for width in of.get_linewidth()])
