"""From the jobs of a plan and the length of their prompts to memory and work, kind by kind. Nothing is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from circuits.ablations import ABLATIONS
from circuits.data.prompts import PromptSet
from circuits.methods import METHODS
from circuits.model.lengths import TOKENS_PER_PASS
from circuits.model.room import PROMPTS_AT_ONCE
from pipelines.costs.asked import Asked, Budget, Peak, Rule
from pipelines.costs.forecast import (
    METHODS_FORECAST,
    SCORES_FORECAST,
    SCORES_OF_STAGES,
    STAGES_FORECAST,
    peak,
    without_number,
)
from pipelines.costs.passes import STAGES_WORK, WORK_FORECAST, passes_of_batch
from pipelines.costs.shape import Shape
from pipelines.costs.work import METHODS_COSTED, Work, plain_pass, prefix_pass
from pipelines.engine.job import Job
from pipelines.runs.circuit_runs import lengths_among

# Stages that make prompts, and those whose result says how many of another job's prompts they are.
MAKE_PROMPTS = ("prompts", "solved-prompts")
# The stages of methods, by what their jobs are called.
_MEASURE = "measure"
# Stages that measure as well, by the method that their settings have.
_MEASURING = (_MEASURE, "trace", "trace-positions")
# Work is the same in batches of any size.
_NO_BUDGET = Budget("cpu", 1, 1)


class Lengths(NamedTuple):
    """The prompts of a command.

    n_tokens  of the longest prompt, which decides about memory
    n_roles   roles that tokens may have
    n_mean    tokens of a prompt on average; None where all are as long
    n_run     those of them that are run once clean and corrupt differ, with those that are filled up; None for all
    """

    n_prompts: int
    n_tokens: int
    n_roles: int = 1
    n_mean: float | None = None
    n_run: float | None = None

    @classmethod
    def of(cls, prompts: PromptSet) -> Lengths:
        """Those of prompts that are there."""
        among = lengths_among(prompts)
        return cls(len(prompts), prompts.n_positions, len(prompts.roles), among.mean, among.mean_run)

    @property
    def mean(self) -> float:
        """Tokens of a prompt."""
        return self.n_tokens if self.n_mean is None else self.n_mean

    def tokens_run(self, job: Job) -> float:
        """Tokens of a prompt that a job runs twice and more: all where its ablation changes what comes before the first
        difference of clean and corrupt as well."""
        named = job.settings.get("ablation")
        shares_prefix = named is None or ABLATIONS[named["name"]].shares_prefix
        return self.mean if self.n_run is None or not shares_prefix else self.n_run


class Kind(NamedTuple):
    """Jobs that are alike: those of one stage and method on one model."""

    stage: str
    method: str
    model: str

    @property
    def label(self) -> str:
        return " ".join(part for part in (self.stage, self.method) if part)


class Row(NamedTuple):
    """What jobs of one kind take.

    n_jobs   how many there are; `n_missing` of them are still to be computed
    batch    prompts that are run at once, at most
    n_bytes  the most that one of them holds beyond the loaded model; None where it is not forecast, as `batch`
    work     of those still to be computed, in multiply-adds
    """

    kind: Kind
    n_jobs: int
    n_missing: int
    batch: int | None
    n_bytes: float | None
    work: Work


def rows_of(
    jobs: Sequence[Job],
    is_missing: Iterable[bool],
    lengths: Mapping[str, Lengths],
    shapes: Mapping[str, Shape],
    budget: Budget,
    weights: Mapping[str, float] | None = None,
) -> list[Row]:
    """One row for each kind of job that runs a model, in the order in which they come.

    lengths  by the key of the job that makes the prompts
    shapes   by the model's location
    weights  of jobs by their keys, where prompts decide them; by default those that the jobs have
    """
    weights = weights or {}
    missing = dict(zip([job.key for job in jobs], is_missing, strict=True))
    by_key, alike = {job.key: job for job in jobs}, defaultdict[Kind, list[Job]](list)
    for job in jobs:
        if "model" in job.locations:
            method = job.settings.get("method")
            alike[Kind(job.stage.name, str(method["name"]) if method else "", job.locations["model"])].append(job)
    rows = []
    for kind, of_kind in alike.items():
        shape, peaks, work = shapes.get(kind.model), [], [0.0, 0.0]
        # Thousands of jobs differ in their slice alone.
        known: dict[tuple[Lengths, float, str], tuple[Peak | None, Work]] = {}
        for job in of_kind:
            its = lengths_of(job, by_key, lengths)
            if shape is None or its is None:
                continue
            weight = weights.get(job.key, job.weight)
            like = (its, weight, str(_settings(job)))
            if like not in known:
                asked = Asked(
                    shape, its.n_prompts, its.n_tokens, job.settings.get("dtype", "float32"), budget, its.n_roles
                )
                rule = rule_of(job)
                of_memory = None if rule is None else peak(rule, asked, _settings(job))
                known[like] = (of_memory, _work(job, asked, its, weight))
            of_peak, of_work = known[like]
            peaks += [] if of_peak is None else [of_peak]
            if missing[job.key]:
                work = [a + b for a, b in zip(work, of_work, strict=True)]
        n_missing = sum(missing[job.key] for job in of_kind)
        most = max(peaks, key=lambda found: found.n_bytes, default=None)
        batch = None if most is None else most.batch
        n_bytes = None if most is None else most.n_bytes
        rows.append(Row(kind, len(of_kind), n_missing, batch, n_bytes, Work(*work)))
    return rows


def weights_of(
    jobs: Sequence[Job], every: Sequence[Job], lengths: Mapping[str, Lengths], shapes: Mapping[str, Shape]
) -> dict[str, float]:
    """How many forward passes of one prompt the jobs take, by key: of those that measure by a method whose passes a
    formula counts, and where models or lengths of prompts differ, as in a study that varies them, of all that are not
    apart. These are passes of the mean model and length, so that a pass of a large model weighs more than one of a
    small one. Without those of methods that are not forecast.

    every            all jobs of the plan
    lengths, shapes  as in `rows_of`
    """
    by_key, of_job = {job.key: job for job in every}, dict[str, tuple[Shape, Lengths]]()
    for job in jobs:
        shape, its = shapes.get(job.locations["model"]), lengths_of(job, by_key, lengths)
        if shape is not None and its is not None:
            of_job[job.key] = shape, its
    a_pass = {(shape, its.mean): plain_pass(shape, its.mean) for shape, its in of_job.values()}
    weights, known = dict[str, float](), dict[tuple[Shape, Lengths, str], float]()
    for job in jobs:
        if job.key not in of_job:
            continue
        shape, its = of_job[job.key]
        times = a_pass[shape, its.mean] * len(a_pass) / sum(a_pass.values())
        if _costed_method(job) is not None:
            like = (shape, its, str(job.settings["method"]))
            if like not in known:
                asked = Asked(shape, its.n_prompts, its.n_tokens, "float32", _NO_BUDGET, its.n_roles)
                known[like] = _work(job, asked, its, job.weight).whole / a_pass[shape, its.mean]
            weights[job.key] = times * known[like]
        elif not job.is_apart and len(a_pass) > 1:
            weights[job.key] = times * job.weight
    return weights


def lengths_of(job: Job, by_key: Mapping[str, Job], lengths: Mapping[str, Lengths]) -> Lengths | None:
    """The prompts that a job measures: a slice, a part, or all of them, as one does that reads what other jobs measured
    on them; None of one that reads neither."""
    if job.key in lengths:
        return lengths[job.key]
    source = _source(job, by_key)
    if source is None:
        return None
    whole = lengths_of(source, by_key, lengths)
    part = job.settings.get("slice", job.settings.get("part"))
    if whole is None or not isinstance(part, list | tuple):
        return whole
    return whole._replace(n_prompts=part[1] - part[0])


def _source(job: Job, by_key: Mapping[str, Job]) -> Job | None:
    """The job whose prompts a job reads, or those of another job whose results it reads, as stages of a method do."""
    reads_prompts = "prompts" in job.inputs
    keys = job.inputs["prompts"] if reads_prompts else [key for read in job.inputs.values() for key in read]
    found = next((by_key[key] for key in keys if key in by_key), None)
    return found if found is None or reads_prompts else _source(found, by_key)


def rule_of(job: Job) -> Rule | None:
    """What forecasts the memory of a job; None where nothing does."""
    method = job.settings.get("method")
    if method is not None and job.stage.name == _MEASURE:
        return METHODS_FORECAST.get(method["name"])
    if method is not None and job.stage.name in SCORES_OF_STAGES:
        return SCORES_FORECAST[METHODS[method["name"]].result]
    return STAGES_FORECAST.get(without_number(job.stage.name))


def _settings(job: Job) -> Mapping[str, Any]:
    """Those of the job's method; of a stage of one, its own, but for the slice."""
    if (method := job.settings.get("method")) is not None:
        return method["settings"]
    return {name: value for name, value in job.settings.items() if name not in ("slice", "part")}


def _costed_method(job: Job) -> Mapping[str, Any] | None:
    """The method that a job measures with, where a formula counts its passes."""
    method = job.settings.get("method")
    if method is None or job.stage.name not in _MEASURING:
        return None
    return method if method["name"] in WORK_FORECAST or method["name"] in METHODS_COSTED else None


def _work(job: Job, asked: Asked, its: Lengths, weight: float) -> Work:
    """What a job takes: by a formula of its method or stage, on the tokens that are run, what comes before them being
    run once; else by its weight."""
    n_run = max(1, round(its.tokens_run(job)))
    ran, before = asked._replace(n_tokens=n_run), Work(asked.n_prompts * prefix_pass(asked.shape, its.mean - n_run), 0)
    if (method := _costed_method(job)) is not None:
        name, settings = method["name"], method["settings"]
        n_batches = -(-asked.n_prompts // PROMPTS_AT_ONCE)
        n_passes = n_batches * passes_of_batch(asked.shape, name, settings)
        before = before.plus(Work(n_passes * prefix_pass(asked.shape, TOKENS_PER_PASS), 0))
        if name in WORK_FORECAST:
            return WORK_FORECAST[name](ran, settings).plus(before)
        return METHODS_COSTED[name](asked.shape, n_run).times(asked.n_prompts).plus(before)
    if (rule := STAGES_WORK.get(without_number(job.stage.name))) is not None:
        return rule(ran, _settings(job)).plus(before)
    return Work(weight * plain_pass(asked.shape, its.mean), 0)
