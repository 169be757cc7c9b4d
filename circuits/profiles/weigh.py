"""Measure profiles of weights: no prompts, no runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from circuits.profiles.measure import NO_METRIC
from circuits.profiles.weights import ModelWeights, WeightProfile
from circuits.scores import ComponentScores, Provenance
from circuits.versions import versions

if TYPE_CHECKING:
    from circuits.model.load import Model

NO_PROMPTS = "none"


def weigh_profiles(model: Model, profiles: Sequence[WeightProfile]) -> list[ComponentScores]:
    """Each profile of every head, as scores [1, place, head]: of a single, empty prompt.

    ValueError where the model has norms that no weights fold in, and for tokens where it predicts others than it reads.
    Cost: products with d_head rows for each head; for profiles over tokens, one product of the vocabulary. Eigenvalues
    and singular values are those of d_head x d_head matrices.

    >>> from circuits import load_model
    >>> from circuits.profiles import Copying, weigh_profiles
    >>> (scores,) = weigh_profiles(load_model("reference"), [Copying()])
    >>> scores.per_prompt.shape
    (1, 2, 16)
    """
    weights, results = ModelWeights(model), []
    with torch.no_grad():
        for profile in profiles:
            of_layers = [profile.weigh(weights, number).float() for number in range(model.forward.n_layers)]
            values = torch.cat(of_layers, dim=1).unsqueeze(0).cpu().numpy()
            origin = Provenance(
                method=profile.name,
                settings=dict(profile.settings),
                metric=NO_METRIC,
                model=model.name,
                model_fingerprint=model.fingerprint,
                task=NO_PROMPTS,
                prompts_fingerprint=NO_PROMPTS,
                dtype=model.dtype,
                ablation=NO_METRIC,
                versions=versions(),
                scores_are="observed",
            )
            measured = np.ones(values.shape, dtype=np.bool_)
            components = profile.components(model.wiring)
            results.append(ComponentScores(model.wiring, components, profile.names, values, measured, origin))
    return results
