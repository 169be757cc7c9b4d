"""The stages of discrete head coding, and what each of them computes.

    prompts --> features --> autoencoders --> codes
    features are computed a slice of the prompts at a time, autoencoders and codes a few trials at a time

Given autoencoders are read from their folder, in place of training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits.arrays import Bools
from circuits.head_codes.stored import (
    StoredCodes,
    StoredFeatures,
    autoencoders_from,
    autoencoders_result,
    coding_of,
    features_from,
)
from circuits.methods.stages import MethodStage, StageInputs
from circuits.result import Result

if TYPE_CHECKING:
    from circuits.head_codes.features import HeadFeatures


def measure_features(inputs: StageInputs) -> Result:
    """Pooled z of a slice of the positives and an equal share of the negatives, and whether each is answered right."""
    from circuits.head_codes.features import coded_prompts, pooled

    prompts = inputs.prompts
    assert prompts is not None
    negatives = coded_prompts(prompts).all[len(prompts) :]
    start, stop = inputs.settings["slice"]
    first, last = (bound * len(negatives) // len(prompts) for bound in (start, stop))
    arrays = {}
    for side, chosen in (("positive", prompts.prompts[start:stop]), ("negative", negatives[first:last])):
        if chosen:
            measured = pooled(inputs.model(), chosen, positions=(inputs.settings["at"],))
            arrays[f"z_{side}"] = measured.z[0].numpy()
            if measured.answered is not None:
                # A negative's answer should not be said at all: its wrong answers are no alternative there.
                right = measured.answered.is_correct if side == "positive" else measured.answered.is_top1
                arrays[f"is_correct_{side}"] = right.numpy()
    return Result({}, arrays)


def read_given(inputs: StageInputs) -> Result:
    """Autoencoders from a folder, checked against the model, and the other models that they say they were made for."""
    from circuits.head_codes.saelens_files import models_of, read_autoencoders

    folder, model = inputs.settings["autoencoder"], inputs.model()
    n_layers, d_model = model.wiring.n_layers, model.forward.weight_u.shape[1]
    autoencoders = read_autoencoders(folder, coding_of(inputs.settings), d_model=d_model, n_layers=n_layers)
    return autoencoders_result(autoencoders, made_for=[name for name in models_of(folder) if name != model.name])


def train_autoencoders(inputs: StageInputs) -> Result:
    """The autoencoders of some trials; ValueError if the model does not do the task."""
    from circuits.head_codes.trials import train_trials

    _, features = _features(inputs)
    return autoencoders_result(train_trials(features, coding_of(inputs.settings), range(*inputs.settings["trials"])))


def code_prompts(inputs: StageInputs) -> Result:
    """Codes [trial, prompt, head] of all positives, then all negatives; ValueError as in `train_autoencoders`."""
    from circuits.head_codes.trials import codes_of

    stored, features = _features(inputs)
    autoencoders = autoencoders_from(inputs.results["autoencoders"][0], inputs.model)
    codes = codes_of(features, autoencoders, coding_of(inputs.settings))
    return Result({}, StoredCodes(codes, stored.is_positive, stored.is_correct).arrays)


def _features(inputs: StageInputs) -> tuple[StoredFeatures, HeadFeatures]:
    """The features of all slices; ValueError if the model does not do the task."""
    import torch

    from circuits.head_codes.features import head_features

    stored = features_from(inputs.results["features"])
    _require_task(stored.is_correct, stored.is_positive, inputs.settings["least_accuracy"])
    return stored, head_features(inputs.model(), torch.from_numpy(stored.z))


def _require_task(is_correct: Bools | None, is_positive: Bools, least_accuracy: float) -> None:
    """Raise a ValueError where the model does not do the task on the positives; None is neither right nor wrong."""
    if is_correct is None:
        return
    accuracy = float(is_correct[is_positive].mean())
    if accuracy < least_accuracy:
        raise ValueError(
            f"the model answers {accuracy:.0%} of the {int(is_positive.sum())} positive prompts correctly, fewer than "
            f"least_accuracy={least_accuracy:g}: it does not do the task whose codes are wanted. Choose prompts that "
            "it solves, or set least_accuracy=0."
        )


FEATURES = MethodStage("features", 2, measure_features, reads_prompts=True, each="prompts", cost=2)
GIVEN_AUTOENCODERS = MethodStage("given-autoencoders", 1, read_given)
AUTOENCODERS = MethodStage(
    "autoencoders",
    1,
    train_autoencoders,
    reads={"features": FEATURES.name},
    each="trials",
    at_once=2,
    cost=40,
)
CODES = MethodStage("codes", 1, code_prompts, each="autoencoders")
