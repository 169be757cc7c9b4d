"""Numbers as text."""

from __future__ import annotations

from typing import Any

_OF_DECIMALS = "eEfFgG%"


def number_text(value: Any, spec: str = "") -> str:
    """A number in a format, as in f-strings; one that rounds to zero has no minus sign: `0.00`, never `-0.00`.

    >>> number_text(-0.004, "+.2f"), number_text(-0.0), number_text(-3, ",")
    ('+0.00', '0.0', '-3')
    """
    if "z" not in spec and (spec[-1:] in tuple(_OF_DECIMALS) or (not spec and isinstance(value, float))):
        sign = spec[:1] if spec[:1] in ("+", "-", " ") else ""
        spec = f"{sign}z{spec.removeprefix(sign)}"
    return format(value, spec)
