"""The run of a discovered circuit: its files, and the jobs that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pipelines.discover.head_codes import StoredCodes, codes_from
from pipelines.discover.plan import Jobs, Plan, all_jobs
from pipelines.engine.result_file import Result, encode
from pipelines.engine.store import Store
from pipelines.runs.run import NODE_SCORES, SCORES, Run, keep_run, scores_file
from pipelines.runs.settings_file import as_yaml, with_absolute_paths

CODES = "codes.npz"


class DiscoverRun(Run):
    """A run of `circuits discover`, with the codes of all heads where its method is one of head coding."""

    command = "discover"

    @cached_property
    def codes(self) -> StoredCodes | None:
        """Codes of all heads on positives and negatives, where the method is one of head coding."""
        if CODES not in self._record["files"]:
            return None
        return codes_from([self._result(CODES)])


def finish_run(store: Store, plan: Plan, summary: Mapping[str, Any]) -> DiscoverRun:
    """Write a run's circuit, scores and summary from the results of its jobs, all of which must be kept."""
    jobs = plan.jobs
    files = {
        "config.yaml": as_yaml(with_absolute_paths(plan.config)).encode(),
        "graph.json": store.read(jobs.graph.key).meta["graph"].encode(),
        "summary.json": (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode(),
        SCORES: _joined_scores(store, plan, SCORES),
    }
    if jobs.measure_nodes:
        files[NODE_SCORES] = _joined_scores(store, plan, NODE_SCORES)
    if jobs.coding:
        files[CODES] = _joined_codes(store, plan)
    return DiscoverRun(keep_run(store, plan, files))


def jobs_of(run: Run, **changes: Any) -> Jobs:
    """The jobs that made a run. ValueError where they would no longer give the same run.

    changes  settings to change that add jobs to the same run, such as `curve`
    """
    if not isinstance(run, DiscoverRun):
        raise ValueError(
            f"run {run.name} is a causal trace, which has no circuit whose faithfulness could be judged. Give runs of "
            "circuits discover (with --method causal-tracing, for one)."
        )
    jobs = all_jobs(run.config.model_copy(update=changes))
    if not run.name.endswith(jobs.graph.key[:8]):
        raise ValueError(
            f"run {run.name} is out of date: its model, its prompts or this package have changed since. Run it again: "
            f"circuits discover --config {run.folder / 'config.yaml'} --out {run.folder.parent}"
        )
    return jobs


def _joined_scores(store: Store, plan: Plan, name: str) -> bytes:
    """All slices of one method's scores in one file, with the prompts they belong to."""
    from pipelines.runs.codec import prompts_from, scores_from

    jobs = plan.jobs.measure_edges if name == SCORES else plan.jobs.measure_nodes
    prompts = store.read(plan.jobs.prompts.key)
    labels = {key: plan.jobs.graph.settings[key] for key in ("task", "seed")}
    scores = scores_from([store.read(job.key) for job in jobs], prompts_from(prompts), **labels)
    return scores_file(scores, prompts, key=f"{plan.run_name}/{name}")


def _joined_codes(store: Store, plan: Plan) -> bytes:
    """The codes of all trials in one file."""
    codes = codes_from([store.read(job.key) for job in plan.jobs.coding if job.stage.name == "codes"])
    arrays = {name: array for name, array in codes._asdict().items() if array is not None}
    return encode(Result({}, arrays), key=f"{plan.run_name}/{CODES}", stage="codes")
