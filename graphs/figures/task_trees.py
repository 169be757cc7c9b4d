"""Clusters of tasks as trees, side by side: by what their circuits share, and by what each does on the other tasks.

Leaves are tasks; two branches meet at the mean distance of their tasks, from 0 (the same) on. Both trees have one
scale, so that a pair that meets early in one and late in the other is seen at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from graphs.comparison.clusters import TaskTree
from graphs.figures.canvas import LINE, MARGIN, NORMAL, SMALL, DrawingFormat, draw_text, figure_bytes
from graphs.figures.page import DPI, Page, draw_line, round_step, text_width, tick_labels, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TREE_WIDTH, _LEAF = 2.3, 0.24  # inches: from distance 0 to the largest, and per task
_GAP = 0.5  # between the trees
_AXIS = 0.42  # below the leaves, with the numbers and the name
_GRID, _BRANCH = "#e3e3e3", "#0072B2"
_CAPTION = (
    "Average linkage: two clusters meet at the mean distance between their tasks. Distance: 1 minus the share named "
    "above each tree; of a share that differs with the direction, the mean of both. It is above 1 where the share is "
    "negative, and never below 0."
)


@dataclass(frozen=True)
class TreesFigure:
    """What the figure shows.

    trees     what the distance is 1 minus -> the tree
    subtitle  where the numbers come from
    notes     sentences below the figure
    """

    trees: tuple[tuple[str, TaskTree], ...]
    subtitle: str
    notes: tuple[str, ...] = ()


def trees_figure_bytes(shown: TreesFigure, kind: DrawingFormat) -> bytes:
    """The trees as a PDF, SVG or PNG file."""
    return figure_bytes(partial(draw_trees, shown), kind, dpi=DPI)


def draw_trees(shown: TreesFigure) -> Figure:
    """The trees from left to right."""
    names = max(text_width(name) for _, tree in shown.trees for name in tree.names)
    each = names + 0.12 + _TREE_WIDTH + _GAP
    n_leaves = max(len(tree.names) for _, tree in shown.trees)
    width = whole(max(2 * MARGIN + each * len(shown.trees) - _GAP + 0.1, 4.6))
    page = Page.of(width, title="Clusters of tasks", subtitle=shown.subtitle, below=[_CAPTION, *shown.notes])
    height = whole(page.over + LINE + _LEAF * n_leaves + _AXIS + page.under)
    figure, axes = page.figure(height)
    largest = max([merge.height for _, tree in shown.trees for merge in tree.merges] + [1.0])
    for number, (title, tree) in enumerate(shown.trees):
        left = MARGIN + names + 0.12 + each * number
        top = height - page.over - LINE
        draw_text(axes, left, top + 0.06, title, size=NORMAL)
        _draw_scale(axes, (left, top - _LEAF * len(tree.names)), top, largest)
        _draw_tree(axes, (left, top), tree, largest)
    return figure


def _draw_scale(axes: Axes, corner: tuple[float, float], top: float, largest: float) -> None:
    """Lines at round distances, with their numbers below."""
    left, bottom = corner
    step = round_step(largest / 5)
    ticks = list(np.arange(0, largest + step * 1e-6, step))
    for tick, label in zip(ticks, tick_labels(ticks), strict=True):
        x = left + _TREE_WIDTH * tick / largest
        draw_line(axes, [x, x], [bottom, top], color=_GRID, lw=0.6, zorder=0)
        draw_text(axes, x, bottom - 0.05, label, size=SMALL, ha="center", va="top")
    draw_text(axes, left + _TREE_WIDTH / 2, bottom - 0.2, "distance", size=NORMAL, ha="center", va="top")


def _draw_tree(axes: Axes, corner: tuple[float, float], tree: TaskTree, largest: float) -> None:
    left, top = corner
    n = len(tree.names)
    rows = {leaf: row for row, leaf in enumerate(tree.order)}
    at: list[tuple[float, float]] = [(0.0, top - _LEAF * (rows[leaf] + 0.5)) for leaf in range(n)]
    for leaf, name in enumerate(tree.names):
        draw_text(axes, left - 0.08, at[leaf][1], name, size=NORMAL, ha="right", va="center")

    def x(distance: float) -> float:
        return left + _TREE_WIDTH * distance / largest

    for merge in tree.merges:
        (first, y), (second, other_y) = at[merge.left], at[merge.right]
        meet = x(merge.height)
        draw_line(axes, [x(first), meet, meet, x(second)], [y, y, other_y, other_y], color=_BRANCH, lw=1.3, zorder=2)
        at.append((merge.height, (y + other_y) / 2))


def tree_text(tree: TaskTree, names: Sequence[str] | None = None) -> str:
    """The tree in one line, with the distance at which each pair of clusters meets.

    >>> import numpy as np
    >>> from graphs.comparison.clusters import task_tree
    >>> tree_text(task_tree(["a", "b", "c"], np.array([[1, 0, 0.8], [0, 1, 0.2], [0.6, 0.2, 1]])))
    '(b, (a, c) 0.30) 0.90'
    """
    texts = list(names or tree.names)
    for merge in tree.merges:
        texts.append(f"({texts[merge.left]}, {texts[merge.right]}) {merge.height:.2f}")
    return texts[-1]
