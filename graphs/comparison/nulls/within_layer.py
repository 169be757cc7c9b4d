"""Circuits with as many parts in each layer."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.comparison.level import Level
from graphs.comparison.null import drawn_within
from graphs.comparison.nulls.base import Chance, Null, counted
from graphs.comparison.nulls.registry import register


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    null = level.by_chance if level.ports is None else drawn_within(level.layers, level.in_a, level.in_b)
    return [counted("within layer", level, null)]


WITHIN_LAYER = register(
    Null("within layer", "as many parts of a kind in each layer, edges between each two layers (exact)", _chances)
)
