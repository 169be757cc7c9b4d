"""The jobs of a repair.

prompts --> choosing half --> find (with the other task's prompts) --> try --> importance
        --> judging half, try --> judge (in slices), observe
the other task's prompts, try --> silence
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from circuits.edits import edit_from
from circuits.lookup import unknown
from circuits.tasks import TASKS
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.intervene.edited_jobs import edit_check, first_jobs
from pipelines.intervene.repair.settings import RepairSettings
from pipelines.intervene.repair.stages import (
    FIND_BY_BEHAVIOR,
    FIND_BY_EFFECT,
    IMPORTANCE,
    JUDGE,
    OBSERVE,
    SILENCE,
    TRY_SETS,
)
from pipelines.runs.first_jobs import FirstJobs, subject_name
from pipelines.runs.method_settings import with_portable_paths
from pipelines.runs.run import Run, find_run, open_run, path_of
from pipelines.runs.settings import PROMPT_ENDINGS, RunConfig

KNOCK_OUT = "knock-out END"


class RepairJobs(NamedTuple):
    """All jobs of a repair, by purpose. `like` and what comes of it are empty where no other task is given."""

    first: FirstJobs
    checked: tuple[Job, ...]
    choosing: FirstJobs
    judging: FirstJobs
    like: FirstJobs | None
    found: tuple[Job, ...]
    tried: Job
    importance: Job
    judged: tuple[Job, ...]
    observed: Job
    silenced: tuple[Job, ...]

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        first, like = self.first, self.like
        before = (*first.answered, first.prompts, first.check)
        of_like = () if like is None else (*like.answered, like.prompts, like.check)
        halves = (self.choosing.prompts, self.judging.prompts)
        found = (*self.found, self.tried, self.importance)
        return (*before, *of_like, *self.checked, *halves, *found, *self.judged, self.observed, *self.silenced)


@dataclass(frozen=True)
class RepairPlan(Plan):
    """A repair of a task.

    edits  as they are written
    like   what the other task is called; None without one
    """

    settings: RepairSettings
    edits: tuple[str, ...]
    groups: tuple[str, str]
    like: str | None
    jobs: RepairJobs
    store: Store

    @property
    def folder(self) -> Path:
        keys = "".join(job.key for job in self.jobs.all)
        stem = subject_name(self.settings.run_config())
        return self.store.folder / f"repair-{stem}-{hashlib.sha256(keys.encode()).hexdigest()[:8]}"

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, self.jobs.all, f"repair of {self.settings.task}"),)


def plan(settings: RepairSettings, execution: Execution) -> RepairPlan:
    """The jobs of a repair. ValueError for a task, a run or a model that is not there, and roles that are not known."""
    config = settings.run_config()
    groups = _groups(settings.task, settings.right, settings.wrong, "")
    edits = settings.edit or (edit_from(f"set END {groups[1]}").text,)
    first = first_jobs(config)
    if first.n_prompts < 4:
        raise ValueError(
            f"{settings.task} holds fewer than 4 prompts whose clean and corrupt sides differ: half choose and half "
            "judge, give at least 4."
        )
    half = first.n_prompts // 2
    like_config, like_groups = None, None
    if settings.like is not None:
        like_config = _like_config(settings, config, execution, half)
        if settings.find == "behavior":
            like_groups = _groups(like_config.task, settings.like_right, settings.like_wrong, "like-")
    jobs = _jobs(settings, first, edits, groups, like_config, like_groups)
    like = None if like_config is None else with_portable_paths(like_config).task
    return RepairPlan(settings, edits, groups, like, jobs, Store(execution.out))


def _groups(task: str, right: str | None, wrong: str | None, prefix: str) -> tuple[str, str]:
    """The roles of right and wrong words: those given, or the task's own."""
    own = TASKS.get(task)
    known = ("", "") if own is None else (own.right_roles, own.wrong_roles)
    chosen = (right or known[0], wrong or known[1])
    if not all(chosen):
        named = ", ".join(name for name, of in TASKS.items() if of.wrong_roles)
        raise ValueError(
            f"it is not known which words of {task!r} say the answer and which compete with it (it is of {named}): "
            f"give their roles, --{prefix}right ROLES and --{prefix}wrong ROLES."
        )
    return chosen


def _like_config(settings: RepairSettings, config: RunConfig, execution: Execution, n: int) -> RunConfig:
    """The prompts of the other task: those of a run, or as many as choose, of a task."""
    like = settings.like
    if not isinstance(like, Run) and (
        str(like) in TASKS or path_of(like, "the other task").suffix.lower() in PROMPT_ENDINGS
    ):
        own = {"task": str(like), "prompts": n, "corruption": None, "held_out": False, "solved": False}
        own |= {"task_settings": {}}
        return settings.run_config(**own)
    if not isinstance(like, Run):
        try:
            find_run(like, execution.out)
        except ValueError as error:
            raise ValueError(f"{unknown(str(like), TASKS, 'task')} As a run: {error}") from None
        like = open_run(like, out=execution.out)
    kept = ("task", "model", "prompts", "seed", "corruption", "held_out", "task_settings", "solved")
    found = config.model_copy(update={name: getattr(like.config, name) for name in kept})
    ours, theirs = (first_jobs(one).ran["model"] for one in (config, found))
    if ours != theirs:
        raise ValueError(
            f"run {like.name} is of {found.model!r}, and the task is run on {config.model!r}: take one model."
        )
    return found


def _jobs(
    settings: RepairSettings,
    first: FirstJobs,
    edits: tuple[str, ...],
    groups: tuple[str, str],
    like_config: RunConfig | None,
    like_groups: tuple[str, str] | None,
) -> RepairJobs:
    checks, n = [edit_check(first, settings.heads, edits, groups)], first.n_prompts
    choosing, judging = first.part(0, n // 2), first.part(n // 2, n)
    like = None if like_config is None else first_jobs(like_config)
    if like is not None:
        checks.append(edit_check(like, (), (KNOCK_OUT,), like_groups or ()))
    ran: dict[str, Any] = {name: first.ran[name] for name in ("model", "dtype", "metric")}
    edited = ran | {"edits": list(edits)}
    checked = tuple(checks)
    after = keys_of(checked)
    n_choosing, n_judging = choosing.n_prompts, judging.n_prompts

    def job(stage: Any, asked: dict[str, Any], inputs: dict[str, tuple[str, ...]], weight: float) -> Job:
        return Job(stage, asked, inputs, first.locations, after, weight=weight)

    chosen_on = {"prompts": (choosing.prompts.key,)}
    chosen_by = {"most": settings.candidates, "least": settings.least}
    found: tuple[Job, ...] = ()
    if not settings.heads and settings.find == "effect":
        found = (job(FIND_BY_EFFECT, edited | {"most": settings.candidates, "least": 0.0}, chosen_on, 20 * n_choosing),)
    elif not settings.heads:
        assert like is not None
        assert like_groups is not None
        asked = ran | chosen_by | {"prompts_groups": list(groups), "like_groups": list(like_groups)}
        found = (job(FIND_BY_BEHAVIOR, asked, chosen_on | {"like": (like.prompts.key,)}, 4 * n_choosing),)
    given = {"heads": list(settings.heads), "most": len(settings.heads) or settings.most}
    n_tried = len(settings.heads) or settings.candidates
    tried = job(TRY_SETS, edited | given, chosen_on | {"found": keys_of(found)}, n_tried * n_choosing)
    importance = job(IMPORTANCE, ran | {"groups": list(groups)}, chosen_on, 2 * n_choosing)
    of_tried = {"tried": (tried.key,)}
    judged_on = {"prompts": (judging.prompts.key,)} | of_tried
    drawn = {"random": settings.random, "seed": settings.seed}
    judged = tuple(
        job(JUDGE, edited | drawn | {"slice": list(part)}, judged_on, 4 * settings.random * (part[1] - part[0]))
        for part in judging.slices()
    )
    observed = job(OBSERVE, edited | {"groups": list(groups)}, judged_on, 4 * n_judging)
    silenced: tuple[Job, ...] = ()
    if like is not None:
        asked = ran | {"edits": [KNOCK_OUT]} | drawn
        silenced = (job(SILENCE, asked, {"prompts": (like.prompts.key,)} | of_tried, settings.random * like.n_prompts),)
    return RepairJobs(
        first, tuple(checked), choosing, judging, like, found, tried, importance, judged, observed, silenced
    )
