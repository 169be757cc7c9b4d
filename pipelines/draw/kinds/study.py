"""How well scores rank known heads first, over the values of one setting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphs.figures.fit import Drawing, of_one_layout
from graphs.figures.sweep import draw_study
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.evaluations import STUDY_AGAIN, read_study
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import damage_named
from pipelines.study.report import Study


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The curve of a study."""
    path, found = read_study(subjects[0], store)
    with damage_named(path, STUDY_AGAIN):
        study = Study(
            folder=path.parent,
            key=found["vary"],
            rows=tuple(found["rows"]),
            config=found["config"],
            truth=found["truth"],
        )
        return of_one_layout(draw_study, study.curve)


STUDY = FIGURES.register(FigureKind("study", "how well scores rank known heads, over a setting", "STUDY", 1, 1, read))
