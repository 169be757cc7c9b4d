"""Stored JSON is what the standard says, or is refused with the reason."""

from __future__ import annotations

import pytest

from circuits.strict_json import parse_strictly


@pytest.mark.parametrize("text", ['{"a": [1, -2.5e3, null, true, "\\u00fc \\ud83d\\ude00"]}', b'"\xc3\xbc"', "1e-999"])
def test_json_is_read(text: str | bytes):
    assert parse_strictly(text) in ({"a": [1, -2500.0, None, True, "ü 😀"]}, "ü", 0.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON, or cut short"),
        ('{"a": 1', "not JSON, or cut short"),
        ("{} {}", "not JSON, or cut short"),
        ("NaN", "holds NaN"),
        ("[-Infinity]", "holds -Infinity"),
        ("[1e999]", "holds 1e999, which is too large"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' given twice"),
        ('["\\ud83d"]', "half of a surrogate pair"),
        ('{"\\uDE00": 1}', "half of a surrogate pair"),
        ("[" * 100_000, "nested more deeply"),
        (b"\xff", "utf-8"),
        ("9" * 5000, "holds 9{40}[.]{3}, which is too large"),
        ('{"a": [' + "9" * 400 + "]}", "too large"),
    ],
)
def test_anything_else_is_refused(text: str | bytes, message: str):
    with pytest.raises(ValueError, match=message):
        parse_strictly(text)
