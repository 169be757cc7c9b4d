"""What stages of any kind read from their settings and inputs: a slice of the prompts, the method, the ablation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.ablations import ABLATIONS, Ablation, Mean, Means
from circuits.data.prompts import PromptSet
from circuits.methods import Method
from pipelines.engine.stage import Inputs, LoadModel
from pipelines.runs.codec import prompts_slice
from pipelines.runs.method_settings import make_method


def slice_of(settings: Mapping[str, Any], inputs: Inputs) -> PromptSet:
    """The prompts of a job."""
    return prompts_slice(inputs["prompts"][0], *settings["slice"])


def method_of(settings: Mapping[str, Any]) -> Method:
    """The method of a job, with its settings."""
    return make_method(settings["method"]["name"], settings["method"]["settings"])


def ablation_of(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Ablation:
    """The ablation of a run, with its means where it needs them."""
    ablation = ABLATIONS[settings["ablation"]["name"]](**settings["ablation"]["settings"])
    if not isinstance(ablation, Mean):
        return ablation
    import torch

    reference, weights = inputs["reference"][0], model().forward.weight_u
    held = {name: torch.from_numpy(array).to(weights) for name, array in reference.arrays.items()}

    def layers(name: str) -> list[torch.Tensor]:
        return [held[f"{name}{n}"] for n in range(model().wiring.n_layers) if f"{name}{n}" in held]

    return type(ablation)(Means(held["embedded"], layers("z"), layers("mlp"), reference.meta["prompts"]))
