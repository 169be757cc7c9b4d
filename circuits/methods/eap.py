"""Edge attribution patching: every edge's effect to first order, from two forward passes and one backward pass.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . d metric / d input_v, at the clean run

Source: Nanda 2023; Syed et al. 2023 (EAP). They report absolute values; we keep the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.citations import NANDA_2023, SYED_2023
from circuits.methods.base import GradientMethod
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class EdgeAttribution(GradientMethod):
    """Estimate each edge's patching effect from gradients (EAP).

    Exact where everything after the edge is linear. Each prompt is scored by itself.
    Cost: two forward passes and one forward and backward pass.
    """

    name = "eap"
    cites = (NANDA_2023, SYED_2023)
    summary = "every edge's effect to first order, from one backward pass"
    only_at_clean = True

    def effects(self, model: Model, pair: Pair) -> Tensor:
        from circuits.effects.contributions import subtract_in_place
        from circuits.effects.gradients import edge_effects, gradients

        gaps = subtract_in_place(pair.clean, pair.ablated)
        return edge_effects(model.forward, model.wiring, pair.batch, gaps, gradients(model.forward, pair))
