"""How much a head writes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class OutputNorm(Profile):
    """Norm of what a head adds to the stream, mean over positions.

    It finds idle heads that attend to no sink as well (arXiv 2504.03889). Where a layer norms the sum of its heads
    before the stream, this is before that norm.
    """

    name = "output-norm"
    summary = "norm of what a head adds to the stream, mean over positions"
    unit = "norm"
    bounds = (0, None)

    def read(self, seen: LayerSeen) -> Seen:
        return mean_over(seen.outputs.float().norm(dim=-1), torch.ones_like(seen.tokens, dtype=torch.bool))
