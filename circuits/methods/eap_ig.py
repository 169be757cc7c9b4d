"""Edge attribution with integrated gradients: EAP with gradients averaged on the way from corrupt to clean.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . mean over points of d metric / d input_v

The points lie on the straight line between the two embeddings; a gradient that vanishes at the clean run, where the
metric is saturated, is seen on the way there.

Source: Hanna et al. 2024 (EAP-IG, "inputs"). Their code takes points k/m for k = 0 .. m-1 (`left`); the midpoints
(k + 1/2)/m integrate more accurately with as many points.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.methods.base import EdgeMethod
from circuits.methods.eap import edge_effects, gradients

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.batches import Pair
    from circuits.models import Model

Rule = Literal["left", "midpoint"]


@dataclass(frozen=True)
class IntegratedEdgeAttribution(EdgeMethod):
    """Estimate each edge's patching effect from gradients averaged between corrupt and clean embedding (EAP-IG).

    Cost: two forward passes, and one forward and backward pass per step.

    steps  points on the line from corrupt to clean
    rule   `left`: points 0, 1/m, ..., (m-1)/m, as in the public code; `midpoint`: 1/2m, 3/2m, ...
    """

    name = "eap-ig"
    summary = "every edge's effect from gradients averaged between corrupt and clean"
    sums_to_nodes = True

    steps: int = 5
    rule: Rule = "left"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"eap-ig: steps={self.steps}. At least 1 point is needed; 5 is usual.")
        if self.rule not in get_args(Rule):
            raise ValueError(f"eap-ig: rule={self.rule!r}. Known: {', '.join(get_args(Rule))}.")

    @property
    def points(self) -> list[float]:
        """Where gradients are taken: 0 is the corrupt embedding, 1 the clean one."""
        shift = 0.0 if self.rule == "left" else 0.5
        return [(step + shift) / self.steps for step in range(self.steps)]

    def effects(self, model: Model, pair: Pair) -> Tensor:
        clean, corrupt = pair.clean.residual[0], pair.corrupt.residual[0]
        along = (gradients(model.forward, pair, corrupt + point * (clean - corrupt)) for point in self.points)
        return functools.reduce(operator.add, (edge_effects(model.forward, pair, at) for at in along)) / self.steps
