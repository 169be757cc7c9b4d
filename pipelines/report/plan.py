"""What a report is about: stored results, found and opened. Nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.files import is_file
from pipelines.engine.execution import Execution
from pipelines.engine.job import short_digest
from pipelines.engine.plan import Plan
from pipelines.report.chapters import OF_FOLDERS, OF_RUNS, Chapter
from pipelines.report.settings import ReportSettings
from pipelines.runs.record import RECORD
from pipelines.runs.run import Run, open_run, path_of


@dataclass(frozen=True)
class ReportPlan(Plan):
    """The chapters of a document, in order.

    target  its folder
    """

    target: Path
    chapters: Sequence[Chapter]
    settings: ReportSettings

    @property
    def folder(self) -> Path:
        return self.target


def plan(settings: ReportSettings, execution: Execution) -> ReportPlan:
    """The chapters. ValueError for what is no stored result, and for damaged files."""
    subjects = [_open(one, execution.out) for one in settings.subjects]
    names = [subject.name for subject in subjects]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice} is given twice: give every result once.")
    name = names[0] if len(names) == 1 else short_digest(names)
    folder = settings.folder or execution.out / f"report-{name}"
    return ReportPlan(folder, [_chapter(subject) for subject in subjects], settings)


def _open(given: Any, out: Path) -> Run | Path:
    """A run, or the folder of another result."""
    if isinstance(given, Run):
        return given
    asked = path_of(given, "what is reported on")
    for folder in (asked, out / asked):
        if is_file(folder / RECORD):
            return open_run(folder)
        if any(is_file(folder / file) for file in OF_FOLDERS):
            return folder
    try:
        return open_run(asked, out=out)
    except ValueError as error:
        files = ", ".join(OF_FOLDERS)
        raise ValueError(f"{error} Nor is it the folder of a comparison, a study or an evaluation ({files}).") from None


def _chapter(subject: Run | Path) -> Chapter:
    if isinstance(subject, Run):
        return OF_RUNS[type(subject)](subject)
    return next(read for file, read in OF_FOLDERS.items() if is_file(subject / file))(subject)
