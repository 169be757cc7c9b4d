"""What two circuits share beyond what the circuits of all runs have: such parts are left out before any count.

Source: Hanna et al. 2025 (`overlap_nointersection`): without it, generic edges make everything overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from circuits.arrays import Bools
from graphs.comparison.level import Level
from graphs.comparison.null import drawn_within
from graphs.comparison.nulls.base import Chance, Null, counted
from graphs.comparison.nulls.registry import register

NAME = "beyond common"


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    common = in_all(level)
    if common is None:
        return []
    rest = replace(level, in_a=level.in_a & ~common, in_b=level.in_b & ~common)
    left = ~common
    return [counted(NAME, rest, drawn_within(rest.strata[left], rest.in_a[left], rest.in_b[left]))]


def in_all(level: Level) -> Bools | None:
    """[thing] what the circuits of all runs have; None where only two are given."""
    return None if level.others is None else level.in_a & level.in_b & level.others.all(axis=0)


BEYOND_COMMON = register(
    Null(NAME, "without what all runs share, the rest as by its layers and ports (three runs or more)", _chances)
)
