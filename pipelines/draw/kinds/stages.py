"""The heads that each stage of a search found, a column for each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphs.figures.fit import Drawing
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import circuit_runs, labels_of, required
from pipelines.reuse.panels import stages_of


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The columns of runs of staged path patching."""
    runs = circuit_runs(subjects, store)
    return required(stages_of(dict(zip(labels_of(runs), runs, strict=True))), subjects)


STAGES = FIGURES.register(
    FigureKind("stages", "heads by the stage that found them (staged-path-patching)", "RUN...", 1, None, read)
)
