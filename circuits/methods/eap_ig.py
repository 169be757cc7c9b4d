"""Edge attribution with integrated gradients: EAP with gradients averaged along the path from corrupt to clean.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . mean over points of d metric / d input_v

The points lie on the straight line between the two embeddings; a gradient that vanishes at the clean run, where the
metric is saturated, shows along this path. All points of a prompt are stacked in one forward and backward pass, and
their gradients are summed before they meet the writers' differences.

Source: Hanna et al. 2024 (EAP-IG, "inputs"). Their code takes points k/m for k = 0 .. m-1 (`left`); the midpoints
(k + 1/2)/m integrate more accurately with the same number of points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.citations import HANNA_2024
from circuits.methods.base import GradientMethod
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

Rule = Literal["left", "midpoint"]


@register
@dataclass(frozen=True)
class IntegratedEdgeAttribution(GradientMethod):
    """Estimate each edge's patching effect from gradients averaged from corrupt to clean embedding (EAP-IG).

    Cost: two forward passes, and one forward and backward pass per step.

    steps  points on the line from corrupt to clean
    rule   `left`: points 0, 1/m, ..., (m-1)/m, as in the public code; `midpoint`: 1/2m, 3/2m, ...
    """

    name = "eap-ig"
    cites = (HANNA_2024,)
    summary = "every edge's effect from gradients averaged between corrupt and clean"

    steps: int = 5
    rule: Rule = "left"

    def __post_init__(self) -> None:
        check_steps(self.name, self.steps, self.rule)

    @property
    def n_points(self) -> int:
        return self.steps

    def effects(self, model: Model, pair: Pair) -> Tensor:
        return effects_between(model, pair, points(self.steps, self.rule))


def check_steps(name: str, steps: int, rule: str) -> None:
    """Raise a ValueError for a number of points or a rule that cannot be used."""
    if steps < 1:
        raise ValueError(f"{name}: steps={steps}. At least 1 point is needed; 5 is usual.")
    if rule not in get_args(Rule):
        raise ValueError(f"{name}: rule={rule!r}. Known: {', '.join(get_args(Rule))}.")


def points(steps: int, rule: Rule) -> list[float]:
    """Where gradients are taken: 0 is the corrupt embedding, 1 the clean one."""
    shift = 0.0 if rule == "left" else 0.5
    return [(step + shift) / steps for step in range(steps)]


def embeddings_between(pair: Pair, at: Sequence[float]) -> Tensor:
    """The embeddings [point x prompt, position, d_model] at points from the corrupt (0) to the clean one (1)."""
    import torch

    clean, corrupt = pair.clean.residual[0], pair.ablated.residual[0]
    return torch.cat([corrupt + point * (clean - corrupt) for point in at])


def effects_between(model: Model, pair: Pair, at: Sequence[float]) -> Tensor:
    """Effects [prompt, edge] from gradients averaged over points from the corrupt (0) to the clean embedding (1)."""
    from circuits.effects.contributions import subtract_in_place
    from circuits.effects.gradients import edge_effects, gradients

    entering = embeddings_between(pair, at)
    gaps = subtract_in_place(pair.clean, pair.ablated)
    reader_gradients = gradients(model.forward, pair, entering)
    return edge_effects(model.forward, model.wiring, pair.batch, gaps, reader_gradients) / len(at)
