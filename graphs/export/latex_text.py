r"""Text and numbers as LaTeX takes them: escaped, and with intervals in one of two styles.

`number(.852, .811, .893)` is `.85 [.81, .89]`, and `.85(5)` in the style `uncertainty`, which columns `S` of siunitx
read. `latex_number` puts the first into braces with signs of mathematics, so that both stand in a column `S`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from circuits.numbers import number_text

NumberStyle = Literal["brackets", "uncertainty"]

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # outside of the font encoding T1 these are other signs
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{''}",
    "`": r"\textasciigrave{}",
    # an option where it follows the end of a row
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    # ligatures where two meet
    "-": "-{}",
    "'": "'{}",
    "→": r"$\to$",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "…": r"\dots{}",
    "ß": r"\ss{}",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_LEAST, _MOST = 1e-4, 1e6  # sizes beyond which numbers have an exponent


def escape(text: object) -> str:
    r"""Text that LaTeX sets as it is, in any encoding and engine, in a paragraph, a cell or a TikZ node.

    Accented Latin letters become commands; a character that pdfLaTeX has no sign for is named, as `U+4E2D`. Spaces and
    ends of line are one space, other control characters are left out.
    """
    return re.sub(r"-\{\}(?!-)", "-", "".join(map(_escaped, re.sub(r"\s+", " ", str(text)))))


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isascii():
        return character if character.isprintable() else ""
    letter, *marks = unicodedata.normalize("NFD", character)
    if len(marks) == 1 and marks[0] in _ACCENTS and letter.isascii():
        return f"\\{_ACCENTS[marks[0]]}{{{letter}}}"
    return f"U+{ord(character):04X}"


def number(
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    style: NumberStyle = "brackets",
    *,
    most_decimals: int | None = None,
) -> str:
    """A number with its interval: `.85 [.81, .89]`, or `.85(4)` in the style `uncertainty`.

    value      empty where it is None or NaN: not measured
    low, high  ends of its interval; left out where either is None, NaN or infinite
    most_decimals  no more than these are shown, and no exponent of what is smaller: `.000`; None: as many as it takes
    The half-width of the interval has one significant digit, two where the first is 1; numbers below 10 have two
    decimals at least, below 100 one. Without an interval they have two significant digits at least. Below 1e-4 and from
    1e6 on they have an exponent, as 1.2e-05. The uncertainty is the longer side of the interval, rounded up.
    ValueError for an infinite value.
    """
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        raise ValueError(f"{value} cannot be printed as a number with digits.")
    ends = [float(end) for end in (low, high) if end is not None and math.isfinite(end)]
    ends = ends if len(ends) == 2 else []
    numbers = [float(value), *ends]
    exponent = _exponent(numbers, has_least=most_decimals is None)
    scaled = [one / 10.0**exponent for one in numbers]
    half = max(scaled[0] - scaled[1], scaled[2] - scaled[0], 0.0) if ends else 0.0
    decimals = max(_decimals_of_size(scaled), _decimals_of_width(half) if ends else _decimals_of_value(scaled[0]))
    decimals = decimals if most_decimals is None else min(decimals, most_decimals)
    suffix = f"e{exponent:+03d}" if exponent else ""
    shown = [_fixed(one, decimals) for one in scaled]
    if not ends:
        return shown[0] + suffix
    if style == "uncertainty":
        # 0.04 comes as 0.04000000000000001
        return f"{shown[0]}({math.ceil(round(half * 10**decimals, 6))}){suffix}"
    return f"{shown[0]}{suffix} [{shown[1]}{suffix}, {shown[2]}{suffix}]"


def latex_number(
    value: float | None, low: float | None = None, high: float | None = None, style: NumberStyle = "brackets"
) -> str:
    r"""The same for a cell of a table, also of a column `S` of siunitx: `{$.85$ [$.81$, $.89$]}`, or `.85(4)`."""
    text = number(value, low, high, style)
    if style == "uncertainty" or not text:
        return text
    signed = re.sub(r"[-.\d]+(e[-+]\d+)?", lambda match: f"${_power(match.group())}$", text)
    return f"{{{signed}}}"


def _power(text: str) -> str:
    digits, _, exponent = text.partition("e")
    return digits + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")


def _exponent(numbers: Iterable[float], *, has_least: bool) -> int:
    """The power of ten that numbers of very small or very large size are shown with; 0 for others."""
    size = max(map(abs, numbers))
    is_small = has_least and size < _LEAST
    return 0 if size == 0 or not (is_small or size >= _MOST) else math.floor(math.log10(size))


def _decimals_of_size(numbers: Iterable[float]) -> int:
    return max(0, 2 - len(str(int(max(map(abs, numbers))))) + 1)


def _decimals_of_width(half: float) -> int:
    if half == 0:
        return 0
    first = math.floor(math.log10(half))
    return max(0, -first + (half / 10.0**first < 2))


def _decimals_of_value(value: float) -> int:
    return 0 if value == 0 else max(0, 1 - math.floor(math.log10(abs(value))))


def _fixed(value: float, decimals: int) -> str:
    """Digits without the zero before the point, and without a sign where all are 0."""
    text = number_text(value, f".{decimals}f")
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
