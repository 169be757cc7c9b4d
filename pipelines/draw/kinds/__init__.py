"""Kinds of figure, one per file. `FIGURES["transfer"].drawing(subjects, store)`."""

from __future__ import annotations

from pipelines.draw.kinds import (  # noqa: F401  each registers its own
    circuit,
    effects,
    heads,
    interventions,
    methods,
    prompt_effects,
    reuse,
    scores,
    sizes,
    stages,
    study,
    trace,
    two_circuits,
    upset,
)
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES

__all__ = ["FIGURES", "FigureKind"]
