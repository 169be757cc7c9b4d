"""Settings of head coding, checked; without torch, because plans are made from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, get_args

UnitNorm = Literal["coordinates", "dictionary"]


@dataclass(frozen=True)
class Recipe:
    """How autoencoders are trained.

    loss = mean over rows and d_model of (x_hat - x)^2 + l1 * mean over rows of ||z||_1. Encoder rows have unit norm.
    unit_norm  what of W_d has unit norm as well: each `coordinates` of d_model over the features, as in the published
               code, or each vector of the `dictionary`
    """

    features: int = 200
    l1: float = 0.02
    top_k: int | None = None  # keep only the k strongest features of a row
    epochs: int = 500
    learning_rate: float = 1e-3
    unit_norm: UnitNorm = "coordinates"

    def __post_init__(self) -> None:
        for name, smallest in (("features", 2), ("epochs", 1), ("top_k", 1)):
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ValueError(f"{name}={value}: give {smallest} or more.")
        if not (self.l1 >= 0 and math.isfinite(self.l1)):
            raise ValueError(f"l1={self.l1}: give 0 or more.")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate={self.learning_rate}: give a positive number.")
        if self.unit_norm not in get_args(UnitNorm):
            raise ValueError(f"unit_norm={self.unit_norm!r}. Known: {', '.join(get_args(UnitNorm))}.")


Scope = Literal["model", "layer"]
Inputs = Literal["raw", "centered"]


@dataclass(frozen=True)
class Coding:
    """How head outputs become codes.

    sae_prompts  prompts whose head outputs an autoencoder is trained on, drawn at random; all, where there are fewer
    scope        one autoencoder for the heads of the whole `model`, or one for each `layer`
    inputs       head outputs as they are (`raw`), or minus each head's mean over all prompts (`centered`)
    """

    recipe: Recipe = field(default_factory=Recipe)
    sae_prompts: int = 10
    scope: Scope = "model"
    inputs: Inputs = "raw"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sae_prompts < 1:
            raise ValueError(f"sae_prompts={self.sae_prompts}: give 1 or more.")
        for name, known in (("scope", Scope), ("inputs", Inputs)):
            if getattr(self, name) not in get_args(known):
                raise ValueError(f"{name}={getattr(self, name)!r}. Known: {', '.join(get_args(known))}.")

    def n_autoencoders(self, n_layers: int) -> int:
        """How many autoencoders make up a trial."""
        return n_layers if self.scope == "layer" else 1
