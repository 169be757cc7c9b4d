"""Judged runs: how good circuits are, beside random ones."""

from __future__ import annotations

from pathlib import Path

from circuits.citations import MUELLER_2025, WANG_2023
from pipelines.engine.seal import require_all_sealed
from pipelines.evaluate.files import EVALUATION_FILE
from pipelines.evaluate.paper import papers
from pipelines.evaluate.report import Evaluation
from pipelines.report.chapters.base import Chapter
from pipelines.reporting.document.pieces import cite
from pipelines.reporting.stored import read_report

_CRITERIA = (
    f"Circuits were judged by the criteria of faithfulness, completeness and minimality{cite((WANG_2023,))}, beside "
    f"random circuits of the same size, and by CPR and CMD{cite((MUELLER_2025,))}, the areas under the faithfulness of "
    "circuits of growing size and between 1 and it."
)


def read(folder: Path) -> Chapter:
    """The chapter of an evaluation."""
    again = "circuits evaluate RUN ..."
    found = read_report(folder / EVALUATION_FILE, Evaluation.format, needs=("truth", "runs", "warnings"), again=again)
    require_all_sealed(folder, again=again)
    evaluation = Evaluation(folder=folder, warnings=tuple(found["warnings"]), rows=found["runs"], truth=found["truth"])
    return Chapter(
        name=folder.name,
        title="Circuits judged",
        subject="circuits judged",
        methods={"Faithfulness": [_CRITERIA]},
        cites=[WANG_2023, MUELLER_2025],
        results=[*papers(evaluation).values()],
        limits=evaluation.warnings,
    )
