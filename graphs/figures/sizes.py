"""How large a figure is on paper: presets for a column, a page and a slide, or a width and a height in inches.

A figure is as wide as asked, and never taller. No text in it is smaller than 6 points.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from numbers import Real

from circuits.lookup import unknown

LEAST_TEXT = 6.0  # points: what is still read in print
_LEAST, _MOST = 1.5, 60.0  # inches
_LARGEST_TEXT = 36.0  # points
_BY = re.compile(r"([0-9]*\.?[0-9]+)\s*[x×]\s*([0-9]*\.?[0-9]+)")


@dataclass(frozen=True)
class Size:
    """Width and greatest height in inches, and the size of plain text in points.

    ValueError for what is no size of a figure that can be read.
    """

    width: float
    height: float
    font: float = 7.0

    def __post_init__(self) -> None:
        for name, inches in (("wide", self.width), ("tall", self.height)):
            if not _LEAST <= inches <= _MOST:
                raise ValueError(f"a figure {inches:g} inches {name}: it takes {_LEAST:g} to {_MOST:g} inches.")
        if not LEAST_TEXT <= self.font <= _LARGEST_TEXT:
            raise ValueError(
                f"font: text of {self.font:g} points; figures have {LEAST_TEXT:g} to {_LARGEST_TEXT:g}; smaller text "
                "is not read in print."
            )

    @property
    def small(self) -> float:
        """Points of labels in boxes and at axes."""
        return max(LEAST_TEXT, 0.86 * self.font)

    @property
    def large(self) -> float:
        """Points of titles."""
        return 1.2 * self.font

    @property
    def line(self) -> float:
        """Inches from one line of plain text to the next."""
        return 1.42 * self.font / 72

    @property
    def margin(self) -> float:
        """Inches around everything."""
        return min(0.18, 0.025 * self.width)


SIZES: dict[str, Size] = {
    "column": Size(3.35, 4.6, font=6.5),
    "page": Size(6.9, 8.4, font=7.0),
    "slide": Size(10.0, 5.6, font=10.0),
}
"""A column of a two-column paper, its whole width with room for a caption, and a wide slide."""


def size_from(text: str, *, font: float | None = None) -> Size:
    """The size called `column`, `page` or `slide`, or written as `WIDTHxHEIGHT` in inches, with text of `font` points.

    ValueError, naming the presets, for anything else.

    >>> size_from("6.5x4", font=8)
    Size(width=6.5, height=4.0, font=8)
    """
    if not isinstance(text, str) or not isinstance(font, Real | None):
        said = f"size {text!r}" if not isinstance(text, str) else f"font {font!r}"
        raise ValueError(f"{said}: give a size such as 'page' or '5.5x4', and the points of its text, such as 7.")
    asked = text.strip().lower()
    if asked in SIZES:
        size = SIZES[asked]
    elif match := _BY.fullmatch(asked):
        size = Size(float(match[1]), float(match[2]))
    else:
        raise ValueError(f"{unknown(text, SIZES, 'size')} Or give WIDTHxHEIGHT in inches, such as 5.5x4.")
    if font is None:
        return size
    if not math.isfinite(font):
        raise ValueError(f"font: text of {font:g} points; give a number of points, such as 7.")
    return replace(size, font=font)
