"""Two circuits in one drawing, colored by what they share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from circuits.files import is_file
from graphs import Comparison
from graphs.export.json import JsonExport
from graphs.figures.fit import Drawing
from graphs.figures.layered.drawing import drawing_at
from pipelines.compare.names import COMPARISON
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.runs.about_file import sealed_bytes


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The layered drawing of both."""
    (subject,) = subjects
    places = [place for folder in (Path(subject), store / subject) for place in (folder / COMPARISON, folder)]
    path = next((place for place in places if is_file(place)), None)
    if path is None:
        raise ValueError(
            f"{subject} holds no {COMPARISON}. Give the folder of a comparison of two runs: circuits compare RUN RUN"
        )
    sealed_bytes(path)
    content = JsonExport().read(path)
    if not isinstance(content, Comparison):
        raise ValueError(f"{path} holds one circuit, not a comparison: draw it as circuit.")
    return drawing_at(content)


TWO_CIRCUITS = FIGURES.register(
    FigureKind("two-circuits", "two circuits in one, colored by what they share", "COMPARISON", 1, 1, read)
)
