"""Edge attribution with integrated gradients over activations: each writer in turn moves from corrupt to clean.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . mean over points of d metric / d input_v

The points lie on the line between the corrupt and the clean output of u, all else as in the clean run: unlike
points between embeddings, they stay on the path that patching u alone takes. Only what runs after u is run again.

Source: Hanna et al. 2024 (EAP-IG, "activations"); their code moves all heads of a layer together, at points
k/m for k = 1 .. m.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.methods.base import GradientMethod
from circuits.methods.eap_ig import Rule, check_steps, points
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.components import Wiring
    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Site, Tap
    from circuits.model.load import Model

Together = Literal["layer", "component"]


@register
@dataclass(frozen=True)
class ActivationIntegratedAttribution(GradientMethod):
    """Estimate each edge's patching effect from gradients averaged along its source's path from corrupt to clean.

    Cost: two forward passes; and per step half a forward and backward pass for each layer's heads and each MLP, or for
    each component.

    steps     points on each path
    rule      `left`: points 1, (m-1)/m, ..., 1/m, the corrupt end left out, as in the public code; `midpoint`
    together  `layer`: all heads of a layer move together, as in the public code; `component`: each head by itself
    """

    name = "eap-ig-activations"
    needs = ("residual", "z", "mlp")
    summary = "every edge's effect from gradients averaged while its source moves from corrupt to clean"

    steps: int = 5
    rule: Rule = "left"
    together: Together = "layer"

    def __post_init__(self) -> None:
        check_steps(self.name, self.steps, self.rule)
        if self.together not in get_args(Together):
            raise ValueError(f"{self.name}: together={self.together!r}. Known: {', '.join(get_args(Together))}.")

    @property
    def n_points(self) -> int:
        return self.steps

    def effects(self, model: Model, pair: Pair) -> Tensor:
        import torch

        from circuits.effects.contributions import gaps_between, writer_gaps
        from circuits.effects.gradients import effects_of_writers, gradients

        forward, wiring = model.forward, model.wiring
        # Fractions of the path back to corrupt: 0 is the clean output.
        back = points(self.steps, self.rule)
        total = torch.zeros(len(pair.batch), wiring.n_edges, device=forward.device)
        gaps = writer_gaps(forward, gaps_between(pair.clean, pair.ablated))
        for writers in self._groups(wiring):
            layer = max(0, (writers.start - 1) // wiring.writers_per_layer)
            entering = pair.clean.residual[layer].repeat(self.steps, 1, 1)
            if writers.start == 0:
                gap = pair.clean.residual[0] - pair.ablated.residual[0]
                entering = entering - _stacked_shares(back, gap)
            reader_gradients = gradients(
                forward, pair, entering, first_layer=layer, tap=_moving(pair, wiring, writers, layer, back)
            )
            total += effects_of_writers(
                forward,
                wiring,
                pair.batch,
                reader_gradients,
                writers,
                lambda chosen, writers=writers: gaps[chosen][:, writers],
            )
        return total / self.steps

    def _groups(self, wiring: Wiring) -> list[range]:
        """Consecutive writers that move together, by number."""
        groups = [range(1)]
        for layer in range(wiring.n_layers):
            first = 1 + layer * wiring.writers_per_layer
            heads = range(first, first + wiring.n_heads)
            groups += [heads] if self.together == "layer" else [range(head, head + 1) for head in heads]
            if wiring.has_mlps:
                groups.append(range(heads.stop, heads.stop + 1))
        return groups


def _stacked_shares(shares: list[float], values: Tensor) -> Tensor:
    """Each share of values [prompt, ...], stacked [point x prompt, ...]."""
    import torch

    return torch.cat([share * values for share in shares])


def _moving(pair: Pair, wiring: Wiring, writers: range, layer: int, back: list[float]) -> Tap:
    """A tap that moves some writers of a layer back toward their corrupt outputs, by one share per stacked point."""
    first = 1 + layer * wiring.writers_per_layer
    heads = range(max(0, writers.start - first), min(wiring.n_heads, writers.stop - first))
    moves_mlp = writers.start == first + wiring.n_heads

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if number != layer or writers.start == 0:
            return value
        if site == "z" and len(heads):
            gap = (pair.clean.z[layer] - pair.ablated.z[layer]).clone()
            gap[:, :, : heads.start] = 0
            gap[:, :, heads.stop :] = 0
            return value - _at(value, gap)
        if site == "mlp" and moves_mlp:
            return value - _at(value, pair.clean.mlp[layer] - pair.ablated.mlp[layer])
        return value

    def _at(value: Tensor, gap: Tensor) -> Tensor:
        """Fractions of the gap; at the answer positions alone where the value has no others."""
        if value.shape[1] != gap.shape[1]:
            gap = gap[_at_answers(pair)].unsqueeze(1)
        return _stacked_shares(back, gap)

    return tap


def _at_answers(pair: Pair) -> tuple[Tensor, Tensor]:
    import torch

    answer_positions = pair.batch.answer_positions - pair.batch.start
    return torch.arange(len(answer_positions), device=answer_positions.device), answer_positions
