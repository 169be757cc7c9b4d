"""Where the stored results of a report are; nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.compare.plan import comparison_name
from pipelines.engine.execution import Execution
from pipelines.engine.plan import Plan
from pipelines.report.settings import ReuseSettings
from pipelines.report.stored import read_comparison, read_repair
from pipelines.runs.run import Run, find_run, open_run

SUMMARY = "summary.json"
REPAIR = "repair.json"


@dataclass(frozen=True)
class ReusePlan(Plan):
    """A comparison, read.

    comparison  its summary
    runs        what they are called in it -> the runs
    repair      the summary of a repair; None where none is given
    """

    target: Path
    comparison: Mapping[str, Any]
    runs: Mapping[str, Run]
    repair: Mapping[str, Any] | None

    @property
    def folder(self) -> Path:
        return self.target


def plan(settings: ReuseSettings, execution: Execution) -> ReusePlan:
    """The comparison and its runs. ValueError where one is missing, which says how to make it."""
    folder = _comparison_folder(settings.runs, execution.out)
    comparison = read_comparison(folder / SUMMARY, again=f"circuits compare RUN RUN --out {folder}")
    repair = None
    if settings.repair is not None:
        repair = read_repair(settings.repair / REPAIR, again="circuits intervene repair, which says its folder")
    runs = {label: _run(name, folder, execution.out) for label, name in comparison["runs"].items()}
    return ReusePlan(settings.folder or folder / "report", comparison, runs, repair)


def _comparison_folder(given: Sequence[Any], out: Path) -> Path:
    """The folder of a comparison: given itself, or where `circuits compare` puts that of these runs."""
    if len(given) == 1 and not isinstance(given[0], Run):
        for folder in (Path(given[0]), out / given[0]):
            if (folder / SUMMARY).is_file() and not (folder / "run.json").is_file():
                return folder
        raise ValueError(
            f"{given[0]} is no folder of a comparison: it holds no {SUMMARY}. Compare two runs or more first: circuits "
            "compare RUN RUN"
        )
    names = [run.name if isinstance(run, Run) else find_run(run, out).name for run in given]
    folder = out / comparison_name(names)
    if not (folder / SUMMARY).is_file():
        raise ValueError(
            f"there is no comparison of these runs in {folder}. Make it: circuits compare {' '.join(names)} --runs "
            f"{out}. Of one that is elsewhere, give the folder instead of the runs."
        )
    return folder


def _run(name: str, comparison: Path, out: Path) -> Run:
    """A run of a comparison: in the store, or beside the comparison's folder."""
    beside = comparison.absolute().parent
    return open_run(name, out=beside if (beside / name / "run.json").is_file() else out)
