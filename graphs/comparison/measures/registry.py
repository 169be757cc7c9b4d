"""MEASURES: the measures of likeness, by name; other packages can add some (`circuits.registry`)."""

from __future__ import annotations

from circuits.registry import Registry, instance_of
from graphs.comparison.level import Level
from graphs.comparison.measures.base import Measure

MEASURES: Registry[Measure] = Registry("measures", instance_of(Measure))
register = MEASURES.register


def measured(level: Level) -> dict[str, float | None]:
    """Name of every measure -> its value at a level; left out are those that read scores which there are none of."""
    values: dict[str, float | None] = {}
    for name, measure in MEASURES.items():
        if measure.reads == "sets":
            values[name] = measure.value_of(level.in_a, level.in_b)
        elif level.scores is not None:
            known = level.scores.measured
            scores = (measure.reading(side[known]) for side in (level.scores.a, level.scores.b))
            sets = (level.in_a[known], level.in_b[known]) if measure.reads == "both" else ()
            values[name] = measure.value_of(*sets, *scores)
    return values
