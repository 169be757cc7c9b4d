"""Pieces of HTML hold text as text."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest

from circuits.html_text import html_block, html_facts, html_grid, html_image, html_legend, html_note, html_table
from circuits.html_text import html_tokens as tokens_of

BAD = '"><script>alert(1)</script>'


class Tags(HTMLParser):
    """The tags of a text, and whether all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.open += [] if tag == "img" else [tag]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag):
        assert tag == "img" or self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "text",
    [
        html_block(BAD),
        html_table([BAD], [[BAD]]),
        html_facts({BAD: BAD}),
        html_note(BAD),
        tokens_of([BAD], {0: BAD}, [BAD]),
        html_legend([BAD]),
        html_image(b"<svg/>", BAD),
        html_grid({BAD: [1.0]}, [BAD]),
    ],
)
def test_text_is_escaped_and_tags_are_closed(text):
    tags = Tags(text)
    assert "script" not in tags.seen
    assert not tags.open


def test_a_table_leaves_out_what_has_no_value():
    assert Tags(html_table(["a", "b"], [[1.0, None], [None, None]])).text == "a1"


def test_a_grid_is_red_above_0_and_blue_below():
    shown = html_grid({"layer 0": [2.0, -2.0, 0.0, None]}, ["0", "1", "2", "3"])
    assert [f"background:{color}" in shown for color in ("#b2182b", "#2166ac", "#ffffff")] == [True] * 3
    assert "layer 0 1: -2" in shown


def test_an_image_holds_its_file():
    shown = html_image(b"<svg>1</svg>", "a circuit")
    assert base64.b64encode(b"<svg>1</svg>").decode() in shown


def test_tokens_say_their_position_and_role():
    shown = tokens_of([" a", "\n"], {1: "END"}, ["IO", "END"])
    assert 'title="token 0"' in shown
    assert 'title="token 1, END"' in shown
    assert Tags(shown).text == " a\\n"
