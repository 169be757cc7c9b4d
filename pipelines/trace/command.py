"""Causal traces from Python; `circuits trace` is a thin layer.

trace.json           summary, and a row for every component at every position
trace.csv            the rows
trace.pdf, .svg      recovery rates, layer by position
depth.pdf, .svg      the same as curves over depth, by kind of component; places.pdf, .svg by position
heads.pdf, .svg      of single heads at the position that chooses the graph, where they were traced
patches-0.pdf, ...   on the image of a prompt, where draw_images asks for them

Beside them the files of every run (`pipelines.runs.run`); the circuit is a graph of layers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from circuits.data.question_files import is_question_file
from circuits.tasks import IMAGE_TASKS
from pipelines.engine.execution import Execution
from pipelines.engine.store import Store, write_atomically
from pipelines.runs.codec import prompts_from
from pipelines.runs.run import NODE_SCORES, SCORES, Computed, compute_run, keep_run, scores_file
from pipelines.runs.settings_file import as_yaml, execution_from, require_known, validation_message, with_absolute_paths
from pipelines.trace.figures import LABELS, figures_of
from pipelines.trace.plan import TracePlan, plan_trace
from pipelines.trace.report import TraceReport, as_json, report_of, tables_of
from pipelines.trace.run import TRACE_SCORES, TraceRun
from pipelines.trace.settings import TraceConfig
from pipelines.trace.stages import graph_scores, no_edges, trace_from


@dataclass(frozen=True)
class Traced(Computed[TraceRun]):
    """A causal trace, and what this call spent on it."""

    report: TraceReport


def trace(task: str | Path, **settings: Any) -> TraceRun:
    """Trace a task, or the prompts of a file, and keep the trace; computes only what the store lacks.

    settings  fields of `TraceConfig` (model, settings of the method, metric, ablation, noise, noise_at, schedule,
              images, annotations, prompts, seed, position, min_gap, min_recovery, draw_images, ...) and of `Execution`
    Raises a ValueError that says what to change, before any model runs where that can be known.

    >>> from pipelines import trace
    >>> run = trace("ioi", prompts=4, noise_at="S1")
    >>> run.trace.scores.positions
    ('S1', 'S1+1', 'IO', 'S2', 'END')
    """
    config, execution = trace_settings({"task": str(task)} | settings)
    return run_trace(config, execution).run


def trace_settings(values: dict[str, Any]) -> tuple[TraceConfig, Execution]:
    """Checked settings from flat values. Without an ablation: noise on images, or on the embeddings of text."""
    require_known(values, TraceConfig)
    if values.get("task") is None:
        raise ValueError("no task is given. Name a task (`circuits tasks` lists them) or a prompt file.")
    fields = {key: value for key, value in values.items() if key in TraceConfig.model_fields}
    if (position := fields.get("position")) is not None:
        # As tables and figures call it.
        fields["position"] = next((name for name, label in LABELS.items() if position == label), str(position))
    execution = execution_from({key: value for key, value in values.items() if key in Execution.model_fields})
    try:
        config = TraceConfig(**fields)
        if "ablation" not in fields:
            config = TraceConfig(**{**fields, "ablation": "image-noise" if _asks_about_images(config) else "noise"})
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None
    return config, execution


def _asks_about_images(config: TraceConfig) -> bool:
    path = config.prompt_file
    if path is None:
        return config.task in IMAGE_TASKS
    return path.is_file() and is_question_file(path.read_bytes())


def run_trace(config: TraceConfig, execution: Execution, *, shows_progress: bool = False) -> Traced:
    """`trace` on checked settings, with what it cost."""
    began = time.monotonic()
    store = Store(execution.out)
    store.prepare()
    plan = plan_trace(config, store)
    n_computed = compute_run(plan, store, execution, shows_progress=shows_progress)
    report = report_of(plan, store)
    run = TraceRun(keep_run(store, plan, _run_files(store, plan, report)))
    for name, data in (tables_of(report) | figures_of(report, plan, store)).items():
        write_atomically(run.folder / name, data)
    return Traced(run, len(plan.jobs.all), n_computed, time.monotonic() - began, report)


def _run_files(store: Store, plan: TracePlan, report: TraceReport) -> dict[str, bytes]:
    """The files that every run has."""
    jobs, prompts = plan.jobs, store.read(plan.jobs.prompts.key)
    labels = {key: jobs.graph.settings[key] for key in ("task", "seed")}
    traced = trace_from([store.read(job.key) for job in jobs.trace], prompts_from(prompts), **labels)
    nodes = graph_scores(traced.scores)
    edges = no_edges(replace(traced.scores, wiring=traced.scores.wiring.by_layer) if nodes is None else nodes)

    def kept(name: str, scores: Any, **arrays: Any) -> bytes:
        return scores_file(scores, prompts, key=f"{plan.run_name}/{name}", **arrays)

    return {
        "config.yaml": as_yaml(with_absolute_paths(plan.config)).encode(),
        "graph.json": store.read(jobs.graph.key).meta["graph"].encode(),
        "summary.json": as_json(report.summary),
        SCORES: kept(SCORES, edges),
        **({} if nodes is None else {NODE_SCORES: kept(NODE_SCORES, nodes)}),
        TRACE_SCORES: kept(TRACE_SCORES, traced.scores, clean=traced.clean, corrupt=traced.corrupt),
    }
