"""Trials: autoencoders of a few prompts' head outputs, drawn anew for each trial, and the codes they give all prompts.

A trial depends on the features, its settings and its number alone: not on how many trials are trained together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from circuits.head_codes.autoencoders import Autoencoders
from circuits.head_codes.counting import Codes
from circuits.head_codes.features import HeadFeatures
from circuits.head_codes.settings import Coding
from circuits.head_codes.training import generator_of, train
from circuits.model.steps import whole


def read(features: HeadFeatures, coding: Coding) -> HeadFeatures:
    """The features as the autoencoders read them."""
    return features if coding.inputs == "raw" else replace(features, z=features.z - features.z.mean(0))


def train_trials(features: HeadFeatures, coding: Coding, trials: Sequence[int]) -> Autoencoders:
    """Trained autoencoders of some trials, [trial x layer] where there is one for each layer."""
    features = read(features, coding)
    n = coding.n_autoencoders(features.n_layers)
    rows, seeds = [], []
    for trial in trials:
        order = torch.randperm(len(features.z), generator=generator_of((coding.seed, trial, "prompts")))
        outputs = features.outputs(order[: coding.sae_prompts])  # [prompt, head, d_model]
        by_group = outputs.unflatten(1, (n, -1)).transpose(0, 1).flatten(1, 2)
        rows.append(by_group)
        seeds += [(coding.seed, trial, group) for group in range(n)]
    with whole():
        return train(torch.cat(rows), coding.recipe, seeds)


def codes_of(features: HeadFeatures, autoencoders: Autoencoders, coding: Coding) -> Codes:
    """codes [trial, prompt, head]: each head's strongest feature, the first of equals; 0 where none is active."""
    features = read(features, coding)
    n = coding.n_autoencoders(features.n_layers)
    heads_each = features.z.shape[1] // n
    codes = np.zeros((len(autoencoders) // n, *features.z.shape[:2]), dtype=np.int32)
    for number, autoencoder in enumerate(autoencoders.each()):
        trial, group = divmod(number, n)
        for head in range(group * heads_each, (group + 1) * heads_each):
            activations = autoencoder.head_activations(features.z[:, head], features.weights_o[head])
            codes[trial, :, head] = _first_largest(activations)
    return codes


def _first_largest(values: Tensor) -> Codes:
    """[prompt] number of the largest entry of values [prompt, feature], the first of equals."""
    return values.cpu().numpy().argmax(axis=1)
