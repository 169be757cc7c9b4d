"""Circuits drawn anywhere in the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphs.comparison.level import Level
from graphs.comparison.null import drawn_within
from graphs.comparison.nulls.base import Chance, Null, counted
from graphs.comparison.nulls.registry import register


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    everywhere = np.zeros(level.size, dtype=np.int64)
    return [counted("uniform", level, drawn_within(everywhere, level.in_a, level.in_b))]


# Hanna et al. 2025 use it for edges; their `1 - cdf(x)` is the probability of sharing more than x, not at least x.
UNIFORM = register(Null("uniform", "as many parts, drawn anywhere (hypergeometric)", _chances))
