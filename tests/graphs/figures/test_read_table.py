"""Scores as tables: each part has its number, its color by share of the largest, and its sums."""

from typing import Any

import numpy as np
import pytest

from graphs.figures.page import recovery_colors
from graphs.figures.read_table import ReadTable, ReadTables, draw_read_tables, read_tables_bytes

PARTS = np.array([[2.0, -1.0], [0.5, 0.0]])
VALUES = np.block([[PARTS, PARTS.sum(1, keepdims=True)], [PARTS.sum(0, keepdims=True), PARTS.sum()]])
IS_SURE = np.array([[True, False, True], [False, False, False], [False, False, False]])
TABLE = ReadTable("a2.h1: 1.50", ("input", "others"), ("a0.h0", "m1"), VALUES, IS_SURE)
SHOWN = ReadTables((TABLE,), "Attention scores END->IO", "reference on ioi", ("others: the rest.",))


def test_parts_are_colored_by_their_share_of_the_largest_and_sums_are_not():
    patches: list[Any] = list(draw_read_tables(SHOWN).axes[0].patches)[:9]
    colors = np.array([patch.get_facecolor()[:3] for patch in patches]).reshape(3, 3, 3)
    assert np.allclose(colors[:2, :2], recovery_colors(PARTS / 2, 1.0))
    assert np.allclose([*colors[2], *colors[:2, 2]], 1)


def test_numbers_stand_in_their_cells_and_sure_ones_are_bold():
    axes = draw_read_tables(SHOWN).axes[0]
    patches: list[Any] = list(axes.patches)[:9]
    texts: list[Any] = list(axes.texts)
    inside = [text for text in texts if text.get_ha() == "center" and text.get_va() == "center"][:9]
    assert [text.get_text() for text in inside] == [
        *("2.00", "−1.00", "1.00"),
        *("0.50", "0.00", "0.50"),
        *("2.50", "−1.00", "1.50"),
    ]
    assert [text.get_weight() == "bold" for text in inside] == IS_SURE.ravel().tolist()
    for text, patch in zip(inside, patches, strict=True):
        (x, y), (left, bottom) = text.get_position(), patch.get_xy()
        assert (x, y) == pytest.approx((left + patch.get_width() / 2, bottom + patch.get_height() / 2))


def test_the_same_tables_give_the_same_bytes_also_where_nothing_was_written():
    nothing = ReadTable("a1.h0", ("input",), ("input",), np.zeros((2, 2)), np.zeros((2, 2), dtype=np.bool_))
    shown = ReadTables((TABLE, nothing), "t", "s")
    assert read_tables_bytes(shown, "svg") == read_tables_bytes(shown, "svg")
