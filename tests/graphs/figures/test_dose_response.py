"""A dose-response curve: strengths and values lie to scale, and random vectors are a band through the plain model."""

from typing import Any

import pytest

from graphs.figures.dose_response import Dose, DoseResponse, dose_response_bytes, draw_doses

PLAIN = Dose(0.0, 0.0, None, 0.5, (0.4, 0.6), None, None)
LESS = Dose(-1.0, -0.5, (-0.6, -0.4), 0.25, (0.2, 0.3), (-0.2, 0.2), (0.4, 0.6))
MORE = Dose(3.0, 2.0, (1.5, 2.5), 1.0, (0.9, 1.0), (-0.4, 0.1), (0.3, 0.5))


def curve(*doses: Dose) -> DoseResponse:
    return DoseResponse(doses, "greater-than", "reference", 0.5, "logit difference", ("its norm",))


def curves_of(shown: DoseResponse) -> list[tuple[Any, Any]]:
    lines: list[Any] = [line for line in draw_doses(shown).axes[0].lines if line.get_marker() == "o"]
    return [(line.get_xdata(), line.get_ydata()) for line in lines]


def test_strengths_and_values_lie_to_scale_in_order():
    """Strengths are 1 and 3 apart, changes .5 and 2, accuracies .25 and .5."""
    (x, change), (_, accuracy) = curves_of(curve(MORE, LESS, PLAIN))
    assert (x[2] - x[1]) / (x[1] - x[0]) == pytest.approx(3)
    assert (change[2] - change[1]) / (change[1] - change[0]) == pytest.approx(4)
    assert (accuracy[2] - accuracy[1]) / (accuracy[1] - accuracy[0]) == pytest.approx(2)


def test_random_vectors_are_a_band_that_is_nothing_at_strength_0():
    shown = curve(LESS, PLAIN, MORE)
    band: Any = draw_doses(shown).axes[0].patches[0]
    (x, change), _ = curves_of(shown)
    low_less, at_0, low_more, high_more, also_at_0, high_less = band.get_xy()[:6]
    assert list(at_0) == list(also_at_0) == pytest.approx([x[1], change[1]])
    assert [low_less[0], high_less[0], low_more[0], high_more[0]] == pytest.approx([x[0], x[0], x[2], x[2]])
    scale = (change[2] - change[1]) / 2
    assert [high_less[1] - low_less[1], high_more[1] - low_more[1]] == pytest.approx([0.4 * scale, 0.5 * scale])
    alone = Dose(1.0, 1.0, None, 1.0, None, None, None)
    assert not draw_doses(curve(PLAIN, alone)).axes[0].patches


def test_the_same_curve_gives_the_same_bytes_and_one_dose_is_enough():
    assert dose_response_bytes(curve(PLAIN), "svg") == dose_response_bytes(curve(PLAIN), "svg")
    assert "Gray" not in dose_response_bytes(curve(PLAIN), "svg").decode()
