"""How well scores rank known heads first, over the values of one setting, in one figure for papers.

Numbers are placed to scale, on a logarithmic axis if they span more than a factor of ten; names stand side by side.
Everything is drawn in inches with fixed sizes, whatever matplotlib is set to: the same study gives the same bytes.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.quantities import QUANTITIES
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANCE = 0.5
OF_PROMPTS, OF_TRIALS = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion
_GRID = "#e3e3e3"
_LOG_FROM = 10  # largest value over smallest

_DPI = 300
_PLOT_WIDTH, _PLOT_HEIGHT = 3.9, 2.1  # inches, of the area in which points lie
_NAME_PITCH = 0.62  # between names at least
_LEFT, _INSET = 0.42, 0.3  # for labels of the left axis; from the frame to the outer points
_APART = 0.09  # between the two points of one value
_CAP, _DOT = 0.035, 4.2  # half a bar's end, inches; a dot, points
_TILT = math.radians(30)  # of names too long to stand side by side


class StudyPoint(NamedTuple):
    """Results at one value.

    auroc      of the mean scores; None where nothing could be ranked
    interval   its 95 % bootstrap interval over prompts; None where it is unbounded (one prompt), scores are drawn at
               random, or all prompts share them
    trials     mean, SD and number of random trials, each ranked alone; None where nothing is drawn
    n_drawn    how many prompts were drawn to find those that the model solves; None where all were kept
    """

    value: Any
    auroc: float | None
    interval: tuple[float, float] | None
    trials: tuple[float, float, int] | None
    n_prompts: int
    n_drawn: int | None = None


@dataclass(frozen=True)
class StudyCurve:
    """A study, as far as the figure shows it. Fields that are None differ between values.

    key    the setting that was varied
    truth  name of the known circuit
    """

    key: str
    points: tuple[StudyPoint, ...]
    task: str
    truth: str
    model: str | None
    method: str | None
    metric: str | None
    ablation: str | None

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError(f"the study of {self.key} has no points: give one for each value.")


def value_label(value: Any) -> str:
    """A value in words: `200`, `0.001`, `head, mlp`, `none`."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(value_label, value))
    return str(value)


def study_figure_bytes(curve: StudyCurve, kind: DrawingFormat) -> bytes:
    """The figure as a PDF, SVG or PNG file, at 300 dots an inch."""
    return figure_bytes(partial(draw_study, curve), kind, dpi=_DPI)


def draw_study(curve: StudyCurve) -> Figure:
    """The figure: AUROC over the values, with error bars, and chance as a line."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    page = _Page.of(curve)
    figure = Figure(figsize=(page.width, page.height), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, page.width), ylim=(0, page.height))
    axes.axis("off")
    page.draw_text(axes)
    page.draw_scales(axes, curve)
    series = list(_series(curve))
    # Two bars at the same x would hide each other.
    has_both = [all(bar is not None for bar in bars) for bars in zip(*(one.bars for one in series), strict=True)]
    for number, one in enumerate(series):
        shift = _APART * (number - (len(series) - 1) / 2)
        centers = [page.across(n) + shift * is_shifted for n, is_shifted in enumerate(has_both)]
        _draw_series(axes, page, one, centers)
    return figure


class _Series(NamedTuple):
    """Points of one kind; [value] center, lower and upper end of its bar, None where there is none."""

    color: str
    name: str
    is_hollow: bool
    bars: list[tuple[float, float, float] | None]

    @property
    def has_bars(self) -> bool:
        """Whether any point has a bar."""
        return any(bar is not None and bar[1] < bar[2] for bar in self.bars)


class _Scale(NamedTuple):
    """Where values are, in inches from the left of the plot; whether their order is that of numbers."""

    offsets: list[float]
    labels: list[str]
    width: float
    is_ordered: bool

    @classmethod
    def of(cls, values: Sequence[Any]) -> _Scale:
        """Numbers to scale; names at equal distances, in the order given."""
        labels = [value_label(value) for value in values]
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            width = max(_PLOT_WIDTH, _NAME_PITCH * len(values) + 2 * _INSET)
            pitch = (width - 2 * _INSET) / len(values)
            return cls([_INSET + pitch * (n + 0.5) for n in range(len(values))], labels, width, is_ordered=False)
        is_log = min(values) > 0 and max(values) > _LOG_FROM * min(values)
        along = [math.log(value) if is_log else float(value) for value in values]
        low, span = min(along), max(along) - min(along)
        fractions = [(value - low) / span if span else 0.5 for value in along]
        room = _PLOT_WIDTH - 2 * _INSET
        return cls([_INSET + room * fraction for fraction in fractions], labels, _PLOT_WIDTH, is_ordered=True)

    @property
    def is_tilted(self) -> bool:
        """Whether names are too long to stand side by side."""
        pitch = self.width / len(self.offsets)
        return not self.is_ordered and any(CHARACTER * len(label) > pitch for label in self.labels)

    @property
    def height(self) -> float:
        """Inches below the axis that the labels take."""
        longest = 0.85 * CHARACTER * max(map(len, self.labels))
        return 0.1 + LINE + (longest * math.sin(_TILT) if self.is_tilted else 0)


class _Page(NamedTuple):
    """The page: its size, the lines of text above and below the plot, and where the plot is, in inches."""

    width: float
    height: float
    title: str
    above: list[str]
    below: list[str]
    legend: list[_Series]
    scale: _Scale
    corner: tuple[float, float]
    lowest: float

    @classmethod
    def of(cls, curve: StudyCurve) -> _Page:
        """The page that a study needs."""
        scale, series = _Scale.of([point.value for point in curve.points]), list(_series(curve))
        # The first tilted name reaches out to the left of its point.
        reach = max((CHARACTER * len(scale.labels[0]) * math.cos(_TILT) - scale.offsets[0]) * scale.is_tilted, 0)
        left = MARGIN + max(_LEFT, reach)
        width = _whole(left + scale.width + MARGIN)
        characters = int((width - 2 * MARGIN) / CHARACTER)
        above = textwrap.wrap(_subtitle(curve), characters)
        below = [part for line in _caption(curve) for part in textwrap.wrap(line, characters)]
        under = _whole(MARGIN + LINE * (len(below) + 1.15 * len(series) + 1.5) + scale.height)
        over = MARGIN + 0.22 + LINE * len(above) + 0.12
        ends = [end for one in series for bar in one.bars if bar is not None for end in bar]
        lowest = math.floor(10 * min([*ends, CHANCE - 0.001])) / 10
        height = _whole(under + _PLOT_HEIGHT + over)
        title = f"{curve.task}: ranking of known heads, {_named(curve.key)} varied"
        return cls(width, height, title, above, below, series, scale, (left, under), max(lowest, 0.0))

    def across(self, number: int) -> float:
        """x of a value, by its number."""
        return self.corner[0] + self.scale.offsets[number]

    def level(self, auroc: float) -> float:
        """y of an AUROC."""
        return self.corner[1] + _PLOT_HEIGHT * (auroc - self.lowest) / (1 - self.lowest)

    def draw_text(self, axes: Axes) -> None:
        """Title, where it came from, legend and caption."""
        top = self.height - MARGIN
        draw_text(axes, MARGIN, top - 0.02, self.title, size=LARGE, weight="bold", va="top")
        for number, line in enumerate(self.above):
            draw_text(axes, MARGIN, top - 0.22 - LINE * number, line, size=NORMAL, color="#4a4a4a", va="top")
        for number, line in enumerate(reversed(self.below)):
            draw_text(axes, MARGIN, MARGIN + LINE * number, line, size=NORMAL)
        base = MARGIN + LINE * len(self.below) + 0.08
        for number, one in enumerate(reversed(self.legend)):
            y = base + 1.15 * LINE * number
            half = 0.06 * one.has_bars
            _draw_bar(axes, MARGIN + 0.06, (y + 0.04, y + 0.04 - half, y + 0.04 + half), one)
            draw_text(axes, MARGIN + 0.2, y, one.name, size=NORMAL)

    def draw_scales(self, axes: Axes, curve: StudyCurve) -> None:
        """Grid, chance, the labels of both axes and what they show."""
        from matplotlib.lines import Line2D

        (left, bottom), right = self.corner, self.corner[0] + self.scale.width
        lowest = round(10 * self.lowest)
        for tenth in range(lowest, 11):
            y, color = self.level(tenth / 10), INK if tenth == lowest else _GRID
            if tenth != round(10 * CHANCE):
                axes.add_line(Line2D([left, right], [y, y], color=color, lw=0.6, zorder=0))
            draw_text(axes, left - 0.06, y, f"{tenth / 10:.1f}", size=NORMAL, ha="right", va="center")
        y = self.level(CHANCE)
        axes.add_line(Line2D([left, right], [y, y], color=FAINT, lw=0.9, ls=(0, (4, 2)), zorder=1))
        draw_text(axes, right - 0.03, y + 0.03, "chance", size=SMALL, color=FAINT, ha="right")
        _draw_upright(axes, MARGIN + 0.04, bottom + _PLOT_HEIGHT / 2, QUANTITIES["auroc_heads"].heading)
        for number in range(len(self.scale.offsets)):
            x = self.across(number)
            axes.add_line(Line2D([x, x], [bottom, bottom - 0.04], color=INK, lw=0.6))
        for number in _apart(self.scale):
            label, x = self.scale.labels[number], self.across(number)
            if self.scale.is_tilted:
                _draw_tilted(axes, x + 0.05, bottom - 0.08, label)
            else:
                draw_text(axes, x, bottom - 0.08, label, size=NORMAL, ha="center", va="top")
        middle = left + self.scale.width / 2
        draw_text(
            axes, middle, bottom - self.scale.height - 0.02, _named(curve.key), size=NORMAL, ha="center", va="top"
        )


def _series(curve: StudyCurve) -> Iterator[_Series]:
    """The mean scores of all prompts and trials; and, where trials are drawn, what one of them alone gives."""

    def of_prompts(point: StudyPoint) -> tuple[float, float, float] | None:
        if point.auroc is None:
            return None
        low, high = point.interval or (point.auroc, point.auroc)
        return point.auroc, low, high

    def of_trials(point: StudyPoint) -> tuple[float, float, float] | None:
        if point.trials is None:
            return None
        mean, sd, _ = point.trials
        return mean, mean - sd, mean + sd

    has_trials = any(point.trials is not None for point in curve.points)
    has_intervals = any(point.interval is not None for point in curve.points)
    name = "ranked by mean score" + (" of all trials" if has_trials and not has_intervals else "")
    name += ", 95 % bootstrap interval over prompts" if has_intervals else ""
    name += " (not of trials)" if has_trials and has_intervals else ""
    yield _Series(OF_PROMPTS, name, False, [of_prompts(point) for point in curve.points])
    if has_trials:
        counts = sorted({point.trials[2] for point in curve.points if point.trials is not None})
        n_trials = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        name = f"ranked by the scores of one trial: mean and SD of {n_trials} trials"
        yield _Series(OF_TRIALS, name, True, [of_trials(point) for point in curve.points])


def _draw_series(axes: Axes, page: _Page, series: _Series, centers: Sequence[float]) -> None:
    """Points with their bars, and a line from each to the next where values are numbers."""
    from matplotlib.lines import Line2D

    bars = [(x, bar) for x, bar in zip(centers, series.bars, strict=True) if bar is not None]
    if page.scale.is_ordered:
        along = sorted((x, page.level(bar[0])) for x, bar in bars)
        xs, ys = [x for x, _ in along], [y for _, y in along]
        axes.add_line(Line2D(xs, ys, color=series.color, lw=0.9, alpha=0.55, zorder=2))
    for x, (center, low, high) in bars:
        _draw_bar(axes, x, (page.level(center), page.level(max(low, page.lowest)), page.level(min(high, 1))), series)


def _draw_bar(axes: Axes, x: float, levels: tuple[float, float, float], series: _Series) -> None:
    """A point and its bar, at levels in inches: center, lower and upper end."""
    from matplotlib.lines import Line2D

    center, low, high = levels
    if high > low:
        axes.add_line(Line2D([x, x], [low, high], color=series.color, lw=1.0, zorder=3))
        for end in (low, high):
            axes.add_line(Line2D([x - _CAP, x + _CAP], [end, end], color=series.color, lw=1.0, zorder=3))
    fill = PAPER if series.is_hollow else series.color
    dot = {"marker": "o", "ms": _DOT, "mfc": fill, "mec": series.color, "mew": 1.0}
    axes.add_line(Line2D([x], [center], ls="none", zorder=4, **dot))


def _subtitle(curve: StudyCurve) -> str:
    """`model reference · method eap · metric logit-difference`, as far as all values have it in common."""
    named = {"model": curve.model, "method": curve.method, "metric": curve.metric}
    parts = [f"{name} {value}" for name, value in named.items() if value is not None]
    if curve.ablation not in (None, "corrupt"):
        parts.append(f"ablation {curve.ablation.partition('(')[0]}")
    return " · ".join(parts)


def _caption(curve: StudyCurve) -> Iterator[str]:
    counts = sorted({point.n_prompts for point in curve.points})
    n_prompts = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    yield (
        f"{n_prompts} prompts. Known circuit: {curve.truth}. AUROC: probability that one of its heads is ranked before "
        "another head; 0.5 is chance."
    )
    if solved := [point for point in curve.points if point.n_drawn is not None]:
        shares = [1 - point.n_prompts / (point.n_drawn or 1) for point in solved]
        ends = dict.fromkeys(f"{share:.1%}" for share in (min(shares), max(shares)))
        yield f"Solved prompts alone: {' to '.join(ends)} of those drawn were dropped."
    if missing := [value_label(point.value) for point in curve.points if point.auroc is None]:
        yield f"Nothing to rank at {', '.join(missing)}."


def _apart(scale: _Scale) -> Iterator[int]:
    """Numbers of the values whose labels do not run into the previous label."""
    if not scale.is_ordered:
        yield from range(len(scale.offsets))
        return
    end = -math.inf
    for number in sorted(range(len(scale.offsets)), key=lambda number: scale.offsets[number]):
        half = CHARACTER * (len(scale.labels[number]) + 0.5) / 2
        if scale.offsets[number] - half >= end:
            yield number
            end = scale.offsets[number] + half


def _named(key: str) -> str:
    return key.replace("_", " ")


def _draw_upright(axes: Axes, x: float, y: float, text: str) -> None:
    axes.text(x, y, text, fontsize=NORMAL, color=INK, rotation=90, ha="center", va="center", parse_math=False)


def _draw_tilted(axes: Axes, x: float, y: float, text: str) -> None:
    """Text that rises to the right and ends here."""
    axes.text(
        x,
        y - 0.03,
        text,
        fontsize=NORMAL,
        color=INK,
        rotation=math.degrees(_TILT),
        rotation_mode="anchor",
        ha="right",
        va="center",
        parse_math=False,
    )


def _whole(inches: float) -> float:
    """Inches, rounded to a whole number of dots."""
    return round(inches * _DPI) / _DPI
