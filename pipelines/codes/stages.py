"""What the stages compute that explain codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.head_codes.stored import autoencoders_from, codes_from, coding_of, features_from
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from


def explain(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What the positive-only codes of one trial mean."""
    import torch

    from circuits.head_codes.features import head_features
    from circuits.head_codes.meaning import CodedTrial, code_meanings

    prompts, index = prompts_from(inputs["prompts"][0]), settings["trial"] - settings["first_trial"]
    coding = coding_of(settings)
    stack, n = autoencoders_from(inputs["autoencoders"][0], model), coding.n_autoencoders(model().wiring.n_layers)
    trial = CodedTrial(
        settings["trial"],
        head_features(model(), torch.from_numpy(features_from(inputs["features"]).z)),
        stack[index * n : (index + 1) * n],
        codes_from(inputs["codes"]).codes[index],
        coding,
    )
    meanings = code_meanings(model(), prompts, trial, heads=settings["heads"])
    return Result({"codes": [meaning.to_dict() for meaning in meanings]})


def inform(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Information in each head's codes on whether a prompt is positive and which answer it has. Runs no model."""
    from circuits.head_codes.grouping import NO_GROUP, head_groups, positive_only_shares
    from circuits.head_codes.meaning import Information, answer_labels, information

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


CODE_MEANING = Stage("code-meaning", 2, explain, title="what codes mean")
CODE_INFORMATION = Stage("code-information", 1, inform, title="what codes tell")
