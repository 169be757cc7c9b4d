"""Scores that change places within their layer: how alike scores would be by chance, whatever circuits they give.

Of sets, the same null is `within layer`, counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuits.arrays import Floats, Numbers
from graphs.comparison.level import Level
from graphs.comparison.measures import MEASURES
from graphs.comparison.measures.base import OfScores
from graphs.comparison.nulls.base import Chance, Null, sampled
from graphs.comparison.nulls.registry import register

NAME = "permuted scores"


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    if level.scores is None or not samples:
        return []
    known = level.scores.measured
    a, b, strata = level.scores.a[known], level.scores.b[known], level.strata[known]
    found = []
    for measure in MEASURES.values():
        if measure.reads == "scores":
            value_of: OfScores = measure.value_of  # pyright: ignore[reportAssignmentType]
            if (value := value_of(a, b)) is not None:
                draw = np.random.default_rng(seed)
                drawn = np.array([value_of(a, within(strata, b, draw)) for _ in range(samples)], dtype=float)
                found.append(sampled(NAME, measure.name, value, drawn))
    return found


def within(strata: Numbers, scores: Floats, draw: np.random.Generator) -> Floats:
    """The scores [thing], in random order within each stratum [thing]."""
    places = np.argsort(strata, kind="stable")
    permuted = np.empty_like(scores)
    permuted[places] = scores[np.lexsort((draw.random(len(scores)), strata))]
    return permuted


PERMUTED = register(Null(NAME, "the same scores in each layer, in random order (sampled)", _chances))
