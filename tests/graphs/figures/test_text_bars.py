"""The figure of texts shows every text with its interval and what random sets give, to scale."""

import re

from graphs.figures.text_bars import TextBar, TextBars, text_bars_bytes

COPIED = TextBar("copied", "spans", 0.5, (0.25, 0.75), (-0.1, 0.1))
PLAIN = TextBar("plain", "prose", 0.0, None, None)


def svg(*bars: TextBar) -> str:
    return text_bars_bytes(TextBars(bars, "Influence", "texts.jsonl on reference"), "svg").decode()


def test_it_names_texts_and_groups_and_what_the_marks_mean():
    drawn = svg(COPIED, PLAIN)
    for text in ("copied", "plain", "spans", "prose", "Influence", "0.75", "0.00"):
        assert f">{text}<" in drawn
    assert "Gray" in drawn
    assert "open" in drawn
    assert "Gray" not in svg(PLAIN)
    assert "open" not in svg(COPIED)


def test_values_lie_to_scale():
    """Dots at 0.5, 0 and 0.75: the distances are as 2 to 1."""
    dots = re.findall(r'<use [^>]*x="([\d.]+)"', svg(COPIED, PLAIN, COPIED._replace(value=0.75)))
    half, more, none = map(float, dots)
    assert round((half - none) / (more - half), 3) == 2


def test_of_a_large_group_the_first_texts_are_drawn():
    many = [COPIED._replace(name=f"t{number}") for number in range(45)]
    drawn = svg(*many)
    assert ">t39<" in drawn
    assert ">t40<" not in drawn
    assert "5 more texts" in drawn
