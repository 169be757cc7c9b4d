"""NULLS: what "by chance" may mean, by name; other packages can add some (`circuits.registry`)."""

from __future__ import annotations

from circuits.registry import Registry, instance_of
from graphs.comparison.level import Level
from graphs.comparison.nulls.base import Chance, Null

NULLS: Registry[Null] = Registry("nulls", instance_of(Null))
register = NULLS.register
SAMPLES = 199  # of nulls that are drawn: the least p-value is .005


def chances(level: Level, *, samples: int = SAMPLES, seed: int = 0) -> tuple[Chance, ...]:
    """What every null says about two circuits at a level.

    samples  of nulls that are drawn and not counted
    """
    return tuple(chance for null in NULLS.values() for chance in null.chances(level, samples, seed))
