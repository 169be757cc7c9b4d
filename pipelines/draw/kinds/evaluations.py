"""Evaluations and studies, read: what figures of methods are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.draw.subjects import read_report
from pipelines.evaluate.report import Evaluation
from pipelines.study.report import Study

EVALUATION, STUDY = "evaluation.json", "study.json"
AGAIN, STUDY_AGAIN = "circuits evaluate RUN...", "circuits study TASK --vary KEY=V1,V2 --truth RUN"


def read_evaluation(subject: str, store: Path) -> tuple[Path, Mapping[str, Any]]:
    """The file of an evaluation, and what it holds."""
    return read_report(subject, store, EVALUATION, Evaluation.format, again=AGAIN)


def read_study(subject: str, store: Path) -> tuple[Path, Mapping[str, Any]]:
    """The file of a study, and what it holds."""
    return read_report(subject, store, STUDY, Study.format, again=STUDY_AGAIN)
