"""Numbers as text."""

from __future__ import annotations

from collections.abc import Sequence
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


def telling(spec: str, value: float, ends: Sequence[float | None] | None) -> str:
    """The format of a measured value and its interval: three significant digits where the decimals of `spec` show
    nothing of the value, though it is known to be other than 0.

    ends  of its interval; None, or of None, where there is none

    >>> from circuits.numbers import telling
    >>> telling(".3f", 0.0002, [0.0001, 0.0003]), telling("+.3f", 0.00002, None)
    ('.3g', '+.3g')
    >>> telling(".3f", 0.0002, [-0.1, 0.1]), telling(".3f", 0.0, None), telling(".3f", 0.002, [0.0, 0.004])
    ('.3f', '.3f', '.3f')
    """
    if not spec.endswith("f") or value == 0 or float(format(value, spec)) != 0:
        return spec
    known = [end for end in ends or () if end is not None]
    is_lost_in_noise = bool(known) and min(known) <= 0 <= max(known)
    return spec if is_lost_in_noise else f"{spec[: spec.index('.')]}.3g"


def count_text(n: int, noun: str, plural: str | None = None) -> str:
    """How many of something, with its noun; `plural` where that is more than an s behind it.

    >>> from circuits.numbers import count_text
    >>> count_text(1, "prompt"), count_text(0, "prompt"), count_text(1200, "copy", "copies")
    ('1 prompt', '0 prompts', '1,200 copies')
    """
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def numbered(unit: str, numbers: Sequence[int], *, most: int | None = None) -> str:
    """What is numbered, and which of it; the other argument is that of `spans`.

    >>> from circuits.numbers import numbered
    >>> numbered("line", [2, 3, 5]), numbered("line", [2])
    ('lines 2-3, 5', 'line 2')
    """
    return f"{unit}{'s' if len(numbers) > 1 else ''} {spans(numbers, most=most)}"


def spans(numbers: Sequence[int], *, most: int | None = None) -> str:
    """Numbers in ascending order, neighbors together.

    most  how many stretches are written out; of more, how many numbers are in the others

    >>> from circuits.numbers import spans
    >>> spans([1, 2, 3, 4, 7]), spans([1, 3, 5, 6], most=2)
    ('1-4, 7', '1, 3 and 2 more')
    """
    starts = [n for n, number in enumerate(numbers) if n == 0 or number != numbers[n - 1] + 1]
    runs = [numbers[start:stop] for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True)]
    written = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs[:most])
    more = sum(map(len, runs[len(runs[:most]) :]))
    return written + (f" and {more:,} more" if more else "")
