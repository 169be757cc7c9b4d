"""Sinks by layer: values and levels lie to scale, and what cannot be told apart is not drawn."""

from typing import Any

import pytest
from matplotlib.colors import to_hex

from graphs.figures.canvas import INK
from graphs.figures.sink_levels import (
    COLORS,
    LayerPanel,
    LayerPoint,
    LayerSeries,
    LevelPanel,
    SinkChart,
    SinkLevel,
    draw_sinks,
    largest,
    sink_chart_bytes,
)


def series(*values: float, name: str = "one") -> LayerSeries:
    return LayerSeries(name, tuple(LayerPoint(layer, value, None) for layer, value in enumerate(values)))


def chart(*panels: LayerPanel, levels: tuple[LevelPanel, ...] = ()) -> SinkChart:
    return SinkChart(panels, levels, 3, "Sinks by layer", "reference on ioi")


def line_of(shown: SinkChart) -> Any:
    (line,) = (line for line in draw_sinks(shown).axes[0].lines if line.get_marker() == "o")
    return line


def test_shares_are_equally_far_apart_and_ratios_by_their_factors():
    low, middle, high = line_of(chart(LayerPanel("share", (series(0, 0.5, 1),), is_share=True))).get_ydata()
    assert high - middle == pytest.approx(middle - low)
    low, middle, high = line_of(chart(LayerPanel("ratio", (series(1, 4, 16),), is_share=False))).get_ydata()
    assert high - middle == pytest.approx(middle - low)
    assert middle > low


def test_a_level_begins_at_its_state_and_is_as_wide_as_it_lasts():
    """The first token is a sink in states 1 and 2, half of the prompts; a level starts at 2 and lasts 1.5 states."""
    levels = LevelPanel("levels", (0, 1, 0.5, 0), (SinkLevel(2, 1.5, 3.0),))
    patches: list[Any] = list(draw_sinks(chart(levels=(levels,))).axes[0].patches)
    *cells, bar = (patch for patch in patches if patch.get_height() < 0.2)
    assert [cell.get_alpha() for cell in cells] == [0, 1, 0.5, 0]
    assert {to_hex(cell.get_facecolor()) for cell in cells} == {INK}
    assert to_hex(bar.get_facecolor()) == COLORS[0].lower()
    assert bar.get_x() == pytest.approx(cells[2].get_x())
    assert bar.get_width() == pytest.approx(1.5 * cells[0].get_width())
    text = [each.get_text() for each in draw_sinks(chart(levels=(levels,))).axes[0].texts]
    assert "3 a prompt, 1.5 states" in text


def test_of_many_lines_the_first_and_the_highest_are_kept_in_order():
    given = [series(0, 0, name="first"), *(series(0, 0.1 * n, name=f"token {n}") for n in range(8))]
    assert [own.name for own in largest(given)] == ["first", *(f"token {n}" for n in range(3, 8))]
    assert largest([series(0, name="first"), series(0, name="never")]) == (series(0, name="first"),)


def test_the_same_chart_gives_the_same_bytes():
    shown = chart(LayerPanel("share", (series(0, 0.5, 1),), is_share=True))
    assert sink_chart_bytes(shown, "svg") == sink_chart_bytes(shown, "svg")
