"""The jobs that explain what the codes of a head-coding run mean, and what each of their stages computes.

prompts, features, autoencoders, codes (of one trial) --> code-meaning
prompts, codes (of all trials)                        --> code-information
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.components import Component
from circuits.head_codes.counting import count_positive_only
from circuits.head_codes.stored import StoredCodes
from circuits.methods import METHODS
from circuits.methods.head_code_base import CodingMethod
from pipelines.codes.settings import CodesSettings
from pipelines.codes.stages import CODE_INFORMATION, CODE_MEANING
from pipelines.discover.plan import Jobs
from pipelines.discover.run import DiscoverRun, jobs_of
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.store import Store
from pipelines.runs.run import Run, open_run, store_of
from pipelines.runs.shell_text import shell_word

# Cost of one prompt in the unit of `Job.weight`: one forward pass.
_PASS = 1


class CodeJobs(NamedTuple):
    """The jobs that explain codes, including those of the run that they read.

    autoencoders  of all trials
    """

    before: tuple[Job, ...]
    autoencoders: tuple[Job, ...]
    meaning: Job
    information: Job

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        return (*self.before, self.meaning, self.information)


@dataclass(frozen=True)
class CodesPlan(Plan):
    """A run whose codes are explained.

    scores  [head] what the method gave the heads
    chosen  indices of the heads whose codes are explained
    """

    run: DiscoverRun
    codes: StoredCodes
    scores: Floats
    trial: int
    chosen: tuple[int, ...]
    jobs: CodeJobs
    store: Store
    target: Path

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, self.jobs.all, f"run {self.run.name}"),)


def plan(settings: CodesSettings, execution: Execution) -> CodesPlan:
    """The jobs that explain the codes of a run.

    Raises a ValueError if the run has no codes, is out of date, lacks the trial, or has fewer heads.
    """
    opened = settings.run if isinstance(settings.run, Run) else open_run(settings.run, out=execution.out)
    run, codes = require_codes(opened)
    scores = _head_scores(run, codes)
    chosen = _chosen(run, codes, scores, settings.trial, settings.heads)
    jobs = code_jobs(run, trial=settings.trial, heads=chosen)
    store, target = store_of(run, execution.out), settings.folder or run.folder / "codes"
    return CodesPlan(run, codes, scores, settings.trial, tuple(chosen), jobs, store, target)


def require_codes(run: Run) -> tuple[DiscoverRun, StoredCodes]:
    """The run and its codes. ValueError where it has none."""
    codes = run.codes if isinstance(run, DiscoverRun) else None
    if not isinstance(run, DiscoverRun) or codes is None:
        keeping = [name for name, method in METHODS.items() if issubclass(method, CodingMethod)]
        raise ValueError(
            f"only {' and '.join(sorted(keeping, reverse=True))} keep codes; run {run.name} used "
            f"{run.config.method}. Make a run with codes: circuits discover {shell_word(run.config.task)} "
            "--method head-coding"
        )
    return run, codes


def code_jobs(run: DiscoverRun, *, trial: int, heads: Sequence[int]) -> CodeJobs:
    """The jobs that explain the codes of a run, done or not. ValueError if the run can no longer be planned as it was.

    heads  indices, counted through the layers, of the heads whose codes are explained
    """
    jobs = jobs_of(run)
    by_key = {job.key: job for job in jobs.stages}
    codes = tuple(job for job in jobs.stages if job.stage.name == "codes")
    autoencoders = tuple(by_key[job.inputs["autoencoders"][0]] for job in codes)
    index = _part_of(trial, autoencoders)
    of_codes, made_by = codes[index], autoencoders[index]
    # Given autoencoders are all read by one job, starting at trial 0.
    first = made_by.settings.get("trials", (0,))[0]
    settings = {name: of_codes.settings[name] for name in ("model", "dtype", "coding")}
    settings |= {"trial": trial, "first_trial": first, "heads": list(heads)}
    inputs = {
        "prompts": (jobs.choosing.key,),
        "features": of_codes.inputs["features"],
        "autoencoders": (made_by.key,),
        "codes": (of_codes.key,),
    }
    meaning = Job(CODE_MEANING, settings, inputs, of_codes.locations, weight=_PASS * _n_prompts(jobs))
    information = Job(CODE_INFORMATION, {}, {"prompts": inputs["prompts"], "codes": tuple(job.key for job in codes)})
    before = {job.key: job for job in (jobs.prompts, jobs.choosing, jobs.check)}
    return CodeJobs((*before.values(), *jobs.stages), autoencoders, meaning, information)


def _part_of(trial: int, autoencoders: Sequence[Job]) -> int:
    """Which of the jobs made the autoencoders of a trial."""
    stops = [job.settings["trials"][1] for job in autoencoders if "trials" in job.settings]
    return bisect_right(stops, trial)


def _n_prompts(jobs: Jobs) -> int:
    """How many positives and negatives there are."""
    return 2 * max(job.settings["slice"][1] for job in jobs.stages if "slice" in job.settings)


def _chosen(run: DiscoverRun, codes: StoredCodes, scores: Floats, trial: int, n: int | None) -> list[int]:
    """Indices of the heads whose codes are explained; a ValueError for a trial or a number of heads out of range."""
    n_trials, _, n_heads = codes.codes.shape
    if not 0 <= trial < n_trials:
        known = "1 trial, which is 0" if n_trials == 1 else f"{n_trials} trials, 0 to {n_trials - 1}"
        raise ValueError(f"trial is {trial}: run {run.name} has {known}.")
    if n is None:
        return [_number(part, run) for part in run.circuit.heads]
    if not 1 <= n <= n_heads:
        raise ValueError(f"heads is {n}: give 1 to {n_heads}, the model's heads; or leave it out for the circuit's.")
    return sorted(np.argsort(-scores, kind="stable")[:n].tolist())


def _number(part: Component, run: DiscoverRun) -> int:
    """Index of a head, counted through the layers."""
    return (part.layer or 0) * run.circuit.wiring.n_heads + (part.index or 0)


def _head_scores(run: DiscoverRun, codes: StoredCodes) -> Floats:
    """[head] the method's scores; if it scores pairs, the number of positive-only codes per head (mean over trials)."""
    if run.node_scores is not None:
        return run.node_scores.means[0]
    return np.mean([count_positive_only(trial, codes.is_positive).counts for trial in codes.codes], axis=0)
