"""What the circuits of runs share, as plain values: what each does on the other tasks, then their overlap."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.files import portable
from circuits.solved import dropped
from graphs.comparison.traces import compare_traces
from pipelines.compare.by_stage import stage_overlaps
from pipelines.compare.checkpoint_rows import checkpoint_rows
from pipelines.compare.differences import different_settings, given_twice
from pipelines.compare.many import OfMany, of_many
from pipelines.compare.overlap_rows import comparisons_of, groups_across, overlap_rows
from pipelines.compare.plan import ComparePlan
from pipelines.compare.transfer_rows import larger_than_needed, transfer_rows
from pipelines.reporting.report import Format, Report
from pipelines.runs.caveats import of_choices
from pipelines.runs.run import Run, names_of
from pipelines.trace.run import TraceRun

if TYPE_CHECKING:
    import pandas as pd

    from graphs import Comparison
    from graphs.comparison.traces import TraceComparison

_LARGEST_DIFFERENCES = 8


@dataclass(frozen=True, kw_only=True)
class StoredComparison(Report):
    """Circuits compared.

    comparisons  pair of runs, by number -> what their circuits share
    traces       recovery rates compared, where two causal traces were given
    many         what follows from comparing all at once
    summary      every number as plain values: transfer first, then overlap

    >>> from pipelines import compare, discover
    >>> comparison = compare(*(discover(task, prompts=8, edges=40) for task in ("ioi", "colored-objects")))
    >>> comparison.comparison.labels, comparison.to_frame().columns.tolist()[:3]
    (('ioi', 'colored-objects'), ['a', 'b', 'name'])
    """

    format = Format("circuit-workbench-comparison-summary", 4)
    comparisons: Mapping[tuple[int, int], Comparison]
    traces: TraceComparison | None
    many: OfMany
    summary: Mapping[str, Any]

    @property
    def comparison(self) -> Comparison:
        """What the first two circuits share."""
        return self.comparisons[0, 1]

    def content(self) -> dict[str, Any]:
        return dict(self.summary)

    def to_frame(self, table: str | None = None) -> pd.DataFrame:
        """A pandas frame of what every two circuits share: a row for each part of either, as in `Comparison.to_frame`.

        table  a CSV file of it instead, such as `overlap`, by its name without the ending
        The columns `a` and `b` say which two: runs are named as in tables.
        """
        import pandas as pd

        if table is not None:
            return super().to_frame(table)

        labels = list(self.summary["runs"])
        frames = []
        for (first, second), shared in self.comparisons.items():
            frame = shared.to_frame()
            frame.insert(0, "a", labels[first])
            frame.insert(1, "b", labels[second])
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def __repr__(self) -> str:
        return f"<StoredComparison of {', '.join(self.summary['runs'])} in {portable(self.folder)}>"

    def _html_parts(self) -> Iterable[str]:
        return (shared._repr_html_() for shared in self.comparisons.values())


def report(plan: ComparePlan) -> StoredComparison:
    """The comparison. ValueError for circuits of different models, which says what can still be compared.

    If two runs are of head coding, heads that code together across the two tasks share a group number. If both are
    causal traces, their recovery rates are compared cell by cell as well; a trace and a circuit of heads are compared
    by layer.
    """
    runs = plan.runs
    labels = labels_of(runs)
    comparisons = comparisons_of(runs, across_models=plan.across_models)
    summary: dict[str, Any] = {
        "runs": {label: run.name for label, run in zip(labels, runs, strict=True)},
        "run_folders": {label: _from(plan.folder, run.folder) for label, run in zip(labels, runs, strict=True)},
    }
    summary["of_runs"] = {label: _facts(run) for label, run in zip(labels, runs, strict=True)}
    overlaps = overlap_rows(labels, comparisons)
    # Each of several pairs has its chance of sharing much by luck.
    chance = {pair: row["p_value_corrected"] for pair, row in zip(comparisons, overlaps, strict=True)}
    summary["transfer"] = None if plan.transfer is None else transfer_rows(plan.transfer, labels, chance)
    summary["no_transfer"] = plan.no_transfer
    summary["overlaps"] = overlaps
    summary["by_stage"] = stage_overlaps(runs, labels)
    summary["checkpoints"] = [] if plan.transfer is None else checkpoint_rows(plan.runs, plan.transfer, labels)
    many = of_many(plan, labels, summary["transfer"])
    summary |= many.rows
    summary["solved"] = {label: dropped(_solved(run)) for label, run in zip(labels, runs, strict=True)}
    traces = None
    if len(runs) == 2:
        summary |= summary["overlaps"][0] | {side: run.name for side, run in zip("ab", runs, strict=True)}
        traces = _of_two(runs[0], runs[1], summary)
    of_runs = [*of_choices(runs), *larger_than_needed(summary["transfer"], summary["runs"])]
    warnings = tuple(dict.fromkeys([*given_twice(runs), *of_runs, *different_settings(runs)]))
    summary["warnings"] = list(warnings)
    return StoredComparison(
        folder=plan.folder, warnings=warnings, comparisons=comparisons, traces=traces, many=many, summary=summary
    )


def _from(folder: Path, run: Path) -> str:
    """The way from one folder to another, which holds when both are moved together."""
    return os.path.relpath(run.absolute(), folder.absolute())


def _of_two(first: Run, second: Run, summary: dict[str, Any]) -> TraceComparison | None:
    """What only two runs have: their traces compared, and the groups of their heads."""
    if groups := groups_across(first, second):
        summary["head_groups"] = [
            [name for name, of in groups.items() if of == group] for group in sorted(set(groups.values()))
        ]
    if not (isinstance(first, TraceRun) and isinstance(second, TraceRun)):
        return None
    traces = compare_traces(first.trace, second.trace)
    summary["traces"] = _of_traces(traces)
    return traces


def labels_of(runs: Sequence[Run]) -> list[str]:
    """What runs are called in tables: their tasks, where these tell them apart, else with their models, or their names.

    A run that is given twice is numbered.
    """
    names = [run.name for run in runs]
    tasks = [run.circuit.label for run in runs]
    of_models = [f"{task} ({Path(run.config.model).name})" for task, run in zip(tasks, runs, strict=True)]
    for labels in (tasks, of_models, names_of(runs)):
        if len(set(labels)) == len(labels):
            return labels
    return [f"{name} ({number})" for number, name in enumerate(names, start=1)]


def _solved(run: Run) -> Mapping[str, int] | None:
    origin = run.circuit.provenance
    return None if origin is None else origin.solved


def _facts(run: Run) -> dict[str, Any]:
    """What a run's circuit was found with, and on which prompts it was judged."""
    origin = run.scores.provenance
    return {
        "task": run.circuit.label,
        "model": run.summary.get("model", origin.model),
        "method": run.config.method,
        "metric": run.config.metric,
        "ablation": origin.ablation,
        "judged_on": run.summary.get("judged_on", "same"),
        "n_edges": run.circuit.n_edges,
        "of_edges": run.circuit.of_edges,
    }


def _of_traces(traces: TraceComparison) -> dict[str, Any]:
    """How far two traces agree, and where they recover the most different amounts."""
    counts = {"cells": traces.n_cells, "cells_apart": traces.n_apart}
    correlations = {"rank_correlations": dict(traces.correlations)}
    return counts | correlations | {"largest": traces.rows()[:_LARGEST_DIFFERENCES]}
