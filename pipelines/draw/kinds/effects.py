"""Direct against total effect of every head, by role."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from circuits.files import read_bytes
from graphs.figures.effect_scatter import draw_scatter
from graphs.figures.fit import Drawing, of_one_layout
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import damage_named, read_report
from pipelines.runs.run import read_circuit

_AGAIN = "circuits roles RUN"


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The scatter of the heads whose roles were read."""
    from pipelines.roles.files import scatter_of
    from pipelines.roles.report import RolesReport

    path, found = read_report(subjects[0], store, "roles.json", RolesReport.format, again=_AGAIN)
    graph = read_circuit(read_bytes(path.parent / "graph.json"), str(path.parent / "graph.json"))
    with damage_named(path, _AGAIN):
        report = RolesReport(
            folder=path.parent, graph=graph, about=found, rules=tuple(found["rules"]), rows=tuple(found["heads"])
        )
        return of_one_layout(draw_scatter, scatter_of(report))


EFFECTS = FIGURES.register(FigureKind("effects", "direct against total effect of heads", "ROLES", 1, 1, read))
