"""The tree of tasks: what is drawn where."""

import numpy as np
import pytest

from graphs.comparison.clusters import task_tree
from graphs.figures.task_trees import TreesFigure, draw_trees, trees_figure_bytes

NAMES = ("ioi", "docstring", "induction")
ALIKE = np.array([[1, 0.2, 0.1], [0.2, 1, 0.9], [0.1, 0.9, 1]])
SHOWN = TreesFigure((("overlap", task_tree(NAMES, ALIKE)), ("transfer", task_tree(NAMES, ALIKE[::-1, ::-1]))), "tiny")


def test_branches_meet_at_their_distance():
    axes = draw_trees(SHOWN).axes[0]
    lines = [np.asarray(line.get_xdata()) for line in axes.lines]
    scale, branches = ([line for line in lines if len(line) == n] for n in (2, 4))
    zero = min(line[0] for line in scale)
    one = min(text.get_position()[0] for text in axes.texts if text.get_text() == "1.0")
    meets = [(line[1] - zero) / (one - zero) for line in branches[:2]]
    assert meets == pytest.approx([0.1, 0.85])


def test_every_task_stands_beside_its_leaf_and_neighbors_are_together():
    names = [text for text in draw_trees(SHOWN).axes[0].texts if text.get_text() in NAMES]
    left = min(text.get_position()[0] for text in names)
    first = [text for text in names if text.get_position()[0] == left]
    from_above = [text.get_text() for text in sorted(first, key=lambda text: -text.get_position()[1])]
    assert from_above == ["ioi", "docstring", "induction"]


def test_the_same_trees_give_the_same_bytes():
    assert trees_figure_bytes(SHOWN, "svg") == trees_figure_bytes(SHOWN, "svg")
    assert trees_figure_bytes(SHOWN, "pdf").startswith(b"%PDF")
