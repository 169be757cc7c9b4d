"""The jobs of a rank curve.

prompts --> check --> rank-fit --> rank-judge (one job per slice of the prompts)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.ablations import Zero
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.intervene.rank.settings import RankSettings
from pipelines.intervene.rank.stages import FIT, JUDGE
from pipelines.intervene.two_halves import first_of_halves, judge_jobs
from pipelines.runs.first_jobs import FirstJobs, subject_name
from pipelines.runs.model_parts import require_heads

_RANKS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class RankPlan(Plan):
    """A rank curve on the prompts of a task.

    fitted  finds the directions of both halves
    slices  one job for each slice of the prompts
    """

    settings: RankSettings
    first: FirstJobs
    fitted: Job
    slices: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        stem = subject_name(self.settings.run_config())
        return self.store.folder / f"rank-{stem}-{short_digest(keys_of(self.slices))}"

    @property
    def work(self) -> Sequence[Work]:
        first = self.first
        jobs = (*first.answered, first.prompts, first.check, self.fitted, *self.slices)
        return (Work(self.store, jobs, f"directions of {', '.join(self.settings.heads)} on {self.settings.task}"),)


def plan(settings: RankSettings, execution: Execution) -> RankPlan:
    """The jobs of a rank curve. ValueError for a task or a model that is not there, and for fewer than four prompts."""
    store = Store(execution.out)
    require_heads(settings.heads, settings.model)
    # Corrupt prompts are not run: pairs of equal prompts, which an ablation by them leaves out, are kept.
    asked = settings.run_config(ablation=Zero.name)
    first = first_of_halves(asked, store)
    ran: dict[str, Any] = {name: first.ran[name] for name in ("model", "dtype")}
    heads = {"heads": list(settings.heads), "query": settings.query, "key": settings.key, "sides": [*settings.sides]}
    # Each half has one query of each prompt: n of them tell n - 1 directions.
    default = [rank for rank in _RANKS if rank < first.n_prompts // 2]
    ranks = {"ranks": list(settings.ranks), "default_ranks": [] if settings.ranks else default}
    inputs = {"prompts": (first.prompts.key,)}
    fitted = Job(FIT, ran | heads | ranks, inputs, first.locations, first.after, weight=1 + first.n_prompts)
    n_runs = (1 + settings.random) * len(settings.ranks or default)
    own = ran | heads | {"metric": settings.metric, "random": settings.random, "seed": settings.seed}
    slices = judge_jobs(JUDGE, own, first, fitted, n_runs=n_runs)
    return RankPlan(settings, first, fitted, slices, store)
