"""Intersection over union (Jaccard)."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Bools
from graphs.comparison.measures.base import Measure, ratio
from graphs.comparison.measures.registry import register


def iou(a: Bools, b: Bools) -> float | None:
    """What both have, of what either has; None if neither has anything.

    a, b  [thing] what each has
    """
    return ratio(np.count_nonzero(a & b), np.count_nonzero(a | b))


IOU = register(Measure("iou", "what both have, of what either has", "sets", iou))
