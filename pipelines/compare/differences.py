"""In what runs differ beside their task: what a comparison of tasks has to say before anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.discover.settings import RANKINGS
from pipelines.runs.run import Run


def _chosen_by(run: Run) -> str:
    """The rule of a circuit with its settings, without its size: that may differ from task to task."""
    sizes = ("n", "n_edges")
    rule = {key: value for key, value in run.graph.selection.items() if key not in sizes}
    words = {key: f"{key}={value}" for key, value in rule.items()} | {"name": str(rule["name"])}
    if "absolute" in rule:
        words["absolute"] = RANKINGS["absolute" if rule["absolute"] else "signed"]
    return ", ".join([words.pop("name"), *words.values()])


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
    """One line that names every setting, beside the task, in which the runs differ; none where they do not."""
    differences = []
    for name, value_of in _SETTINGS.items():
        values = {run.name: str(value_of(run)) for run in runs}
        if len(set(values.values())) > 1:
            by_value: dict[str, list[str]] = {}
            for run, value in values.items():
                by_value.setdefault(value, []).append(run)
            shown = "; ".join(f"{value} ({', '.join(named)})" for value, named in by_value.items())
            differences.append(f"{name}: {shown}")
    if not differences:
        return []
    return [f"the runs differ in more than their task, so what differs may be due to that: {'. '.join(differences)}."]
