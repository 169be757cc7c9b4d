"""Edge attribution with integrated gradients over activations: each writer in turn moves from corrupt to clean.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . mean over points of d metric / d input_v

The points lie on the line between the corrupt and the clean output of u, all else as in the clean run: unlike
points between embeddings, they stay on the path that patching u alone takes. Only what runs after u is run again.

Source: Hanna et al. 2024 (EAP-IG, "activations"), at points k/m for k = 1 .. m. Their code differs from that formula:
all heads of a layer move together, and every edge is scored at every writer's points, where what moves is a constant
that passes no gradient back. `paths="all"` does the same; an edge with one way to the logits, through d sources that
move one after the other, then gets a score smaller by d/n for n sources. Two faults are not copied: mean ablation
there moves toward zero, not toward the mean, and scores are means over prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.citations import HANNA_2024
from circuits.methods.base import GradientMethod
from circuits.methods.eap_ig import Rule, check_steps, points
from circuits.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.components import Wiring
    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Site, Tap
    from circuits.model.load import Model

Paths = Literal["own", "all"]
Together = Literal["layer", "component"]


@register
@dataclass(frozen=True)
class ActivationIntegratedAttribution(GradientMethod):
    """Estimate each edge's patching effect from gradients averaged while sources move from corrupt to clean.

    Cost: two forward passes; and per step half a forward and backward pass for each layer's heads and each MLP, or for
    each component. `all` takes one forward and backward pass more, and per source the products of writers with
    gradients.

    steps     points on each path
    rule      `left`: points 1, (m-1)/m, ..., 1/m, the corrupt end left out, as in the public code; `midpoint`
    together  `layer`: all heads of a layer move together, as in the public code; `component`: each head by itself
    paths     `own`: gradients while the edge's own source moves, which estimate its patching effect; `all`: averaged
              over the paths of all sources, and without what passes through the moving one, as in the public code
    """

    name = "eap-ig-activations"
    cites = (HANNA_2024,)
    needs = ("residual", "z", "mlp")
    summary = "every edge's effect from gradients averaged while its source moves from corrupt to clean"

    steps: int = 5
    rule: Rule = "left"
    together: Together = "layer"
    paths: Paths = "own"

    def __post_init__(self) -> None:
        check_steps(self.name, self.steps, self.rule)
        for setting, known in (("together", get_args(Together)), ("paths", get_args(Paths))):
            if (value := getattr(self, setting)) not in known:
                raise ValueError(f"{self.name}: {setting}={value!r}. Known: {', '.join(known)}.")

    @property
    def n_points(self) -> int:
        return self.steps

    def effects(self, model: Model, pair: Pair) -> Tensor:
        import torch

        from circuits.effects.contributions import gaps_between, writer_gaps
        from circuits.effects.gradients import Gradients, effects_of_writers, gradients, gradients_before

        forward, wiring = model.forward, model.wiring
        # Fractions of the path back to corrupt: 0 is the clean output.
        back = points(self.steps, self.rule)
        total = torch.zeros(len(pair.batch), wiring.n_edges, device=forward.device)
        gaps = writer_gaps(forward, gaps_between(pair.clean, pair.ablated))
        groups, everything = self._groups(wiring), range(len(wiring.writers))
        scores_all = self.paths == "all"
        arriving: dict[int, Tensor] = {}

        def add(at: Gradients, writers: range) -> None:
            def written(chosen: slice) -> Tensor:
                return gaps[chosen][:, writers.start : writers.stop]

            total.add_(effects_of_writers(forward, wiring, pair.batch, at, writers, written))

        for writers in groups:
            layer = max(0, (writers.start - 1) // wiring.writers_per_layer)
            entering = pair.clean.residual[layer].repeat(self.steps, 1, 1)
            if writers.start == 0:
                gap = pair.clean.residual[0] - pair.ablated.residual[0]
                entering = entering - _stacked_shares(back, gap)
            at_readers = gradients(
                forward,
                pair,
                entering,
                first_layer=layer,
                tap=_moving(pair, wiring, writers, layer, back),
                asks_entering=scores_all and layer > 0,
            )
            add(at_readers, everything if scores_all else writers)
            if at_readers.entering is not None:
                of_points = at_readers.entering.unflatten(0, (self.steps, -1)).sum(0)
                arriving[layer] = arriving.get(layer, 0) + of_points
        if arriving:
            # Before what moves, all is as in the clean run: gradients pass through it once for all sources and points.
            add(gradients_before(forward, pair, arriving), everything)
        return total / (self.steps * len(groups) if scores_all else self.steps)

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
    """A tap that moves some writers of a layer back toward their corrupt outputs, by one share per stacked point.

    No gradient passes back through what moves.
    """
    from circuits.model.forward import Forward

    first = 1 + layer * wiring.writers_per_layer
    heads = range(max(0, writers.start - first), min(wiring.n_heads, writers.stop - first))
    moves_mlp = writers.start == first + wiring.n_heads

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if number != layer or writers.start == 0:
            return value
        if site == "z" and len(heads):
            moved = value.clone()
            moves = slice(heads.start, heads.stop)
            moved[:, :, moves] = _moved(value, pair.clean.z[layer] - pair.ablated.z[layer])[:, :, moves]
            return moved
        if site == "mlp" and moves_mlp:
            return _moved(value, pair.clean.mlp[layer] - pair.ablated.mlp[layer])
        return value

    def _moved(value: Tensor, gap: Tensor) -> Tensor:
        """Less fractions of the gap; of the last layer, which has no other positions, where answers are read."""
        if layer == wiring.n_layers - 1:
            gap = Forward.at_rows(gap, pair.batch.read_positions, pair.batch.start)
        return value.detach() - _stacked_shares(back, gap)

    return tap
