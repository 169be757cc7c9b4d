"""Discover, open and compare circuits from Python; the command line is a thin layer over these functions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.carry_out import compute_run
from pipelines.config import Execution, RunConfig, settings_from
from pipelines.plan import plan
from pipelines.runs import Run, find_run, finish_run
from pipelines.store import Store, write_atomically, write_json
from pipelines.summary import summarize

if TYPE_CHECKING:
    from graphs import Comparison

COMPARISON = "comparison.json"
_LARGEST_DIFFERENCES = 8


@dataclass(frozen=True)
class Discovery:
    """A run, and what this call spent on it."""

    run: Run
    n_jobs: int
    n_computed: int
    seconds: float

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run.folder


@dataclass(frozen=True)
class StoredComparison:
    """Two circuits compared, and the folder that holds the comparison (JSON and PDF)."""

    comparison: Comparison
    folder: Path
    summary: Mapping[str, Any]


def discover(task: str | Path, **settings: Any) -> Run:
    """Find the circuit of a task, or of the prompts in a file, and store it; computes only what the store lacks.

    settings  fields of `RunConfig` (model, method, settings, metric, prompts, seed, edges, threshold, curve, ...) and
              of `Execution` (out, workers, scheduler, gpus, device), as on the command line
    Raises a ValueError that says what to change, before any model runs where possible.
    With `workers` or `gpus`, call it under `if __name__ == "__main__":`, because worker processes import the script.
    """
    checked = settings_from({"task": str(task)} | settings)
    return run_discovery(checked.run, checked.execution).run


def run_discovery(config: RunConfig, execution: Execution, *, shows_progress: bool = False) -> Discovery:
    """`discover` with checked settings; also reports what it cost."""
    began = time.monotonic()
    store = Store(execution.out)
    store.prepare()
    todo = plan(config, store)
    n_computed = compute_run(todo, store, execution, shows_progress=shows_progress)
    run = finish_run(store, todo, summarize(todo, store))
    return Discovery(run, len(todo.jobs.all), n_computed, time.monotonic() - began)


def open_run(reference: str | Path, *, out: str | Path = "runs") -> Run:
    """A finished run, by the path of its folder or by its name in the store `out`."""
    return Run(find_run(reference, Path(out)))


def compare(
    a: Run | str | Path,
    b: Run | str | Path,
    *,
    folder: str | Path | None = None,
    out: str | Path = "runs",
    across_models: bool = False,
) -> StoredComparison:
    """What the circuits of two runs share, compared with chance; saved as JSON and PDF.

    folder         where to save it; by default `compare-A-B` within `out`
    out            the store in which runs are looked up by name
    across_models  compare models of the same architecture, such as two checkpoints, head by head
    Raises a ValueError for circuits of different models, which says what can still be compared.
    If both runs are of head coding, heads that code together across the two tasks share a group number. If both are
    causal traces, their recovery rates are compared cell by cell as well; a trace and a circuit of heads are compared
    by layer.
    """
    from graphs import compare as compare_graphs
    from graphs.export import exporter

    first, second = (run if isinstance(run, Run) else open_run(run, out=out) for run in (a, b))
    target = Path(folder) if folder is not None else Path(out) / f"compare-{first.name}-{second.name}"
    groups = _groups_across(first, second)
    if first.graph.wiring.joins_heads == second.graph.wiring.joins_heads:
        comparison = compare_graphs(
            first.graph.with_groups(groups),
            second.graph.with_groups(groups),
            scores=(first.scores, second.scores),
            node_scores=(first.node_scores, second.node_scores),
            across_models=across_models,
        )
    else:  # a trace has whole layers only, so the other circuit's heads are merged by layer
        comparison = compare_graphs(first.graph.by_layer(), second.graph.by_layer(), across_models=across_models)
    summary = {"a": first.name, "b": second.name, "folder": str(target)} | comparison.reuse.summary()
    if first.trace is not None and second.trace is not None:
        summary["traces"] = _compare_traces(first, second, comparison.labels, target)
    if groups:
        summary["head_groups"] = [
            [name for name, of in groups.items() if of == group] for group in sorted(set(groups.values()))
        ]
    for name, kind in ((COMPARISON, "json"), ("comparison.pdf", "pdf")):
        write_atomically(target / name, exporter(kind).to_bytes(comparison))
    write_json(target / "summary.json", summary)
    return StoredComparison(comparison, target, summary)


def _compare_traces(a: Run, b: Run, labels: tuple[str, str], target: Path) -> dict[str, Any]:
    """Where two traces recover different amounts, saved as a table and a figure (traces.json, traces.pdf, .svg)."""
    from graphs.trace_comparison import compare_traces
    from graphs.trace_figure import trace_figure_bytes
    from pipelines.trace_figures import FORMATS, LABELS

    assert a.trace is not None
    assert b.trace is not None
    comparison = compare_traces(a.trace, b.trace)
    rows = comparison.rows()
    write_json(target / "traces.json", {"a": a.name, "b": b.name, "cells": rows})
    origin = a.trace.scores.provenance
    subtitle = f"{origin.model}, {origin.metric}; {a.name} and {b.name}"
    if (table := comparison.table(labels, LABELS, subtitle)) is not None:
        for kind in FORMATS:
            write_atomically(target / f"traces.{kind}", trace_figure_bytes(table, kind))
    counts = {"cells": comparison.n_cells, "cells_apart": comparison.n_apart}
    correlations = {"rank_correlations": dict(comparison.correlations)}
    return counts | correlations | {"largest": rows[:_LARGEST_DIFFERENCES]}


def _groups_across(a: Run, b: Run) -> dict[str, int]:
    """Head -> number of its group, for heads that code together on the prompts of both runs; empty without codes.

    Heads of one group show positive-only codes on the same prompts of both tasks (`circuits.coding.grouping`).
    """
    coded = [run.codes for run in (a, b)]
    models = {run.scores.provenance.model_fingerprint for run in (a, b)}
    if None in coded or len(models) > 1:
        return {}
    from circuits.coding.grouping import named_groups

    return named_groups([(run.codes, run.is_positive) for run in coded if run is not None], a.graph.wiring.n_heads)


def export(reference: str | Path, kind: str, *, out: str | Path = "runs") -> bytes:
    """A run's circuit or a comparison in another format: json, graphml, csv, pdf, svg.

    reference  a run (path or name within `out`), or a comparison (its folder or its comparison.json)
    """
    from graphs.export import exporter

    exports = exporter(kind)
    if (path := _comparison_file(Path(reference), Path(out))) is not None:
        return exports.to_bytes(read_comparison(path))
    run = open_run(reference, out=out)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return exports.to_bytes(run.graph, scores=scores)


def read_comparison(path: Path) -> Comparison:
    """The comparison in a JSON file."""
    from graphs import Comparison
    from graphs.export.json import JsonExport

    content = JsonExport().read(path)
    if not isinstance(content, Comparison):
        raise ValueError(f"{path} holds one circuit, not a comparison.")
    return content


def _comparison_file(given: Path, out: Path) -> Path | None:
    for path in (given, given / COMPARISON, out / given / COMPARISON):
        if path.is_file() and path.name == COMPARISON:
            return path
    return None
