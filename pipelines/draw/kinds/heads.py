"""Layer by head: the heads of one run, or small grids of several tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphs.figures.fit import Drawing
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import circuit_runs, labels_of, required
from pipelines.reuse.panels import heads_of


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """A grid for each run."""
    runs = circuit_runs(subjects, store)
    return required(heads_of(dict(zip(labels_of(runs), runs, strict=True))), subjects)


HEADS = FIGURES.register(FigureKind("heads", "every head by layer, a grid for each run", "RUN...", 1, None, read))
