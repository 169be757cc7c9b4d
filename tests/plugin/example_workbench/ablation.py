"""An ablation: less noise."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.ablations import Noise


@dataclass(frozen=True)
class SoftNoise(Noise):
    """Noise on the embeddings, of half a standard deviation.

    sigma  in standard deviations of the prompt's own embeddings
    """

    name = "soft-noise"
    summary = "noise of half a standard deviation on the embeddings"

    sigma: float = 0.5
