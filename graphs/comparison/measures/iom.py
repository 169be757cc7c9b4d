"""Intersection over the smaller of both (overlap coefficient)."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools
from graphs.comparison.measures.base import Measure, ratio
from graphs.comparison.measures.registry import register


def iom(a: Bools, b: Bools) -> float | None:
    """What both have, of what the smaller one has: 1 where it lies within the larger. None if one is empty.

    Source: Mondorf et al. 2025.

    a, b  [thing] what each has
    """
    return ratio(np.count_nonzero(a & b), min(np.count_nonzero(a), np.count_nonzero(b)))


IOM = register(Measure("iom", "what both have, of what the smaller one has", "sets", iom))
