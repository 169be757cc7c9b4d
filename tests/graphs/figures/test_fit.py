"""A figure at the size that was asked for: as wide, no taller, its text and lines scaled alike, and never too small."""

from itertools import pairwise

import pytest
from matplotlib.text import Text

from graphs.figures.canvas import texts_of
from graphs.figures.fit import fitted, room_of
from graphs.figures.page import Page, draw_line, text_width, wrapped
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


def test_all_that_is_written_on_a_figure_is_found_without_looking_through_its_artists():
    made = figure(7.0, 4.0)
    assert {text.get_text() for text in texts_of(made)} == {"title", "subtitle", "below"}
    (axes,) = made.axes
    of_axes = {id(text) for axis in (axes.xaxis, axes.yaxis) for text in axis.findobj(Text)}
    assert not axes.axison  # what stands at its ticks is not written
    found = {id(text) for text in made.findobj(Text) if text.get_text()} - of_axes
    assert found == {id(text) for text in texts_of(made)}


SENTENCE = "model llava-1.5 · task object-presence · corruption noise, a-long-name-of-many-parts and i i i i i i i"


@pytest.mark.parametrize("width", [1.7, 2.5, 4.0, 40.0])
def test_a_line_holds_as_many_words_as_fit(width):
    lines = wrapped(SENTENCE, width)
    assert " ".join(lines) == SENTENCE
    assert all(text_width(line) <= width for line in lines)
    assert all(text_width(f"{line} {after.split()[0]}") > width for line, after in pairwise(lines))


@pytest.mark.parametrize("width", [0.02, 0.3, 0.9])
def test_a_word_that_is_longer_than_a_line_is_broken(width):
    lines = wrapped(SENTENCE, width)
    assert "".join(lines).replace(" ", "") == SENTENCE.replace(" ", "")
    assert all(text_width(line) <= width or len(line) == 1 for line in lines)


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
