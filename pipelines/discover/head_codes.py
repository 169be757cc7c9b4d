"""The jobs of discrete head coding, and what each of their stages computes.

    prompts --> features --> autoencoders --> codes --> code-scores
    features is one job per slice of the prompts, autoencoders and codes one per few trials

Given autoencoders are read, and checked against the model, before the features are measured. `code-scores` takes the
place of the `measure` stage of other methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.head_codes.counting import as_coo
from circuits.head_codes.settings import Coding, Recipe
from circuits.methods.head_code_base import CodingMethod, require_task
from circuits.metrics import METRICS
from pipelines.engine.job import Job, keys_of
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from, scores_result
from pipelines.runs.method_settings import make_method
from pipelines.runs.stage_inputs import ablation_of, method_of

if TYPE_CHECKING:
    import sparse

    from circuits.head_codes.autoencoders import Autoencoders
    from circuits.head_codes.counting import Codes
    from circuits.head_codes.features import HeadFeatures

_TRIALS_AT_ONCE = 2


class CodingJobs(NamedTuple):
    """All jobs of head coding except the last, which is the run's measurement."""

    features: tuple[Job, ...]
    autoencoders: tuple[Job, ...]
    codes: tuple[Job, ...]

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once, each after the jobs that it reads."""
        return (*self.features, *self.autoencoders, *self.codes)


def coding_jobs(
    method: Mapping[str, Any],
    *,
    model: Mapping[str, Any],
    prompts: Job,
    check: Job,
    slices: Sequence[tuple[int, int]],
) -> CodingJobs:
    """The jobs that lead to the codes of a run.

    method  its name and settings
    model   fingerprint and dtype
    """
    made = make_method(method["name"], method["settings"])
    assert isinstance(made, CodingMethod)
    locations = {"model": prompts.locations["model"]}
    coded = {**model, "coding": asdict(made.coding), "least_accuracy": made.least_accuracy}
    given: tuple[Job, ...] = ()
    if made.autoencoder is not None:
        given = (_given(made, coded, locations, after=(check.key,)),)
    features = tuple(
        Job(
            FEATURES,
            {**model, "at": made.at, "slice": [start, stop]},
            {"prompts": (prompts.key,)},
            locations,
            after=(check.key, *keys_of(given)),
            weight=2 * (stop - start),
        )
        for start, stop in slices
    )
    of_features = {"features": keys_of(features)}
    trained = tuple(
        Job(AUTOENCODERS, {**coded, "trials": [start, stop]}, of_features, locations, weight=40 * (stop - start))
        for start, stop in _parts(made.trials or 0, _TRIALS_AT_ONCE)
    )
    codes = tuple(
        Job(CODES, {**coded, **_trials(job)}, {**of_features, "autoencoders": (job.key,)}, locations, weight=2)
        for job in (*given, *trained)
    )
    return CodingJobs((*given, *features), trained, codes)


def _given(
    made: CodingMethod, coded: Mapping[str, Any], locations: Mapping[str, str], *, after: tuple[str, ...]
) -> Job:
    """The job that reads autoencoders from a folder."""
    from circuits.head_codes.saelens_files import fingerprint

    assert made.autoencoder is not None
    folder = str(Path(made.autoencoder).absolute())
    settings = {**coded, "autoencoder": fingerprint(folder)}
    return Job(GIVEN_AUTOENCODERS, settings, locations={**locations, "autoencoder": folder}, after=after)


def _trials(job: Job) -> dict[str, Any]:
    return {"trials": job.settings["trials"]} if "trials" in job.settings else {}


def _parts(n: int, size: int) -> list[tuple[int, int]]:
    return [(first, min(first + size, n)) for first in range(0, n, size)]


# --- stages --------------------------------------------------------------------------------------------------------


def measure_features(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Pooled z of a slice of the positives and an equal share of the negatives, and whether each is answered right."""
    from circuits.head_codes.features import coded_prompts, pooled

    prompts = prompts_from(inputs["prompts"][0])
    negatives = coded_prompts(prompts).all[len(prompts) :]
    start, stop = settings["slice"]
    first, last = (bound * len(negatives) // len(prompts) for bound in (start, stop))
    arrays = {}
    for side, chosen in (("positive", prompts.prompts[start:stop]), ("negative", negatives[first:last])):
        if chosen:
            measured = pooled(model(), chosen, places=(settings["at"],))
            arrays[f"z_{side}"] = measured.z[0].numpy()
            if measured.answered is not None:
                # A negative's answer should not be said at all: its wrong answers are no alternative there.
                right = measured.answered.is_correct if side == "positive" else measured.answered.is_top1
                arrays[f"is_correct_{side}"] = right.numpy()
    return Result({}, arrays)


def read_given(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Autoencoders from a folder."""
    from circuits.head_codes.saelens_files import models_of, read_autoencoders

    wiring, d_model = model().wiring, model().forward.weight_u.shape[1]
    coding = coding_of(settings)
    kept = _kept(read_autoencoders(settings["path"], coding, d_model=d_model, n_layers=wiring.n_layers))
    others = [name for name in models_of(settings["path"]) if name != model().name]
    return Result({**kept.meta, "made_for": others}, kept.arrays)


def locate_autoencoders(settings: Mapping[str, Any], locations: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings with the folder of the given autoencoders, which must still hold what was planned."""
    from circuits.head_codes.saelens_files import fingerprint

    folder = locations["autoencoder"]
    if fingerprint(folder) != settings["autoencoder"]:
        raise ValueError(f"{folder} has changed since this run was planned. Run the command again.")
    return {**settings, "path": folder}


def train_autoencoders(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The autoencoders of some trials; ValueError if the model does not do the task."""
    from circuits.head_codes.trials import train_trials

    coded = coded_from(inputs["features"])
    require_task(coded.is_correct, coded.is_positive, settings["least_accuracy"])
    return _kept(train_trials(_features(coded, model), coding_of(settings), range(*settings["trials"])))


def code_prompts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Codes [trial, prompt, head] of all positives, then all negatives."""
    from circuits.head_codes.trials import codes_of

    coded = coded_from(inputs["features"])
    require_task(coded.is_correct, coded.is_positive, settings["least_accuracy"])
    codes = codes_of(_features(coded, model), autoencoders_from(inputs["autoencoders"][0], model), coding_of(settings))
    judged = {} if coded.is_correct is None else {"is_correct": coded.is_correct}
    return Result({}, {"codes": codes, "is_positive": coded.is_positive, **judged})


def score_codes(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The method's scores, from the codes of all trials."""
    method, prompts = method_of(settings), prompts_from(inputs["prompts"][0])
    assert isinstance(method, CodingMethod)
    codes = codes_from(inputs["codes"])
    provenance = method.provenance(model(), prompts, METRICS[settings["metric"]], ablation_of(settings, inputs, model))
    scores = method.scores_of(codes.codes, codes.is_positive, model().wiring, provenance)
    return scores_result(scores, method=settings["method"])


class Coded(NamedTuple):
    """Pooled z [prompt, head, d_head] of all positives, then all negatives, and [prompt] what is known about them."""

    z: Floats
    is_positive: Bools
    is_correct: Bools | None


class StoredCodes(NamedTuple):
    """Codes [trial, prompt, head] of all positives, then all negatives, and [prompt] what is known about them.

    is_correct  of positives, whether an answer is above every wrong answer; of negatives, whether the answer that they
                should not have is the most likely token. None if the model predicts a single number
    """

    codes: Codes
    is_positive: Bools
    is_correct: Bools | None

    def as_coo(self, trial: int = 0) -> sparse.COO:
        """One trial's codes as a sparse array [prompt, head, code]."""
        return as_coo(self.codes[trial])


def coded_from(results: Sequence[Result]) -> Coded:
    """The features of all slices."""

    def joined(name: str) -> list[Any]:
        sides = (f"{name}_positive", f"{name}_negative")
        return [result.arrays[side] for side in sides for result in results if side in result.arrays]

    z, is_correct = np.concatenate(joined("z")), joined("is_correct")
    n_positive = sum(len(result.arrays["z_positive"]) for result in results)
    return Coded(z, np.arange(len(z)) < n_positive, np.concatenate(is_correct) if is_correct else None)


def codes_from(results: Sequence[Result]) -> StoredCodes:
    """The codes of all trials."""
    first = results[0].arrays
    codes = np.concatenate([result.arrays["codes"] for result in results])
    return StoredCodes(codes, first["is_positive"], first.get("is_correct"))


def autoencoders_from(result: Result, model: LoadModel) -> Autoencoders:
    """The autoencoders of one job, on the model's device."""
    import torch

    from circuits.head_codes.autoencoders import Autoencoders

    device = model().forward.device
    weights = {name: torch.from_numpy(array).to(device) for name, array in result.arrays.items()}
    return Autoencoders(**weights, top_k=result.meta["top_k"])


def _kept(autoencoders: Autoencoders) -> Result:
    weights = {name: weight.cpu().numpy() for name, weight in autoencoders.weights.items()}
    return Result({"top_k": autoencoders.top_k}, weights)


def _features(coded: Coded, model: LoadModel) -> HeadFeatures:
    import torch

    from circuits.head_codes.features import head_features

    return head_features(model(), torch.from_numpy(coded.z))


def coding_of(settings: Mapping[str, Any]) -> Coding:
    """How a job computes its codes."""
    return Coding(**{**settings["coding"], "recipe": Recipe(**settings["coding"]["recipe"])})


FEATURES = Stage("features", 2, measure_features)
GIVEN_AUTOENCODERS = Stage("given-autoencoders", 1, read_given, locate_autoencoders)
AUTOENCODERS = Stage("autoencoders", 1, train_autoencoders)
CODES = Stage("codes", 1, code_prompts)
CODE_SCORES = Stage("code-scores", 1, score_codes)
