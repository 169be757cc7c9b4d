"""Where the stored results of a report are; nothing is computed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.compare.plan import comparison_name
from pipelines.engine.execution import Execution
from pipelines.engine.plan import Plan
from pipelines.report.settings import ReuseSettings
from pipelines.runs.run import Run, find_run, open_run

SUMMARY = "summary.json"
REPAIR = "repair.json"
_COMPARISON = {"runs": dict, "transfer": dict | None, "overlaps": list, "matrices": dict, "warnings": list}
_REPAIR = {"rows": list, "chance": object, "settings": dict, "edits": list}


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
    comparison = _read(folder / SUMMARY)
    _check(comparison, _COMPARISON, folder / SUMMARY, "comparison", f"circuits compare ... --out {folder}")
    repair = None
    if settings.repair is not None:
        repair = _read(settings.repair / REPAIR)
        _check(repair, _REPAIR, settings.repair / REPAIR, "repair", "circuits intervene repair ...")
    recorded = comparison.get("run_folders", {})
    runs = {label: _run(name, recorded.get(label), folder, execution.out) for label, name in comparison["runs"].items()}
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
    found = [run.folder if isinstance(run, Run) else find_run(run, out) for run in given]
    name = comparison_name([folder.name for folder in found])
    # The store asked for, or the one that the runs are in.
    stores = tuple(dict.fromkeys((out, *(folder.parent for folder in found))))
    for store in stores:
        if (store / name / SUMMARY).is_file():
            return store / name
    runs, is_there = shlex.join(map(str, found)), next((store for store in stores if store.is_dir()), out)
    raise ValueError(
        f"there is no comparison {name} of these runs in {', '.join(map(str, stores))}. Make it: circuits compare "
        f"{runs} --runs {shlex.quote(str(is_there))}. Of one that is elsewhere, give its folder instead of the runs."
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


def _check(found: Mapping[str, Any], needed: Mapping[str, Any], path: Path, kind: str, command: str) -> None:
    """ValueError where a part of a stored result is missing or of another shape; it names the parts."""
    if wrong := [name for name, shape in needed.items() if name not in found or not isinstance(found[name], shape)]:
        raise ValueError(
            f"{path} is no {kind} of this version (missing or damaged: {', '.join(wrong)}). Repeat the command that "
            f"made it: {command}"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}). The command that wrote it writes it anew.") from None
    if not isinstance(found, dict):
        raise ValueError(
            f"{path} is damaged (it holds {type(found).__name__}, not an object). The command that wrote it writes it "
            "anew."
        )
    return found
