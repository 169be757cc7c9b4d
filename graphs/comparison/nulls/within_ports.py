"""Circuits with as many edges of every sort: kinds and layers of both ends, and port."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.comparison.level import Level
from graphs.comparison.nulls.base import Chance, Null, counted
from graphs.comparison.nulls.registry import register


def _chances(level: Level, samples: int, seed: int) -> Sequence[Chance]:
    if level.ports is None:
        return []
    return [counted("within ports", level, level.by_chance)]


WITHIN_PORTS = register(
    Null("within ports", "as many edges between kinds in two layers through each port (exact)", _chances)
)
