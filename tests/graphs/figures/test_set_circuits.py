"""The UpSet plot of circuits: bars to scale, marks for what a circuit is made of, cells where it was run."""

from typing import Any

import numpy as np
from matplotlib.patches import Polygon, Rectangle

from graphs.figures.set_circuits import SetCircuits, SetColumn, draw_set_circuits, set_circuits_bytes

NAMES = ("ioi", "docstring")
COLUMNS = (
    SetColumn(40, {"ioi": "in"}, {"ioi": 0.9, "docstring": -0.1}),
    SetColumn(10, {"ioi": "in", "docstring": "in"}, {"ioi": None}),
    SetColumn(30, {"ioi": "in", "docstring": "out"}, {"ioi": 1.31}),
    SetColumn(80, dict.fromkeys(NAMES, "some"), {"ioi": 0.5}, "≥ 1"),
)
SHOWN = SetCircuits(NAMES, COLUMNS, "edges", "reference, eap-ig")


def drawn() -> Any:
    return draw_set_circuits(SHOWN).axes[0]


def test_bars_are_as_high_as_circuits_are_large():
    bars = [patch for patch in drawn().patches if isinstance(patch, Rectangle)]
    heights = [bar.get_height() for bar in bars if np.isclose(bar.get_width(), 0.2)]
    assert np.allclose(np.array(heights) / heights[0], [1, 0.25, 0.75, 2])


def test_marks_say_what_a_circuit_is_made_of():
    marks = [line for line in drawn().lines if line.get_marker() == "o"]
    faces = [str(mark.get_markerfacecolor()) for mark in marks]
    assert faces.count("#1a1a1a") == 4  # filled
    assert faces.count("#ffffff") == 2  # rings
    assert faces.count("#ececec") == 1  # docstring, of which the first circuit says nothing
    assert sum(text.get_text() == "×" for text in drawn().texts) == 1
    assert len([line for line in drawn().lines if line.get_color() == "#1a1a1a" and len(line.get_data()[0]) == 2]) == 1


def test_cells_stand_where_a_circuit_was_run():
    texts = [text.get_text() for text in drawn().texts]
    assert [texts.count(value) for value in ("0.90", "−0.10", "1.31", "0.50", "-")] == [1, 1, 1, 1, 1]
    assert "≥ 1" in texts


def test_what_lies_beyond_the_colors_has_a_corner():
    assert sum(isinstance(patch, Polygon) for patch in drawn().patches) == 1  # 1.31
    assert any("a white corner marks what lies beyond" in text.get_text() for text in drawn().texts)


def test_the_same_circuits_give_the_same_bytes():
    assert set_circuits_bytes(SHOWN, "pdf") == set_circuits_bytes(SHOWN, "pdf")
