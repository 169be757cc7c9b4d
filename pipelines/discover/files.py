"""The files of a discovered circuit's run.

sizes.pdf, .svg   faithfulness over the size of circuits: with `curve`, and where it is not monotone, or steep

Beside it the files of every run (`pipelines.runs.run`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.discover.figures import figures_of
from pipelines.discover.plan import DiscoverPlan
from pipelines.discover.run import kept_file
from pipelines.engine.result_file import Result, encode
from pipelines.engine.store import as_json
from pipelines.runs.asked_model import graph_bytes, model_asked
from pipelines.runs.codec import prompts_from, scores_from
from pipelines.runs.run import NODE_SCORES, SCORES, scores_file
from pipelines.runs.run_plan import run_files

if TYPE_CHECKING:
    from pipelines.discover.report import Discovery


def files(plan: DiscoverPlan, report: Discovery) -> dict[str, bytes]:
    """Circuit, scores and summary, from the results of the run's jobs."""
    kept = {
        "graph.json": graph_bytes(plan),
        "summary.json": as_json(report.content()),
        SCORES: _joined_scores(plan, SCORES),
    }
    if plan.jobs.measure_nodes:
        kept[NODE_SCORES] = _joined_scores(plan, NODE_SCORES)
    for name, arrays in report.kept.items():
        file = kept_file(name)
        kept[file] = encode(Result({}, arrays), key=f"{plan.run_name}/{file}", stage=name)
    figures = figures_of(report.summary, bound=1 - plan.config.tolerance)
    return run_files(plan, kept, beside=figures)


def _joined_scores(plan: DiscoverPlan, name: str) -> bytes:
    """All slices of one method's scores in one file, with the prompts they belong to."""
    jobs = plan.jobs.measure_edges if name == SCORES else plan.jobs.measure_nodes
    prompts = plan.store.read(plan.jobs.choosing.key)
    labels = {key: plan.jobs.graph.settings[key] for key in ("task", "seed")} | {"model": model_asked(plan.config)}
    scores = scores_from([plan.store.read(job.key) for job in jobs], prompts_from(prompts), **labels)
    return scores_file(scores, prompts, key=f"{plan.run_name}/{name}")
