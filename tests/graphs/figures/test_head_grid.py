"""Heads by task: colors, frames, and what the scores are."""

from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from graphs.figures.head_grid import HeadGrid, HeadGrids, draw_head_grids, head_grid_bytes
from graphs.figures.page import UNMEASURED, recovery_colors, rgb

SCORES = np.array([[0.5, np.nan], [-1.0, 0.0]])
IS_IN = np.array([[True, False], [False, False]])


def grids(*are: str) -> HeadGrids:
    return HeadGrids(tuple(HeadGrid(f"task {n}", SCORES, IS_IN, text) for n, text in enumerate(are)), "reference")


def test_a_head_has_the_color_of_its_score_and_a_frame_in_the_circuit():
    patches: list[Any] = list(draw_head_grids(grids("effects")).axes[0].patches)
    cells = [patch for patch in patches if patch.get_fill()][:4]
    colors = [patch.get_facecolor()[:3] for patch in cells]
    expected = recovery_colors(np.array([0.5, 0, -1.0, 0.0]), 1.0)
    expected[1] = rgb(UNMEASURED)
    assert np.allclose(colors, expected)
    frames = [patch for patch in patches if not patch.get_fill() and patch.get_linewidth() == 0.9]
    assert len(frames) == 1
    (left, bottom), (x, y) = cells[0].get_xy(), frames[0].get_xy()
    assert 0 < x - left < cells[0].get_width()
    assert 0 < y - bottom < cells[0].get_height()


def test_few_tall_grids_have_wide_cells_and_many_have_squares():
    def shown(n: int) -> tuple[float, Any]:
        tall = HeadGrid("task", np.zeros((30, 9)), np.zeros((30, 9), dtype=bool), "effects")
        figure = draw_head_grids(HeadGrids((tall,) * n, "reference"))
        cells = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle) and patch.get_fill()]
        return max(float(cell.get_x() + cell.get_width()) for cell in cells) / figure.get_figwidth(), cells[0]

    alone, cell = shown(1)
    assert alone > 0.6
    assert cell.get_width() == pytest.approx(2.5 * cell.get_height())
    assert shown(4)[1].get_width() == pytest.approx(shown(4)[1].get_height())


def test_layers_go_up():
    patches: list[Any] = list(draw_head_grids(grids("effects")).axes[0].patches)
    cells = [patch for patch in patches if patch.get_fill()]
    assert cells[2].get_xy()[1] > cells[0].get_xy()[1]


def test_scores_of_two_kinds_are_named_by_task():
    text = " ".join(each.get_text() for each in draw_head_grids(grids("effects", "signed sums")).axes[0].texts)
    assert "task 0: effects; task 1: signed sums" in text
    assert head_grid_bytes(grids("effects"), "svg") == head_grid_bytes(grids("effects"), "svg")
