"""Whether what is shared works the same way."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools, Floats
from graphs.comparison.measures.base import Measure, ratio
from graphs.comparison.measures.registry import register


def sign_agreement(in_a: Bools, in_b: Bools, a: Floats, b: Floats) -> float | None:
    """Of what both circuits have, the share whose scores have the same sign; None if they share nothing.

    A score of 0 has no sign and agrees with none.

    in_a, in_b  [thing] what each has
    a, b        [thing] scores
    """
    shared = in_a & in_b
    return ratio(np.count_nonzero((a * b > 0) & shared), np.count_nonzero(shared))


SIGN_AGREEMENT = register(
    Measure("sign_agreement", "of what both have, the share with the same sign", "both", sign_agreement)
)
