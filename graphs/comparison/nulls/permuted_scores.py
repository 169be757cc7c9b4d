"""Scores that change places within their layer: how alike scores would be by chance, whatever circuits they give.

Of sets, the same null is `within layer`, counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuits.arrays import Floats, Numbers
from graphs.comparison.level import Level
from graphs.comparison.measures import MEASURES
from graphs.comparison.nulls.base import Chance, Null, sampled
from graphs.comparison.nulls.registry import register

NAME = "permuted scores"


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    if level.scores is None or not samples:
        return []
    known, draw = level.scores.measured, np.random.default_rng(seed)
    strata = level.strata[known]
    readings = {
        measure.name: [measure.reading(side[known]) for side in (level.scores.a, level.scores.b)]
        for measure in MEASURES.values()
        if measure.reads == "scores"
    }
    values = {name: _value(name, *sides) for name, sides in readings.items()}
    drawn: dict[str, list[float]] = {name: [] for name, value in values.items() if value is not None}
    for _ in range(samples if drawn else 0):
        places = within(strata, draw)
        for name, found in drawn.items():
            a, b = readings[name]
            found.append(_value(name, a, b[places]) or 0.0)
    return [sampled(NAME, name, values[name] or 0.0, np.array(found)) for name, found in drawn.items()]


def within(strata: Numbers, draw: np.random.Generator) -> Numbers:
    """[thing] which thing of the same stratum [thing] stands in its place, at random."""
    places = np.empty(len(strata), dtype=np.int64)
    places[np.argsort(strata, kind="stable")] = np.argsort(strata + draw.random(len(strata)))
    return places


def _value(name: str, a: Floats | Numbers, b: Floats | Numbers) -> float | None:
    return MEASURES[name].value_of(a, b)


PERMUTED = register(Null(NAME, "the same scores in each layer, in random order (sampled)", _chances))
