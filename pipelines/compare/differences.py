"""In what runs differ beside their task: what a comparison of tasks has to say before anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.compare.unused import are_of_one_model
from pipelines.discover.settings import RANKINGS, DiscoverSettings
from pipelines.runs.run import Run


def _chosen_by(run: Run) -> str:
    """The rule of a circuit with its settings, without its size and its ranking: these may differ from task to task."""
    left_out = ("n", "n_edges", "name", "absolute")
    rule = run.circuit.selection
    return ", ".join([str(rule["name"]), *(f"{key}={value}" for key, value in rule.items() if key not in left_out)])


_SETTINGS: Mapping[str, Callable[[Run], Any]] = {
    "command": lambda run: run.command,
    "method": lambda run: run.config.method,
    "model": lambda run: run.scores.provenance.model,
    "dtype": lambda run: run.config.dtype,
    "metric": lambda run: run.config.metric,
    "ablation": lambda run: run.scores.provenance.ablation,
    "selection": _chosen_by,
}


def different_settings(runs: Sequence[Run]) -> list[str]:
    """One line that names every setting, beside the task, in which the runs differ; none where they do not.

    Rankings that were not asked for, and were found to do better, are a line of their own.
    """
    values = {name: {run: str(value_of(run)) for run in runs} for name, value_of in _SETTINGS.items()}
    rankings = {run: _ranking(run) for run in runs if "absolute" in run.circuit.selection}
    is_found = all(_found_its_ranking(run) for run in rankings)
    if not is_found:
        values["ranking"] = {run: RANKINGS[ranking] for run, ranking in rankings.items()}
    different = [f"{name}: {_shown(of)}" for name, of in values.items() if len(set(of.values())) > 1]
    tasks = {run.scores.provenance.task for run in runs}
    lines = []
    if len(tasks) == 1 and are_of_one_model(runs):
        lines.append(
            f"all runs are of one task, {tasks.pop()}: what is said of the other task is said of this one, so that "
            "methods, settings or prompts are compared, and no tasks."
        )
        if different:
            lines.append(f"the runs differ in {'. '.join(different)}.")
    elif different:
        text = ". ".join(different)
        lines.append(f"the runs differ in more than their task, so what differs may be due to that: {text}.")
    if is_found and len(set(rankings.values())) > 1:
        lines.append(
            "rankings were chosen by the data, for each run the one that did better on the prompts that choose: "
            f"{_shown({run: RANKINGS[ranking] for run, ranking in rankings.items()})}. To rank all alike, discover "
            "with --ranking."
        )
    return lines


def given_twice(runs: Sequence[Run]) -> list[str]:
    """A line for each run that is compared with itself."""
    counts = Counter(run.folder for run in runs)
    names = {run.folder: run.name for run in runs}
    return [
        f"{names[folder]} is given {'twice' if n == 2 else f'{n} times'}: it shares everything with itself."
        for folder, n in counts.items()
        if n > 1
    ]


def _shown(values: Mapping[Run, str]) -> str:
    """Every value with the runs that have it."""
    by_value: dict[str, list[str]] = {}
    for run, value in values.items():
        by_value.setdefault(value, []).append(run.name)
    return "; ".join(f"{value} ({', '.join(named)})" for value, named in by_value.items())


def _ranking(run: Run) -> str:
    return "absolute" if run.circuit.selection["absolute"] else "signed"


def _found_its_ranking(run: Run) -> bool:
    """Whether the ranking was not asked for."""
    return isinstance(run.config, DiscoverSettings) and run.config.ranked_by is None
