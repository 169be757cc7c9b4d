"""What figures of recovery rates share: a page whose text wraps, diverging colors, and the bar that explains them."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.numbers import number_text
from graphs.figures.canvas import INK, LARGE, LINE, MARGIN, NORMAL, PAPER, draw_text
from graphs.recovery_table import RECOVERY_RATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 300
UNMEASURED = "#d4d4d4"
BAR_HEIGHT = 0.3  # inches, with the numbers below

# ColorBrewer's RdBu, reversed: fit for print, and told apart with any color vision. The middle is 0.
_COLORS = ("#2166ac", "#67a9cf", "#d1e5f0", "#f7f7f7", "#fddbc7", "#ef8a62", "#b2182b")
_LIMITS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # at which colors may end, times a power of ten
_NEAR_ONE = 0.5  # from this largest |RR| on, colors end at 1 or later: figures of several runs then look alike

_TITLE_LINE = 0.19  # inches
_BAR_WIDTH, _BAR_THICKNESS = 2.2, 0.1
_OF_A_LETTER = 0.55  # a letter's width in its size, about
_SLACK = 1.03  # text may be drawn a little wider than its outlines are
_MINUS = "\u2212"


class Page(NamedTuple):
    """Lines of text on a page: its title, where it came from, and the notes below the figure."""

    width: float
    title: list[str]
    above: list[str]
    below: list[str]

    @classmethod
    def of(cls, width: float, *, title: str, subtitle: str, below: Iterable[str]) -> Page:
        """Text wrapped to a page of `width` inches."""
        room = width - 2 * MARGIN
        lines = [part for text in below for part in wrapped(text, room)]
        return cls(width, wrapped(title, room, size=LARGE, weight="bold"), wrapped(subtitle, room), lines)

    @property
    def over(self) -> float:
        """Inches from the top of the page to the figure."""
        return MARGIN + _TITLE_LINE * len(self.title) + LINE * len(self.above) + 0.1

    @property
    def under(self) -> float:
        """Inches from the bottom of the page to the figure."""
        return MARGIN + LINE * len(self.below) + 0.08

    def figure(self, height: float) -> tuple[Figure, Axes]:
        """A figure with this text, and axes over all of it in inches. `height` is that of the page."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width, height), facecolor=PAPER)
        # As one picture, neighboring images would have transparent stripes between them, with visible edges.
        figure.suppressComposite = True
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        top = height - MARGIN
        for number, line in enumerate(self.title):
            draw_text(axes, MARGIN, top - 0.02 - _TITLE_LINE * number, line, size=LARGE, weight="bold", va="top")
        top -= _TITLE_LINE * len(self.title) + 0.03
        for number, line in enumerate(self.above):
            draw_text(axes, MARGIN, top - LINE * number, line, size=NORMAL, color="#4a4a4a", va="top")
        for number, line in enumerate(self.below, start=1):
            draw_text(axes, MARGIN, MARGIN + LINE * (len(self.below) - number), line, size=NORMAL)
        axes.set(xlim=(0, self.width), ylim=(0, height), aspect="auto")
        axes.axis("off")
        return figure, axes


@lru_cache(maxsize=4096)
def text_width(text: str, *, size: float = NORMAL, weight: str = "normal") -> float:
    """Inches that a line of text takes, at most."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    with warnings.catch_warnings():
        # Of characters that the font lacks, drawing warns.
        warnings.filterwarnings("ignore", "Glyph")
        points, _, _ = text_to_path.get_text_width_height_descent(text, font, False)
    return _SLACK * points / 72


def wrapped(text: str, width: float, *, size: float = NORMAL, weight: str = "normal") -> list[str]:
    """Lines of at most `width` inches, broken at spaces, and inside words that are longer than a line: behind a
    hyphen where there is one."""

    def fits(line: str) -> bool:
        return text_width(line, size=size, weight=weight) <= width

    def in_a_line(words: Sequence[str]) -> int:
        """How many of the words the next line holds; 0 where the first is longer than a line."""
        least, most = 0, len(words)
        # To measure a line takes longer than to count its characters: begin where it should end.
        room = width / (_OF_A_LETTER * size / 72)
        ends = accumulate(len(word) + 1 for word in words)
        guess = sum(1 for _ in takewhile(lambda end: end <= room + 1, ends))
        while least < most:
            guess = min(max(guess, least + 1), most)
            if fits(" ".join(words[:guess])):
                least, guess = guess, guess + 1
            else:
                most, guess = guess - 1, guess - 1
        return least

    lines: list[str] = []
    words = text.split()
    while words:
        if n := in_a_line(words):
            lines.append(" ".join(words[:n]))
            words = words[n:]
        elif len(word := words[0]) == 1:
            lines.append(word)
            words = words[1:]
        else:
            end = max(1, bisect_left(range(len(word)), True, lo=1, key=lambda end: not fits(word[:end])) - 1)
            end = word.rfind("-", 1, end) + 1 or end
            lines.append(word[:end])
            words = [word[end:], *words[1:]]
    return lines


def color_limit(values: Iterable[Floats]) -> float:
    """The |RR| at which colors end, on both sides of 0: from the largest, and at least 1 where that comes near 1."""
    largest = round(largest_rate(values), 3)  # full restoration may come out a little above 1
    if largest == 0 or _NEAR_ONE <= largest <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    # A sum of floats may end just above a round number.
    return next((limit * power for limit in _LIMITS if limit * power >= largest * (1 - 1e-9)), 10 * power)


def largest_rate(values: Iterable[Floats]) -> float:
    """The largest |RR| that was measured; 0 where nothing was."""
    return max((float(np.abs(rates[~np.isnan(rates)]).max(initial=0)) for rates in values), default=0.0)


def recovery_colors(values: Floats, limit: float) -> Floats:
    """[...] recovery rates as [..., rgb], each 0 to 1. NaN is the gray of what was not measured."""
    palette = np.array([rgb(color) for color in _COLORS])
    levels = np.linspace(-limit, limit, len(palette))
    known = np.where(np.isnan(values), 0, values)
    colors = np.stack([np.interp(known, levels, channel) for channel in palette.T], axis=-1)
    return np.where(np.isnan(values)[..., None], rgb(UNMEASURED), colors)


def rgb(color: str) -> tuple[float, ...]:
    """`#ff0000` as (1, 0, 0)."""
    return tuple(int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))


def ink_on(color: Sequence[float] | Floats) -> str:
    """The color of text that is read on a background (red, green, blue from 0 to 1)."""
    red, green, blue = (float(part) for part in color[:3])
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else PAPER


def signed(value: float, decimals: int | None = None) -> str:
    """A number with a true minus sign: `−0.25`; never `−0.00`. Without `decimals`, in the shortest form (`:g`)."""
    return number_text(value, "g" if decimals is None else f".{decimals}f").replace("-", _MINUS)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `least`: between labeled numbers of an axis."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Numbers at equal distances as text, all with as many decimals as the distance has."""
    step = ticks[1] - ticks[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [signed(tick, decimals) for tick in ticks]


def limit_caption(values: Iterable[Floats], limit: float) -> str:
    """Where the colors end, and why."""
    return f"Colors end at {_MINUS}{limit:g} and {limit:g}; the largest |RR| is {largest_rate(values):z.2f}."


def draw_color_bar(
    axes: Axes, left: float, bottom: float, limit: float, *, name: str = RECOVERY_RATE, over: float | None = None
) -> None:
    """The bar from -limit to limit with its numbers, BAR_HEIGHT high; its name ends left of `left`, or pushes it right.

    over  a gray, 0 to 1, that shows through the colors as `overlaid` lets it; None for full colors
    """
    from matplotlib.patches import Rectangle

    left = max(left, MARGIN + text_width(name) + 0.1)
    base = bottom + BAR_HEIGHT - _BAR_THICKNESS
    colors = recovery_colors(np.linspace(-limit, limit, 256), limit)[None]
    if over is not None:
        colors = overlaid(np.full(colors.shape[:2], over), colors)
    extent = (left, left + _BAR_WIDTH, base, base + _BAR_THICKNESS)
    axes.imshow(colors, extent=extent, interpolation="nearest", aspect="auto", zorder=1)
    axes.add_patch(Rectangle((left, base), _BAR_WIDTH, _BAR_THICKNESS, fill=False, ec=INK, lw=0.5, zorder=2))
    middle = base + _BAR_THICKNESS / 2
    draw_text(axes, left - 0.1, middle, name, size=NORMAL, ha="right", va="center")
    for fraction in (-1, -0.5, 0, 0.5, 1):
        x = left + _BAR_WIDTH * (fraction + 1) / 2
        draw_line(axes, [x, x], [base, base - 0.03], color=INK, lw=0.5)
        draw_text(axes, x, base - 0.05, signed(fraction * limit), size=NORMAL, ha="center", va="top")


def draw_beyond(
    axes: Axes, corner: tuple[float, float], width: float, height: float, value: float, limit: float
) -> None:
    """A small triangle in the upper right corner of a cell whose value lies beyond the colors."""
    from matplotlib.patches import Polygon

    if abs(value) > limit:
        right, top, side = corner[0] + width - 0.02, corner[1] + height - 0.02, min(0.08, 0.3 * height)
        points = [(right, top), (right - side, top), (right, top - side)]
        axes.add_patch(Polygon(points, facecolor=PAPER, edgecolor=INK, lw=0.6, zorder=2))


def beyond_caption(values: Floats, limit: float) -> list[str]:
    """What a figure says of the corners, where it has any."""
    is_beyond = np.abs(np.nan_to_num(values)) > limit
    return [f"Colors end at {limit:g}; a white corner marks what lies beyond."] if is_beyond.any() else []


def overlaid(gray: Floats, colors: Floats) -> Floats:
    """[row, column] gray tones, 0 to 1, under [row, column, rgb] colors that let some of them through."""
    opacity, contrast = 0.62, 0.65  # darks are lifted, or they would pass for strong colors
    lifted = 1 - contrast * (1 - gray)
    return (1 - opacity) * lifted[..., None] + opacity * colors


def draw_line(axes: Axes, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
    """A line through points in inches."""
    from matplotlib.lines import Line2D

    axes.add_line(Line2D(x, y, **look))


def draw_upright(axes: Axes, x: float, y: float, text: str, *, size: float = NORMAL, color: str = INK) -> None:
    """Text that reads upwards, centered here."""
    axes.text(x, y, text, fontsize=size, color=color, rotation=90, ha="center", va="center", zorder=5, parse_math=False)


def layer_step(n_layers: int, pitch: float) -> int:
    """Steps between labeled layers, where layers are `pitch` inches apart: 1, 2, 4, 8, ..."""
    needed = text_width(str(n_layers - 1)) + 0.05
    return 2 ** max(0, math.ceil(math.log2(needed / pitch)))


def whole(inches: float) -> float:
    """Inches, rounded to a whole number of dots."""
    return round(inches * DPI) / DPI
