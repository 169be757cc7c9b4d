"""Cosine of signed scores."""

from __future__ import annotations

import numpy as np

from circuits.arrays import Floats
from graphs.comparison.measures.base import Measure
from graphs.comparison.measures.registry import register


def cosine(a: Floats, b: Floats) -> float | None:
    """Cosine of the angle between signed scores; None if a side is all 0.

    The strongest parts decide. Source: Hanna et al. 2025 (there 1 minus it).

    a, b  [thing] scores
    """
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    return float(a @ b / (lengths[0] * lengths[1])) if min(lengths) else None


COSINE = register(Measure("cosine", "cosine of signed scores: the strongest parts decide", "scores", cosine))
