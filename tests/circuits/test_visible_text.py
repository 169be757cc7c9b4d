"""What a terminal would obey is shown."""

from __future__ import annotations

import pytest

from circuits.visible_text import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb\x07\x08\0", r"a\rb\x07\x08\x00"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("gpt\u202e2\u2066", r"gpt\u202e2\u2066"),
    ],
)
def test_what_a_terminal_obeys_is_its_escape(text: str, shown: str):
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["", "a\tb\nc", "字 e\u0301 😀", "[bold]a[/bold]", r"C:\new", "\ud800"])
def test_what_it_shows_is_as_it_is(text: str):
    assert visible(text) == text
