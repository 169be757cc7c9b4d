"""The bars of a repair: accuracy to scale, other heads beside it, and new mistakes in words."""

from typing import Any

import numpy as np

from graphs.figures.repair_bars import Repair, RepairBar, draw_repair, repair_bars_bytes

BARS = (
    RepairBar("plain model", 0.5, (0.4, 0.6), None, None, False),
    RepairBar("a1.h2", 1.0, (0.9, 1.0), (0.45, 0.45), 1, True),
    RepairBar("a1.h2, a1.h3", 0.75, (0.6, 0.9), (0.3, 0.6), 0, False),
)
SHOWN = Repair(BARS, 0.25, "colored-objects, reference")


def test_bars_and_ranges_are_to_scale():
    axes: Any = draw_repair(SHOWN).axes[0]
    widths = [patch.get_width() for patch in axes.patches]
    assert np.allclose(np.array(widths) / widths[1], [0.5, 1, 0.75])
    left = axes.patches[0].get_x()
    ranges = [np.asarray(line.get_xdata(), dtype=float) for line in axes.lines if line.get_color() == "#D55E00"]
    assert np.allclose([(ends - left) / widths[1] for ends in ranges], [[0.45, 0.45], [0.3, 0.6]])


def test_new_mistakes_are_said_of_all_but_the_plain_model():
    texts = [text.get_text() for text in draw_repair(SHOWN).axes[0].texts]
    assert {"50.0%", "100.0%, 1 new mistake", "75.0%, 0 new mistakes"} <= set(texts)
    assert repair_bars_bytes(SHOWN, "svg") == repair_bars_bytes(SHOWN, "svg")
