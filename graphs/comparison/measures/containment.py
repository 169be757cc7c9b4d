"""Containment, both ways: how much of one circuit the other has too."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools
from graphs.comparison.measures.base import Measure, ratio
from graphs.comparison.measures.registry import register


def containment(a: Bools, b: Bools) -> float | None:
    """What both have, of what `a` has; None if that is nothing.

    a, b  [thing] what each has
    """
    return ratio(np.count_nonzero(a & b), np.count_nonzero(a))


OF_A = register(Measure("of_a", "what both have, of what A has", "sets", containment))
OF_B = register(Measure("of_b", "what both have, of what B has", "sets", lambda a, b: containment(b, a)))
