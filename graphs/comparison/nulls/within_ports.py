"""Circuits with as many edges of every sort: kinds and layers of both ends, and port."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.comparison.level import Level
from graphs.comparison.nulls.base import Chance, Null, counted, drawn_within
from graphs.comparison.nulls.registry import register


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    if level.ports is None:
        return []
    return [counted("within ports", level, drawn_within(level.ports, level.in_a, level.in_b))]


WITHIN_PORTS = register(
    Null("within ports", "as many edges between kinds in two layers through each port (exact)", _chances)
)
