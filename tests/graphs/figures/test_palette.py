from itertools import combinations

import numpy as np
import pytest

from graphs.figures.canvas import INK, PAPER
from graphs.figures.palette import MEMBERSHIP, MEMBERSHIP_TINTS, OPPOSES, SERIES, SUPPORTS, lightness, mixed

# Machado, Oliveira and Fernandes 2009, at full strength: what is seen of linear red, green, blue.
VISION = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)


def lab(color, vision=None):
    """L*, a*, b* of a color, as seen with a color vision."""
    parts = np.array([int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    if vision is not None:
        linear = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    ratio = TO_XYZ @ linear / WHITE
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_lightness_is_that_of_cie():
    assert lightness("#000000") == 0
    assert lightness("#ffffff") == pytest.approx(100)
    assert lightness("#777777") == pytest.approx(50.0, abs=0.1)  # the usual example of middle gray
    assert lightness("#0072B2") == pytest.approx(lab("#0072B2")[0], abs=0.05)


@pytest.mark.parametrize("colors", [SERIES, (*MEMBERSHIP.values(), PAPER)], ids=["series", "membership"])
def test_colors_side_by_side_differ_in_gray(colors):
    assert min(abs(lightness(a) - lightness(b)) for a, b in combinations(colors, 2)) > 9


@pytest.mark.parametrize("color", [*SERIES, *MEMBERSHIP.values(), SUPPORTS, OPPOSES])
def test_lines_stand_out_from_paper_in_gray(color):
    assert lightness(PAPER) - lightness(color) > 25


@pytest.mark.parametrize("color", MEMBERSHIP_TINTS.values())
def test_ink_is_read_on_tints(color):
    assert lightness(color) - lightness(INK) > 70


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colors", [SERIES, (SUPPORTS, OPPOSES, PAPER), tuple(MEMBERSHIP.values())])
def test_colors_are_told_apart_with_any_color_vision(vision, colors):
    assert min(np.linalg.norm(lab(a, vision) - lab(b, vision)) for a, b in combinations(colors, 2)) > 15


def test_a_color_mixed_in_full_is_itself_and_in_no_part_is_what_is_under_it():
    assert mixed("#d55e00", 1) == "#d55e00"
    assert mixed("#d55e00", 0) == PAPER
    assert mixed("#000000", 0.5) == "#808080"
    assert mixed("#000000", 0.5, over="#000000") == "#000000"
