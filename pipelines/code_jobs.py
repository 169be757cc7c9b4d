"""The jobs that explain what the codes of a head-coding run mean, and what each of their stages computes.

prompts, features, autoencoders, codes (of one trial) --> code-meaning
prompts, codes (of all trials)                        --> code-information
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from circuits.methods import METHODS
from circuits.methods.coding_base import CodingMethod
from pipelines.assemble import prompts_from
from pipelines.coding import autoencoders_from, coded_from, codes_from, coding_of
from pipelines.job import Job
from pipelines.plan import Jobs
from pipelines.results import Result
from pipelines.runs import Run, jobs_of
from pipelines.stage_inputs import Inputs, LoadModel, Stage

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


def require_codes(run: Run) -> None:
    """Raise a ValueError where a run has no codes."""
    if not issubclass(METHODS[run.config.method], CodingMethod):
        keeping = [name for name, method in METHODS.items() if issubclass(method, CodingMethod)]
        raise ValueError(
            f"only {' and '.join(sorted(keeping, reverse=True))} keep codes; run {run.name} used "
            f"{run.config.method}. Make a run with codes: circuits discover {run.config.task} --method head-coding"
        )


def code_jobs(run: Run, *, trial: int, heads: Sequence[int]) -> CodeJobs:
    """The jobs that explain the codes of a run, done or not. ValueError if the run can no longer be planned as it was.

    heads  indices, counted through the layers, of the heads whose codes are explained
    """
    jobs = jobs_of(run)
    by_key = {job.key: job for job in jobs.coding}
    codes = tuple(job for job in jobs.coding if job.stage == "codes")
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
    meaning = Job("code-meaning", settings, inputs, of_codes.locations, weight=_PASS * _n_prompts(jobs))
    information = Job("code-information", {}, {"prompts": inputs["prompts"], "codes": tuple(job.key for job in codes)})
    return CodeJobs((jobs.prompts, jobs.check, *jobs.coding), autoencoders, meaning, information)


def _part_of(trial: int, autoencoders: Sequence[Job]) -> int:
    """Which of the jobs made the autoencoders of a trial."""
    stops = [job.settings["trials"][1] for job in autoencoders if "trials" in job.settings]
    return bisect_right(stops, trial)


def _n_prompts(jobs: Jobs) -> int:
    """How many positives and negatives there are."""
    return 2 * max(job.settings["slice"][1] for job in jobs.evaluate)


# --- stages --------------------------------------------------------------------------------------------------------


def explain(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What the positive-only codes of one trial mean."""
    import torch

    from circuits.coding.features import head_features
    from circuits.coding.meaning import CodedTrial, code_meanings

    prompts, index = prompts_from(inputs["prompts"][0]), settings["trial"] - settings["first_trial"]
    coding = coding_of(settings)
    stack, n = autoencoders_from(inputs["autoencoders"][0], model), coding.n_autoencoders(model().wiring.n_layers)
    trial = CodedTrial(
        settings["trial"],
        head_features(model(), torch.from_numpy(coded_from(inputs["features"]).z)),
        stack[index * n : (index + 1) * n],
        codes_from(inputs["codes"]).codes[index],
        coding,
    )
    meanings = code_meanings(model(), prompts, trial, heads=settings["heads"])
    return Result({"codes": [meaning.to_dict() for meaning in meanings]})


def inform(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Information in each head's codes on whether a prompt is positive and which answer it has. Runs no model."""
    from circuits.coding.grouping import NO_GROUP, head_groups, positive_only_shares
    from circuits.coding.meaning import Information, answer_labels, information

    stored, answers = codes_from(inputs["codes"]), answer_labels(prompts_from(inputs["prompts"][0]))
    groups = head_groups(positive_only_shares(stored.codes, stored.is_positive)).tolist()

    def as_lists(estimate: Information) -> dict[str, Any]:
        return {name: None if values is None else values.tolist() for name, values in estimate._asdict().items()}

    of_answers = None if answers is None else as_lists(information(stored.codes[:, stored.is_positive], answers))
    return Result(
        {
            "is_positive": as_lists(information(stored.codes, stored.is_positive)),
            "answer": of_answers,
            "groups": [None if group == NO_GROUP else group for group in groups],
        }
    )


EXPLAINING: dict[str, Stage] = {"code-meaning": explain, "code-information": inform}
