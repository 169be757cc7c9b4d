"""Which heads, or which edges, the circuits of several runs share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from graphs.circuit_graph import require_comparable
from graphs.figures.fit import Drawing, in_its_room
from graphs.figures.upset import Upset, draw_upset
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import circuit_runs, in_common, labels_of


def _read(of: str, subjects: Sequence[str], store: Path) -> Drawing:
    runs = circuit_runs(subjects, store)
    if len(runs) < 2:
        raise ValueError(f"{subjects[0]} is given several times: what circuits share takes two runs or more.")
    graphs = [run.circuit for run in runs]
    for other in graphs[1:]:
        require_comparable(graphs[0], other)
    parts = [set(map(str, graph.heads if of == "heads" else (item.edge for item in graph.edges))) for graph in graphs]
    names = sorted(set().union(*parts))
    holds = np.array([[name in own for own in parts] for name in names], dtype=np.bool_).reshape(len(names), len(runs))
    shown = Upset.counted(of, labels_of(runs), holds, subtitle=in_common(runs))
    return in_its_room(draw_upset, shown)


UPSETS = [
    FIGURES.register(
        FigureKind(
            f"shared-{of}",
            f"how many {of} each set of circuits shares (UpSet)",
            "RUN RUN...",
            2,
            None,
            partial(_read, of),
        )
    )
    for of in ("heads", "edges")
]
