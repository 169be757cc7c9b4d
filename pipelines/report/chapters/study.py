"""A study: one setting varied, and how well the heads of a known circuit are ranked first."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from graphs.export.latex_text import number
from graphs.figures.sweep import study_figure_bytes, value_label
from pipelines.engine.seal import require_all_sealed
from pipelines.report.chapters.base import Chapter
from pipelines.reporting.document import Figure
from pipelines.reporting.stored import read_report
from pipelines.study.files import STUDY_FILE
from pipelines.study.paper import papers
from pipelines.study.report import Study


def read(folder: Path) -> Chapter:
    """The chapter of a study."""
    needs = ("vary", "truth", "config", "rows", "warnings")
    again = "circuits study ..."
    found = read_report(folder / STUDY_FILE, Study.format, needs=needs, again=again)
    require_all_sealed(folder, again=again)
    study = Study(
        folder=folder,
        warnings=tuple(found["warnings"]),
        key=found["vary"],
        rows=tuple(found["rows"]),
        config=found["config"],
        truth=found["truth"],
    )
    curve = study.curve
    values = ", ".join(value_label(row["value"]) for row in study.rows)
    first = study.rows[0]["provenance"]
    return Chapter(
        name=folder.name,
        title=f"{curve.task}: {study.key} varied",
        subject=f"{study.key} varied on {curve.task}",
        methods={
            "Scores": [
                f"The setting `{study.key}` was varied over {values}. At each value the heads of the known circuit "
                f"`{study.truth}` were to be ranked before all others; the AUROC is the probability that one of them "
                f"was, and {number(0.5)} is chance."
            ]
        },
        results=[
            Figure(f"{folder.name}-study", f"AUROC over {study.key}.", lambda kind: study_figure_bytes(curve, kind)),
            *papers(study).values(),
        ],
        limits=study.warnings,
        versions=cast("dict[str, str]", first["versions"]),
    )
