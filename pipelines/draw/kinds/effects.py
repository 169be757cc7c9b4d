"""Direct against total effect of every head by role, or of every head and MLP by class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from graphs.figures.effect_scatter import EffectScatter, draw_scatter
from graphs.figures.fit import Drawing, of_one_layout
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import damage_named, holds, read_report
from pipelines.runs.about_file import sealed_bytes
from pipelines.runs.run import read_circuit

_ROLES, _EFFECTS = "circuits roles RUN", "circuits effects TASK"


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """The scatter of the heads whose roles were read, or of the parts whose effects were."""
    (subject,) = subjects
    return of_one_layout(draw_scatter, _of_effects(subject, store) or _of_roles(subject, store))


def _of_effects(subject: str, store: Path) -> EffectScatter | None:
    """None where the subject is no report of `circuits effects`."""
    from pipelines.effects.files import scatter_of
    from pipelines.effects.report import EffectsReport

    if not holds(subject, store, "effects.json"):
        return None
    path, found = read_report(subject, store, "effects.json", EffectsReport.format, again=_EFFECTS)
    with damage_named(path, _EFFECTS):
        return scatter_of(EffectsReport(folder=path.parent, about=found, rows=tuple(found["parts"])))


def _of_roles(subject: str, store: Path) -> EffectScatter:
    from pipelines.roles.files import scatter_of
    from pipelines.roles.report import RolesReport

    path, found = read_report(subject, store, "roles.json", RolesReport.format, again=f"{_ROLES} or {_EFFECTS}")
    graph = read_circuit(sealed_bytes(path.parent / "graph.json"), str(path.parent / "graph.json"))
    with damage_named(path, _ROLES):
        return scatter_of(
            RolesReport(
                folder=path.parent, circuit=graph, about=found, rules=tuple(found["rules"]), rows=tuple(found["heads"])
            )
        )


EFFECTS = FIGURES.register(FigureKind("effects", "direct against total effect of heads", "ROLES|EFFECTS", 1, 1, read))
