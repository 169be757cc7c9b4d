"""What a terminal would obey is shown."""

from __future__ import annotations

import pytest

from circuits.visible_text import readable, value_text, visible


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("a\0", r"'a\x00'"),
        ([1, {"a": 2.5}], "[1, {'a': 2.5}]"),
        (len, "an object of type builtin_function_or_method"),
        ({"a": object()}, "an object of type dict"),
        (int, "an object of type type"),
    ],
)
def test_values_are_shown_as_they_are_written_and_objects_by_what_they_are(value: object, shown: str):
    assert value_text(value) == shown


def test_of_a_long_word_the_beginning_is_shown_and_short_ones_are_as_they_are():
    assert readable("no task " + "y" * 5000 + ". Give one.") == f"no task {'y' * 80}... (5,001 characters) Give one."
    assert readable("y" * 999) == "y" * 999
