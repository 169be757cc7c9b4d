"""p-values of a number of draws: the least that so few of them can give is a bound, and printed as one."""

from __future__ import annotations

from typing import NamedTuple

DASH = "-"
AT_MOST = "<="


class Draws(NamedTuple):
    """What a p-value counts.

    path    where in a row their number is
    what    what they are called, such as `random circuits`
    option  that asks for their number; None where there is none
    raw     where the p-value is before it is corrected for several tests, of one that is; None of one that is not
    """

    path: str
    what: str
    option: str | None
    raw: str | None = None

    @property
    def note(self) -> str:
        """What would lower p-values that are the least possible, in a sentence."""
        more = "." if self.option is None else f": draw more ({self.option} N)."
        return f"p {AT_MOST}: none of the {self.what} does as well, and so few of them can give no smaller p{more}"


def is_least(p: float | None, n_draws: int | None) -> bool:
    """Whether no draw does as well as what is tested, which counts as one draw more: p is 1 / (draws + 1).

    More draws could then give a smaller p. False where either is None: not measured, or not of draws.
    """
    return p is not None and n_draws is not None and p * (n_draws + 1) < 1.5


def p_text(p: float | None, n_draws: int | None = None) -> str:
    """A p-value, such as `.12`, or `<= .048` where it is the least that 20 draws can give; a dash where it is None."""
    return p_shown(p, is_bound=is_least(p, n_draws))


def p_shown(p: float | None, *, is_bound: bool = False) -> str:
    """A p-value, with `<=` where it is a bound; a dash where it is None."""
    from graphs.export.latex_text import number  # numpy, which many tables do without

    if p is None:
        return DASH
    return f"{AT_MOST} {number(p)}" if is_bound else number(p)


def equals(p: float | None, n_draws: int | None = None) -> str:
    """A p-value behind its name in a sentence: `= .12`, or `<= .048`."""
    text = p_text(p, n_draws)
    return text if text.startswith(AT_MOST) else f"= {text}"
