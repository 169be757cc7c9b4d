"""Faithfulness over the size of circuits, beside random circuits where an evaluation has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphs.figures.fit import Drawing, in_its_room
from graphs.figures.size_curve import draw_sizes
from pipelines.discover.figures import size_curves
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.evaluations import AGAIN, read_evaluation
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import circuit_runs, damage_named


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The curves of a run, over the band of random circuits of an evaluation of that run."""
    (run,) = circuit_runs(subjects[:1], store)
    random = None
    if len(subjects) > 1:
        path, evaluation = read_evaluation(subjects[1], store)
        again = f"{AGAIN.replace('RUN...', run.name)} --random-curve 10"
        with damage_named(path, again):
            rows = [row for row in evaluation["runs"] if row["run"] == run.name]
            random = rows[0].get("random_curve") if rows else None
        if random is None:
            raise ValueError(f"{path} has no random circuits of every size for {run.name}: {again}")
    curves = size_curves(run.summary, bound=1 - run.config.tolerance, random=random)
    if not curves.panels:
        raise ValueError(f"run {run.name} tried one size only: let it choose one, or discover it again with --curve.")
    return in_its_room(draw_sizes, curves)


SIZES = FIGURES.register(
    FigureKind("sizes", "faithfulness over size, the chosen one marked", "RUN [EVALUATION]", 1, 2, read)
)
