"""Edge attribution from the two ends: the mean of the gradients at the corrupt and at the clean run.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . (gradient at corrupt + gradient at clean) / 2

The trapezoid rule with its two end points: exact where the metric is quadratic in what changes, at twice EAP's cost.

Source: Hanna et al. 2024, "clean-corrupted" in their code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.citations import HANNA_2024
from circuits.methods.base import GradientMethod
from circuits.methods.eap_ig import effects_between
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class CleanCorrupt(GradientMethod):
    """Estimate each edge's patching effect from the gradients at the corrupt and the clean embedding.

    Cost: two forward passes, and two forward and backward passes.
    """

    name = "clean-corrupt"
    cites = (HANNA_2024,)
    summary = "every edge's effect from gradients at the clean and at the corrupt run"

    @property
    def n_points(self) -> int:
        return 2

    def effects(self, model: Model, pair: Pair) -> Tensor:
        return effects_between(model, pair, (0.0, 1.0))
