"""Bars of methods: lengths are to scale from 0, and what was measured otherwise stands under a heading of its own."""

import re
from typing import Any

import pytest

from graphs.figures.fit import Room
from graphs.figures.method_bars import Measured, MethodBars, MethodRow, draw_method_bars, method_bars_bytes
from graphs.figures.palette import GRAY

SURE = Measured(0.8, (0.7, 0.9), 0.2, (0.1, 0.3))


def bars(*rows: MethodRow, measures: tuple[str, ...] = ("faithfulness", "CPR")) -> MethodBars:
    return MethodBars(measures, rows, "Methods", "ioi, reference")


def said(shown: MethodBars) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", method_bars_bytes(shown, "svg").decode())


def test_bars_are_to_scale_and_those_without_an_interval_are_open():
    rows = (
        MethodRow("eap", "", (SURE, Measured(0.5, None))),
        MethodRow("acdc", "", (Measured(-0.4, (-0.5, -0.3)), None)),
    )
    axes = draw_method_bars(bars(*rows)).axes[0]
    boxes: Any = axes.patches
    assert [round(box.get_width() / boxes[0].get_width(), 6) for box in boxes[:2]] == [1, -0.5]
    assert [box.get_facecolor()[3] for box in boxes] == [1, 1, 0]
    triangles = [line for line in axes.lines if line.get_marker() == "^"]
    assert [line.get_color() for line in triangles] == [GRAY]
    texts = said(bars(*rows))
    assert {"not measured", "0.80", "\u22120.40"} <= set(texts)


@pytest.mark.parametrize(("groups", "n_headings"), [(("ioi", "ioi"), 0), (("ioi", "facts"), 2)])
def test_a_heading_stands_only_where_rows_were_measured_differently(groups, n_headings):
    rows = (MethodRow(f"m{n}", group, (SURE, SURE)) for n, group in enumerate(groups))
    texts = said(bars(*rows))
    assert sum(text in groups for text in texts) == n_headings


def test_measures_that_have_no_room_are_named():
    rows = tuple(MethodRow(f"m{n}", "", (SURE,) * 4) for n in range(4))
    shown = bars(*rows, measures=("a", "b", "c", "d"))
    figure = draw_method_bars(shown, Room(3.0, 3.2))
    texts = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert "No room for" in texts
    assert "and d." in texts
    assert figure.get_size_inches()[0] <= 3.0
    assert method_bars_bytes(shown, "svg") == method_bars_bytes(shown, "svg")
