"""How evenly a head attends."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class Entropy(Profile):
    """Entropy of the rows over that of an even row over the keys that can be seen, mean over queries that see several.

    0 where each query attends to one key, 1 where to all alike. Source: Guo et al. 2024 (arXiv 2410.13835).
    """

    name = "entropy"
    summary = "entropy of attention, relative to even attention, mean over queries"
    unit = "share of the largest entropy"

    def read(self, seen: LayerSeen) -> Seen:
        entropy = torch.special.entr(seen.pattern).sum(-1)
        largest = seen.visible.sum(-1).clamp(min=2).log().unsqueeze(1)
        return mean_over(entropy / largest, seen.choosing)
