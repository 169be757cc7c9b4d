"""The circuit of a run, or one of the circuits that a comparison made of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from circuits.files import is_file
from circuits.mib_file import is_mib_file
from graphs.circuit_graph import CircuitGraph
from graphs.export import mib_graph
from graphs.figures.fit import Drawing
from graphs.figures.layered.drawing import drawing_at
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.runs.about_file import sealed_bytes
from pipelines.runs.run import open_run, read_circuit


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The layered drawing."""
    (subject,) = subjects
    path = Path(subject)
    return drawing_at(
        _in_file(path) if path.suffix == ".json" and is_file(path) else open_run(subject, out=store).circuit
    )


def _in_file(path: Path) -> CircuitGraph:
    """The circuit in a file of this workbench, or of EAP-IG or MIB."""
    data = sealed_bytes(path)
    return mib_graph(data, source=str(path))[0] if is_mib_file(data) else read_circuit(data, str(path))


CIRCUIT = FIGURES.register(FigureKind("circuit", "a circuit, layer by layer", "RUN|FILE", 1, 1, read))
