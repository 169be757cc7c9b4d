"""An UpSet plot: parts are counted in the circuits that hold exactly them, and bars are to scale."""

import re
from typing import Any

import numpy as np

from graphs.figures.fit import Room
from graphs.figures.upset import Shared, Upset, draw_upset, upset_bytes

HOLDS = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)  # [part, circuit]


def upset(holds: Any = HOLDS) -> Upset:
    return Upset.counted("edges", ["ioi", "induction", "facts"], holds, subtitle="reference")


def texts(shown: Upset) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", upset_bytes(shown, "svg").decode())


def test_every_part_of_a_circuit_is_counted_once():
    shown = upset()
    assert shown.shared == (
        Shared(frozenset({0, 1}), 2),
        Shared(frozenset({0, 1, 2}), 1),
        Shared(frozenset({0}), 1),
    )
    assert shown.sizes == (4, 3, 1)
    assert sum(one.n for one in shown.shared) == HOLDS.any(axis=1).sum()


def test_bars_are_to_scale_and_filled_dots_are_the_circuits_of_a_column():
    axes = draw_upset(upset()).axes[0]
    bars: Any = axes.patches
    heights = [bar.get_height() for bar in bars[:3]]
    assert heights[0] == 2 * heights[1] == 2 * heights[2]
    lengths = [bar.get_width() for bar in bars[3:]]
    assert np.allclose(np.array(lengths) / lengths[0], [1, 3 / 4, 1 / 4])
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    filled = [line for line in dots if line.get_markersize() > 5]
    assert (len(dots), len(filled)) == (9, 2 + 3 + 1)


def test_what_has_no_room_is_said_and_what_all_share_is_kept():
    many = np.array([[1] * 12, *(np.eye(12, dtype=int)[i] for i in range(12) for _ in range(i + 2))], dtype=bool)
    shown = Upset.counted("heads", [f"t{n}" for n in range(12)], many, subtitle="m")
    drawn = draw_upset(shown, Room(2.8, 60))
    said = " ".join(text.get_text() for text in drawn.axes[0].texts)
    n_columns = len({line.get_xdata()[0] for line in drawn.axes[0].lines if line.get_marker() == "o"})  # pyright: ignore
    assert 1 < n_columns < 13
    assert f"in {13 - n_columns} more columns" in said
    shares_all = [line for line in drawn.axes[0].lines if line.get_markersize() > 5 and line.get_marker() == "o"]
    assert len(shares_all) == 12 + n_columns - 1


def test_empty_circuits_are_said_to_be_and_bytes_are_the_same_twice():
    assert "no circuit has any edges" in texts(upset(np.zeros((1, 3), dtype=bool)))
    assert upset_bytes(upset(), "pdf") == upset_bytes(upset(), "pdf")
