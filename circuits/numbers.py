"""Numbers as text."""

from __future__ import annotations

from typing import Any

_OF_DECIMALS = "eEfFgG%"
_HUGE = 1e9  # from here on, all digits of a number with decimals are more than can be read


def number_text(value: Any, spec: str = "") -> str:
    """A number in a format, as in f-strings; one that rounds to zero has no minus sign: `0.00`, never `-0.00`.

    Of a huge number with decimals, three digits and its size.

    >>> number_text(-0.004, "+.2f"), number_text(-0.0), number_text(-3, ","), number_text(1e308, ".2f")
    ('+0.00', '0.0', '-3', '1e+308')
    """
    if spec.endswith("f") and "," not in spec and abs(value) >= _HUGE:
        spec = f"{spec[:1] if spec[:1] in ('+', '-', ' ') else ''}.3g"
    if "z" not in spec and (spec[-1:] in tuple(_OF_DECIMALS) or (not spec and isinstance(value, float))):
        sign = spec[:1] if spec[:1] in ("+", "-", " ") else ""
        spec = f"{sign}z{spec.removeprefix(sign)}"
    return format(value, spec)
