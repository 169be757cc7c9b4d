"""A comparison: what circuits do on each other's tasks, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from circuits.citations import MERULLO_2024
from pipelines.compare.overlap_paper import overlap_papers
from pipelines.compare.transfer_paper import transfer_papers
from pipelines.engine.execution import Execution
from pipelines.report.chapters.base import Chapter
from pipelines.reporting.document import Figure, Piece, Text
from pipelines.reporting.document.pieces import cite
from pipelines.reuse.panels import panels
from pipelines.reuse.plan import ReusePlan, plan
from pipelines.reuse.settings import ReuseSettings

_METHOD = (
    f"Circuits were compared{cite((MERULLO_2024,))} first by what each does on the other tasks: its faithfulness "
    "there, beside that of the task's own circuit and of the same circuit with its heads renamed within layers. Then "
    "by what they share, beside chance."
)


def read(folder: Path) -> Chapter:
    """The chapter of a comparison."""
    stored = plan(ReuseSettings(runs=(folder,)), Execution(out=folder.absolute().parent))
    names = ", ".join(stored.runs)
    return Chapter(
        name=folder.name,
        title=f"What circuits share: {names}",
        subject=f"what the circuits of {names} share",
        methods={"Circuits": [_METHOD]},
        cites=[MERULLO_2024],
        results=[*_results(folder.name, stored)],
        limits=stored.comparison["warnings"],
    )


def _results(name: str, stored: ReusePlan) -> Iterator[Piece]:
    for panel in panels(stored):
        if panel.draw is not None:
            yield Figure(f"{name}-{panel.name}", f"{panel.title}.", panel.file)
        else:
            yield Text(f"{panel.title}: left out, as {panel.reason}.")
    yield from transfer_papers(stored.comparison).values()
    yield from overlap_papers(stored.comparison).values()
