"""The jobs that explain what the codes of a head-coding run mean, and what each of their stages computes.

prompts, features, autoencoders, codes (of one trial) --> code-meaning
prompts, codes (of all trials)                        --> code-information
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from circuits.methods import METHODS
from circuits.methods.head_code_base import CodingMethod
from pipelines.codes.stages import CODE_INFORMATION, CODE_MEANING
from pipelines.discover.head_codes import StoredCodes
from pipelines.discover.plan import Jobs
from pipelines.discover.run import DiscoverRun, jobs_of
from pipelines.engine.job import Job
from pipelines.runs.run import Run

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


def require_codes(run: Run) -> StoredCodes:
    """The codes of a run. ValueError where it has none."""
    codes = run.codes if isinstance(run, DiscoverRun) else None
    if codes is None or not issubclass(METHODS[run.config.method], CodingMethod):
        keeping = [name for name, method in METHODS.items() if issubclass(method, CodingMethod)]
        raise ValueError(
            f"only {' and '.join(sorted(keeping, reverse=True))} keep codes; run {run.name} used "
            f"{run.config.method}. Make a run with codes: circuits discover {run.config.task} --method head-coding"
        )
    return codes


def code_jobs(run: Run, *, trial: int, heads: Sequence[int]) -> CodeJobs:
    """The jobs that explain the codes of a run, done or not. ValueError if the run can no longer be planned as it was.

    heads  indices, counted through the layers, of the heads whose codes are explained
    """
    jobs = jobs_of(run)
    by_key = {job.key: job for job in jobs.coding}
    codes = tuple(job for job in jobs.coding if job.stage.name == "codes")
    autoencoders = tuple(by_key[job.inputs["autoencoders"][0]] for job in codes)
    index = _part_of(trial, autoencoders)
    of_codes, made_by = codes[index], autoencoders[index]
    # Given autoencoders are all read by one job, starting at trial 0.
    first = made_by.settings.get("trials", (0,))[0]
    settings = {name: of_codes.settings[name] for name in ("model", "dtype", "coding")}
    settings |= {"trial": trial, "first_trial": first, "heads": list(heads)}
    inputs = {
        "prompts": (jobs.prompts.key,),
        "features": of_codes.inputs["features"],
        "autoencoders": (made_by.key,),
        "codes": (of_codes.key,),
    }
    meaning = Job(CODE_MEANING, settings, inputs, of_codes.locations, weight=_PASS * _n_prompts(jobs))
    information = Job(CODE_INFORMATION, {}, {"prompts": inputs["prompts"], "codes": tuple(job.key for job in codes)})
    return CodeJobs((jobs.prompts, jobs.check, *jobs.coding), autoencoders, meaning, information)


def _part_of(trial: int, autoencoders: Sequence[Job]) -> int:
    """Which of the jobs made the autoencoders of a trial."""
    stops = [job.settings["trials"][1] for job in autoencoders if "trials" in job.settings]
    return bisect_right(stops, trial)


def _n_prompts(jobs: Jobs) -> int:
    """How many positives and negatives there are."""
    return 2 * max(job.settings["slice"][1] for job in jobs.evaluate)


# --- stages --------------------------------------------------------------------------------------------------------
