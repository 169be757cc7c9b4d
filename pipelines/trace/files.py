"""The files of a trace.

trace.json           summary, and a row for every component at every position
trace.csv            the rows
trace.pdf, .svg      recovery rates, layer by position
depth.pdf, .svg      the same as curves over depth, by kind of component; places.pdf, .svg by position
heads.pdf, .svg      of single heads at the position that chooses the graph, where they were traced
patches-0.pdf, ...   on the image of a prompt, where draw_images asks for them

Beside them the files of every run (`pipelines.runs.run`); the circuit is a graph of layers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipelines.engine.store import as_json
from pipelines.reporting.tables import as_csv
from pipelines.runs.asked_model import graph_bytes, model_asked
from pipelines.runs.codec import prompts_from
from pipelines.runs.run import NODE_SCORES, SCORES, scores_file
from pipelines.runs.run_plan import run_files
from pipelines.trace.figures import figures_of
from pipelines.trace.plan import TracePlan
from pipelines.trace.report import Traced
from pipelines.trace.run import TRACE_SCORES
from pipelines.trace.stages import graph_scores, no_edges, trace_from

TRACE_FILE = "trace.json"


def files(plan: TracePlan, report: Traced) -> dict[str, bytes]:
    """Those of every run, tables and figures."""
    tables = {TRACE_FILE: as_json(report.to_dict()), "trace.csv": as_csv(report.rows)}
    return run_files(plan, _of_run(plan, report), beside=tables | figures_of(report, plan, plan.store))


def _of_run(plan: TracePlan, report: Traced) -> dict[str, bytes]:
    """The files that every run has."""
    jobs, store, prompts = plan.jobs, plan.store, plan.store.read(plan.jobs.prompts.key)
    labels = {key: jobs.graph.settings[key] for key in ("task", "seed")} | {"model": model_asked(plan.config)}
    traced = trace_from([store.read(job.key) for job in jobs.trace], prompts_from(prompts), **labels)
    nodes = graph_scores(traced.scores)
    edges = no_edges(replace(traced.scores, wiring=traced.scores.wiring.by_layer) if nodes is None else nodes)

    def kept(name: str, scores: Any, **arrays: Any) -> bytes:
        return scores_file(scores, prompts, key=f"{plan.run_name}/{name}", **arrays)

    return {
        "graph.json": graph_bytes(plan),
        "summary.json": as_json(report.summary),
        SCORES: kept(SCORES, edges),
        **({} if nodes is None else {NODE_SCORES: kept(NODE_SCORES, nodes)}),
        TRACE_SCORES: kept(TRACE_SCORES, traced.scores, clean=traced.clean, corrupt=traced.corrupt),
    }
