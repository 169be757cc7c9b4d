"""The circuit of a run, or one of the circuits that a comparison made of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from circuits.files import read_bytes
from graphs.figures.fit import Drawing
from graphs.figures.layered.drawing import drawing_at
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.runs.run import is_file, open_run, read_circuit


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The layered drawing."""
    (subject,) = subjects
    path = Path(subject)
    graph = (
        read_circuit(read_bytes(path), str(path))
        if path.suffix == ".json" and is_file(path)
        else open_run(subject, out=store).graph
    )
    return drawing_at(graph)


CIRCUIT = FIGURES.register(FigureKind("circuit", "a circuit, layer by layer", "RUN|FILE", 1, 1, read))
