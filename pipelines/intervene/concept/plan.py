"""The jobs of a concept.

prompts --> check --> concept-vector (with two other sets of prompts, where given) --> concept-judge (in slices)
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
from pipelines.intervene.concept.settings import ConceptSettings
from pipelines.intervene.concept.stages import FIT, FIT_OF_SETS, GENERATE, JUDGE, ROOM, SETS
from pipelines.intervene.two_halves import first_of_halves, judge_jobs
from pipelines.runs.first_jobs import FirstJobs, PromptJobs, subject_name
from pipelines.runs.model_parts import require_stream
from pipelines.runs.settings import PromptSettings


@dataclass(frozen=True)
class ConceptPlan(Plan):
    """A concept added on the prompts of a task.

    sets    the prompts with the concept and without it; none for clean minus corrupt
    room    whether there is room for what is generated; none where nothing is
    fitted  makes the vectors of both halves
    slices  one job for each slice of the prompts
    said    likewise, what is generated; none where nothing is
    """

    settings: ConceptSettings
    first: FirstJobs
    sets: tuple[PromptJobs, ...]
    room: tuple[Job, ...]
    fitted: Job
    slices: tuple[Job, ...]
    said: tuple[Job, ...]
    store: Store

    @property
    def folder(self) -> Path:
        stem = subject_name(self.settings.run_config())
        return self.store.folder / f"concept-{stem}-{short_digest(keys_of((*self.slices, *self.said)))}"

    @property
    def work(self) -> Sequence[Work]:
        first = self.first
        made = [job for own in self.sets for job in (*own.answered, own.prompts)]
        jobs = (*first.answered, first.prompts, first.check, *made, *self.room, self.fitted, *self.slices, *self.said)
        # A set may be of the judged prompts' own task, or both of one: these jobs are one.
        once = tuple({job.key: job for job in jobs}.values())
        return (Work(self.store, once, f"concept before layer {self.settings.layer} on {self.settings.task}"),)


def plan(settings: ConceptSettings, execution: Execution) -> ConceptPlan:
    """The jobs of a concept. ValueError for a task or a model that is not there, and for fewer than four prompts."""
    store, is_of_sets = Store(execution.out), settings.concept is not None
    require_stream(settings.layer, settings.model)
    # With other sets, corrupt prompts are not run: pairs of equal prompts, which an ablation leaves out, are kept.
    asked = settings.run_config(**({"ablation": Zero.name} if is_of_sets else {}))
    first = first_of_halves(asked, store)
    named = [name for name in (settings.concept, settings.baseline) if name is not None]
    sets = tuple(_set_of(settings.set_config(name)) for name in named)
    ran: dict[str, Any] = {name: first.ran[name] for name in ("model", "dtype")} | {"layer": settings.layer}
    inputs = {"prompts": (first.prompts.key,)}
    made = dict(zip(SETS, ((own.prompts.key,) for own in sets), strict=False))
    n_read = 2 * first.n_prompts + sum(own.n_prompts for own in sets)
    room: tuple[Job, ...] = ()
    if settings.generate:
        asked_of = {name: first.ran[name] for name in ("model", "dtype")} | {"generate": settings.generate}
        room = (Job(ROOM, asked_of, inputs, first.locations, first.after),)
    fitted = Job(
        FIT_OF_SETS if is_of_sets else FIT,
        ran | {"read": settings.read_at, "at": settings.at},
        inputs | made,
        first.locations,
        (*first.after, *keys_of(room)),
        weight=1 + n_read,
    )
    own = ran | {"at": settings.at, "strengths": list(settings.strengths), "metric": settings.metric}
    own |= {"random": settings.random, "seed": settings.seed}
    n_runs = (1 + settings.random) * len(settings.strengths)
    slices = judge_jobs(JUDGE, own, first, fitted, n_runs=n_runs)
    said: tuple[Job, ...] = ()
    if settings.generate:
        drawn = {name: own[name] for name in ("at", "strengths", "random", "seed")}
        on_texts = ran | drawn | {"generate": settings.generate}
        said = judge_jobs(GENERATE, on_texts, first, fitted, n_runs=n_runs * settings.generate)
    return ConceptPlan(settings, first, sets, room, fitted, slices, said, store)


def _set_of(config: PromptSettings) -> PromptJobs:
    jobs = PromptJobs(config)
    if jobs.n_prompts < 1:
        raise ValueError(f"{config.task} holds no prompt: a vector is the mean over a set of them.")
    return jobs
