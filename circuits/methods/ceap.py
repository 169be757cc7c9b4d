"""Conductance of edges: how much of the metric's change flows through each, while the embedding moves to clean.

    score(u -> v) = sum over steps k and positions of (x_u(k+1) - x_u(k)) . d metric / d input_v, at the points k

The points are those of EAP-IG, which multiplies the mean gradient with a writer's whole difference; here each gradient
meets what the writer moves by on that step of the path. So edges carry a current: as steps grow, what flows into a
component flows out of it, and the edges of any cut between `input` and `logits` add up to metric(clean) -
metric(corrupt). It equals EAP-IG for edges out of `input`, and for all edges with one step. A score is a share of the
change along the path, not an estimate of what patching that edge alone does.

Source: Wu, Tonin and Cevher 2026 (CEAP, arXiv 2606.16920), after Dhamdhere et al. 2018 (conductance of neurons). The
ends of a writer's path are its ablated and its clean value, also where no run of the model gives the ablated values
(`zero`, means): then what a cut adds up to differs from the change by what the first step jumps over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.citations import DHAMDHERE_2019, WU_2026
from circuits.methods.base import GradientMethod
from circuits.methods.eap_ig import Rule, check_steps, embeddings_between, points
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Forward, Site
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class Conductance(GradientMethod):
    """Score each edge by what flows through it while the embedding moves from corrupt to clean (CEAP).

    Cost: that of `eap-ig`, and per step once more the products of writers with gradients (about half a forward pass).

    steps  points on the line from corrupt to clean
    rule   where gradients are taken: `left`, at the start of each step, as published; `midpoint`, in its middle. Sums
           then miss the metric's change by an error that falls as 1/steps, or as 1/steps^2
    """

    name = "ceap"
    cites = (WU_2026, DHAMDHERE_2019)
    summary = "what flows through every edge while the embedding moves from corrupt to clean (conductance)"

    steps: int = 5
    rule: Rule = "left"

    def __post_init__(self) -> None:
        check_steps(self.name, self.steps, self.rule)

    @property
    def n_points(self) -> int:
        return self.steps

    def effects(self, model: Model, pair: Pair) -> Tensor:
        import torch

        from circuits.effects.contributions import ActivationDifferences, writer_gaps
        from circuits.effects.gradients import effects_of_writers, gradients

        forward, wiring = model.forward, model.wiring
        outputs: dict[tuple[int, Site], Tensor] = {}

        def keep(layer: int, site: Site, value: Tensor) -> Tensor:
            if site in ("z", "mlp"):
                outputs[layer, site] = value.detach()
            return value

        at_points = gradients(forward, pair, embeddings_between(pair, points(self.steps, self.rule)), tap=keep)
        embedded = (pair.clean.residual[0] - pair.ablated.residual[0]) / self.steps
        moved = {at: self._moved(forward, pair, at, outputs.pop(at)) for at in list(outputs)}
        total = torch.zeros(len(pair.batch), wiring.n_edges, device=forward.device)
        for step in range(self.steps):
            z, mlp = ([moved[at][step] for at in moved if at[1] == site] for site in ("z", "mlp"))
            gaps = ActivationDifferences(embedded, z, mlp)
            total += effects_of_writers(
                forward,
                wiring,
                pair.batch,
                at_points.at_point(step, self.steps),
                range(len(wiring.writers)),
                lambda chosen, gaps=gaps: writer_gaps(forward, gaps, chosen),
            )
        return total

    def _moved(self, forward: Forward, pair: Pair, at: tuple[int, Site], outputs: Tensor) -> Tensor:
        """What a layer's heads or MLP move by on each step [step, prompt, position, ...].

        outputs  what they give at the points [point x prompt, position, ...], of the last layer where answers are read
        """
        import torch

        layer, site = at
        ends = [run.z[layer] if site == "z" else run.mlp[layer] for run in (pair.ablated, pair.clean)]
        start, read, n_positions = pair.batch.start, pair.batch.read_positions, ends[0].shape[1]
        is_last = layer == forward.n_layers - 1
        if is_last:
            ends = [forward.at_rows(end, read, start) for end in ends]
        inner = outputs.unflatten(0, (self.steps, -1))
        inner = inner[1:] if self.rule == "left" else (inner[1:] + inner[:-1]) / 2
        moved = torch.cat((ends[0].unsqueeze(0), inner, ends[1].unsqueeze(0))).diff(dim=0)
        if not is_last:
            return moved
        # Where a position is read more than once, it has moved by the same each time.
        whole = moved.new_zeros(*moved.shape[:2], n_positions, *moved.shape[3:])
        whole[:, torch.arange(len(read), device=read.device).unsqueeze(1), read - start] = moved
        return whole
