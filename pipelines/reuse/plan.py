"""Where the stored results of a report are; nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.files import is_file
from pipelines.compare.plan import comparison_name
from pipelines.engine.execution import Execution
from pipelines.engine.plan import Plan
from pipelines.engine.seal import require_all_sealed
from pipelines.reuse.settings import ReuseSettings
from pipelines.reuse.stored import read_comparison, read_repair
from pipelines.runs.run import Run, find_run, open_run, path_of
from pipelines.runs.shell_text import shell_line, shell_word

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
    again = f"circuits compare RUN RUN --out {shell_word(str(folder))}"
    comparison = read_comparison(folder / SUMMARY, again=again)
    require_all_sealed(folder, again=again)
    repair = None
    if settings.repair is not None:
        repair = read_repair(settings.repair / REPAIR, again="circuits intervene repair, which says its folder")
    recorded = comparison.get("run_folders", {})
    runs = {label: _run(name, recorded.get(label), folder, execution.out) for label, name in comparison["runs"].items()}
    return ReusePlan(settings.folder or folder / "report", comparison, runs, repair)


def _comparison_folder(given: Sequence[Any], out: Path) -> Path:
    """The folder of a comparison: given itself, or where `circuits compare` puts that of these runs."""
    if len(given) == 1 and not isinstance(given[0], Run):
        asked = path_of(given[0], "a comparison")
        for folder in (asked, out / asked):
            if is_file(folder / SUMMARY) and not is_file(folder / "run.json"):
                return folder
        raise ValueError(
            f"{given[0]} is no folder of a comparison: it holds no {SUMMARY}. Compare two runs or more first: circuits "
            "compare RUN RUN"
        )
    found = [run.folder if isinstance(run, Run) else find_run(run, out) for run in given]
    name = comparison_name([folder.name for folder in found])
    # The store asked for, or the one that the runs are in.
    stores = tuple(dict.fromkeys((out, *(folder.parent for folder in found))))
    for store in stores:
        if (store / name / SUMMARY).is_file():
            return store / name
    runs, is_there = shell_line(map(str, found)), next((store for store in stores if store.is_dir()), out)
    raise ValueError(
        f"there is no comparison {name} of these runs in {', '.join(map(str, stores))}. Make it: circuits compare "
        f"{runs} --runs {shell_word(str(is_there))}. Of one that is elsewhere, give its folder instead of the runs."
    )


def _run(name: str, recorded: str | None, comparison: Path, out: Path) -> Run:
    """A run of a comparison: beside its folder, where it was when it was compared, or in the store.

    recorded  the way from the comparison's folder to that of the run; None in comparisons that do not hold it
    """
    own = comparison.absolute()
    places = [own.parent / name, *([] if recorded is None else [own / recorded])]
    found = next((place for place in places if (place / "run.json").is_file()), None)
    if found is not None:
        return open_run(found)
    try:
        return open_run(name, out=out)
    except ValueError as error:
        raise ValueError(f"{error} Say in which store the runs of {comparison} are: --runs FOLDER.") from None
