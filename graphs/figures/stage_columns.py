"""Staged searches side by side: the heads that every stage found, task by task, from the answer back.

Rows are stages, columns tasks. A head that the same stage found in every task is filled, one that another stage of
another task found too is framed in color: the same head, in another place of the search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from graphs.figures.canvas import INK, MARGIN, NORMAL, PAPER, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, Page, draw_line, text_width, whole, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CHIP = (0.46, 0.17)  # inches: a head
_ACROSS, _PITCH = 4, (0.5, 0.21)
_LINE, _ROW_GAP, _COLUMN_GAP = 0.14, 0.16, 0.3
_SHARED, _ELSEWHERE, _OTHER = "#0072B2", "#D55E00", "#8a8a8a"


@dataclass(frozen=True)
class StageColumns:
    """What the figure shows.

    stages  names, from the answer back
    tasks   task -> stage -> the heads that it found, strongest first; a stage that a search lacks is left out
    """

    stages: tuple[str, ...]
    tasks: Mapping[str, Mapping[str, Sequence[str]]]
    subtitle: str
    notes: tuple[str, ...] = ()


def stage_columns_bytes(shown: StageColumns, kind: DrawingFormat) -> bytes:
    """The table as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_stage_columns, shown), kind, dpi=DPI)


def draw_stage_columns(shown: StageColumns) -> Figure:
    """A column for each task."""
    left = MARGIN + max(text_width(stage) for stage in shown.stages) + 0.15
    each = _ACROSS * _PITCH[0] + _COLUMN_GAP
    width = whole(max(left + each * len(shown.tasks) - _COLUMN_GAP + MARGIN, 4.8))
    page = Page.of(width, title="Heads by stage", subtitle=shown.subtitle, below=[_caption(shown), *shown.notes])
    titles = [wrapped(name, each - _COLUMN_GAP) for name in shown.tasks]
    above = 0.1 + _LINE * max(map(len, titles))
    lines = [max(1, *(-(-len(of.get(stage, ())) // _ACROSS) for of in shown.tasks.values())) for stage in shown.stages]
    height = whole(page.over + above + sum(_PITCH[1] * n + _ROW_GAP for n in lines) + page.under)
    figure, axes = page.figure(height)
    top = height - page.over - above
    for number, title in enumerate(titles):
        for below, line in enumerate(reversed(title)):
            draw_text(axes, left + each * number, top + 0.06 + _LINE * below, line, size=NORMAL, weight="bold")
    for stage, n_lines in zip(shown.stages, lines, strict=True):
        draw_line(axes, [MARGIN, width - MARGIN], [top, top], color="#e3e3e3", lw=0.6, zorder=0)
        middle = top - _ROW_GAP / 2 - _PITCH[1] / 2
        draw_text(axes, MARGIN, middle, stage, size=NORMAL, va="center")
        for number, task in enumerate(shown.tasks):
            _draw_heads(axes, (left + each * number, top - _ROW_GAP / 2), shown, stage, task)
        top -= _PITCH[1] * n_lines + _ROW_GAP
    return figure


def _draw_heads(axes: Axes, corner: tuple[float, float], shown: StageColumns, stage: str, task: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, top = corner
    if stage not in shown.tasks[task]:
        draw_text(axes, left, top - _PITCH[1] / 2, "not searched", size=SMALL, color=_OTHER, va="center")
        return
    heads = shown.tasks[task][stage]
    if not heads:
        draw_text(axes, left, top - _PITCH[1] / 2, "none found", size=SMALL, color=_OTHER, va="center")
    for number, head in enumerate(heads):
        row, column = divmod(number, _ACROSS)
        x, y = left + _PITCH[0] * column, top - _PITCH[1] * row - _CHIP[1]
        edge = _color_of(shown, head, stage, task)
        is_shared = edge == _SHARED
        axes.add_patch(
            FancyBboxPatch(
                (x + 0.02, y + 0.02),
                _CHIP[0] - 0.04,
                _CHIP[1] - 0.04,
                boxstyle="round,pad=0.02,rounding_size=0.04",
                facecolor=_SHARED if is_shared else PAPER,
                edgecolor=edge,
                lw=0.9,
                zorder=2,
            )
        )
        ink, middle = PAPER if is_shared else INK, (x + _CHIP[0] / 2, y + _CHIP[1] / 2)
        draw_text(axes, *middle, head, size=SMALL, ha="center", va="center", color=ink)


def _color_of(shown: StageColumns, head: str, stage: str, task: str) -> str:
    """By who else found a head."""
    others = [of for name, of in shown.tasks.items() if name != task]
    if others and all(head in of.get(stage, ()) for of in others):
        return _SHARED
    return _ELSEWHERE if any(head in found for of in others for found in of.values()) else _OTHER


def _caption(shown: StageColumns) -> str:
    """What is in the columns, and what those marks mean that are there."""
    colors = {
        _color_of(shown, head, stage, task)
        for task, of in shown.tasks.items()
        for stage, heads in of.items()
        for head in heads
    }
    said = ["Each stage finds the heads that act on those of stages above it, strongest first."]
    if _SHARED in colors:
        said.append("Filled: found by this stage in every task.")
    if _ELSEWHERE in colors:
        said.append("Framed in orange: found in another task too, but not by this stage in all.")
    return " ".join(said)
