"""A figure at the size that was asked for: as wide, no taller, its text and lines scaled alike, and never too small."""

import pytest
from matplotlib.text import Text

from graphs.figures.fit import fitted, room_of
from graphs.figures.page import Page, draw_line
from graphs.figures.sizes import LEAST_TEXT, SIZES, Size


def figure(width: float, height: float):
    made, axes = Page.of(width, title="title", subtitle="subtitle", below=["below"]).figure(height)
    draw_line(axes, [1, 2], [1, 1], lw=1.0)
    return made


@pytest.mark.parametrize("name", SIZES)
def test_what_fills_its_room_is_exactly_as_large_as_asked(name):
    size = SIZES[name]
    room = room_of(size)
    made = fitted(figure(*room), size)
    assert made.get_size_inches() == pytest.approx([size.width, size.height], abs=0.02)
    points = [text.get_fontsize() for text in made.findobj(Text) if isinstance(text, Text) and text.get_text()]
    assert min(points) >= LEAST_TEXT
    assert sorted(points)[1] == pytest.approx(max(size.font, 7.5 * LEAST_TEXT / 6.5))


def test_places_and_lines_scale_with_the_text():
    small = fitted(figure(7.0, 4.0), Size(14, 8, font=15))
    axes = small.axes[0]
    assert axes.lines[0].get_linewidth() == pytest.approx(2.0)
    left, right = axes.get_xlim()
    assert (left, right) == pytest.approx((0, 7))


def test_what_is_narrower_than_asked_keeps_white_on_its_right():
    made = fitted(figure(3.0, 3.0), Size(9, 4, font=7.5))
    assert made.get_size_inches() == pytest.approx([9, 3])
    assert made.axes[0].get_xlim() == pytest.approx((0, 9))


def test_text_too_small_to_read_is_refused_with_the_size_that_is_needed():
    with pytest.raises(ValueError, match=r"does not fit into 3 x 3 inches: .* it takes 6\.4 x 4\.8"):
        fitted(figure(8.0, 6.0), Size(3, 3))
