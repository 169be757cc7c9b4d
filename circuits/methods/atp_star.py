"""AtP*: attribution patching of components with its two known failure modes fixed.

    score(n) = (value of n, clean minus corrupt) . d metric / d n, at the clean run

Saturated attention: for queries and keys the pattern is recomputed from the corrupt values, and the effect is first
order only from the head's output on. Cancellation: with `grad_drop`, gradients are also taken with each layer in turn
cut out of the backward pass, where a direct and an indirect effect no longer cancel; the magnitude of the score is the
mean magnitude over these, and its sign that of their sum.

Source: Kramar et al. 2024 (AtP*, arXiv 2403.00745). They report magnitudes; we keep the sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from circuits.ablations import Ablation
from circuits.citations import KRAMAR_2024
from circuits.data.prompts import PromptSet
from circuits.kinds import KINDS
from circuits.methods.base import CORRUPT
from circuits.methods.component_base import ComponentMethod, Granularity, components_of, require_run
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.steps import slices, steps

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.components import Component
    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Site, Tap
    from circuits.model.load import Model

# A gradient, and recomputed patterns of one set of positions, in forward passes: the second as measured on the bundled
# model and SmolLM2-135M.
_OF_GRADIENT, _OF_MASK = 3.0, 4.0

ScoredKind = Literal["head", "mlp", "query", "key", "value"]


@register
@dataclass(frozen=True)
class AtPStar(ComponentMethod):
    """Estimate the patching effect of heads, MLPs, queries, keys and values from gradients at their outputs.

    Cost: two forward passes; one forward and backward pass, or one per layer and one more with `grad_drop`; one
    layer's attention per kind of query, key and value, layer and position.

    at         `all` positions at once, each token role (`roles`), or each position (`positions`)
    kinds      which kinds of component to score
    grad_drop  average over gradients with one layer cut out
    """

    name = "atp-star"
    cites = (KRAMAR_2024,)
    only_at_clean = True
    summary = "effect of each head, MLP, query, key and value from gradients, with recomputed patterns and GradDrop"
    scores_are = "estimated"

    at: Granularity = "all"
    kinds: tuple[ScoredKind, ...] = ("head", "mlp", "query", "key", "value")
    grad_drop: bool = True

    def __post_init__(self) -> None:
        self.check_settings({"kinds": (self.kinds, get_args(ScoredKind))})
        object.__setattr__(self, "kinds", tuple(self.kinds))

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for kinds of component for which the ablation has no value."""
        super().check_asked(prompts, metric, ablation)
        inner = [kind for kind in self.kinds if KINDS[kind].is_inner]
        if inner:
            require_run(self.name, ", ".join(inner), ablation)

    def batch_size(self, model: Model, prompts: PromptSet) -> int:
        return max(1, min(64, model.forward.tokens_with_gradients // prompts.n_positions))

    def effects(self, model: Model, pair: Pair, masks: Sequence[Tensor]) -> Iterator[Tensor]:
        import torch

        ways = list(range(model.wiring.n_layers)) if self.grad_drop and model.wiring.n_layers > 1 else [None]
        parts: list[Tensor | None] = [None, *masks]
        gradients: dict[tuple[int, Site], Tensor] = {}
        for mask in steps(parts, [len(ways) * _OF_GRADIENT, *(_OF_MASK for _ in masks)]):
            if mask is None:
                gradients = _gradients(model, pair, ways)
                continue
            with torch.no_grad():
                per_way = self._at_mask(model, pair, mask[:, pair.batch.start :], gradients)
                yield self._combined(per_way)

    def _at_mask(self, model: Model, pair: Pair, mask: Tensor, gradients: dict[tuple[int, Site], Tensor]) -> Tensor:
        """[way, component, prompt] effects of patching where the mask [sequence, position] is set."""
        import torch

        from circuits.effects.patching import patched_z

        forward, clean, corrupt = model.forward, pair.clean, pair.ablated
        is_there = mask.unsqueeze(-1)
        columns: dict[Component, Tensor] = {}
        for layer in range(forward.n_layers):
            for kind in self.kinds:
                components = [one for one in components_of(model.wiring, [kind]) if one.layer == layer]
                if kind == "mlp":
                    if components:
                        gap = (clean.mlp[layer] - corrupt.mlp[layer]) * is_there
                        effect = _dotted(gap.unsqueeze(2), gradients[layer, "mlp"].unsqueeze(3), pair, layer)
                        columns[components[0]] = effect[:, 0]
                    continue
                z = patched_z(forward, clean, corrupt, mask, layer, kind)
                per_head = _dotted(clean.z[layer] - z, gradients[layer, "z"], pair, layer)
                served = per_head.unflatten(1, (len(components), -1)).sum(2)
                columns |= {component: served[:, number] for number, component in enumerate(components)}
        return torch.stack([columns[component] for component in components_of(model.wiring, self.kinds)], dim=1)

    def _combined(self, per_way: Tensor) -> Tensor:
        """[component, prompt] from the effects [way, component, prompt]."""
        if len(per_way) == 1:
            return per_way[0]
        # A component's own layer, cut out, leaves it no gradient: of L ways L - 1 count.
        return per_way.sum(0).sign() * per_way.abs().sum(0) / (len(per_way) - 1)


def _gradients(model: Model, pair: Pair, ways: Sequence[int | None]) -> dict[tuple[int, Site], Tensor]:
    """d metric / d each head's z and each MLP's output [way, sequence, position, ...], a way per dropped layer."""
    import torch

    from circuits.effects.gradients import output_gradients

    forward, n_prompts = model.forward, pair.batch.n_sequences
    n_tokens = n_prompts * pair.clean.residual[0].shape[1]
    at_once = max(1, forward.tokens_with_gradients // n_tokens)
    chunks = []
    for chunk in slices(slice(first, min(first + at_once, len(ways))) for first in range(0, len(ways), at_once)):
        some = ways[chunk]
        entering = pair.clean.residual[0].repeat(len(some), 1, 1)
        at_outputs = output_gradients(forward, pair, entering, _dropping(some, n_prompts))
        chunks.append({at: grad.unflatten(0, (len(some), -1)) for at, grad in at_outputs.items()})
    return {at: torch.cat([chunk[at] for chunk in chunks]) for at in chunks[0]}


def _dropping(ways: Sequence[int | None], n_prompts: int) -> Tap:
    """A tap that cuts what one layer writes out of the backward pass, another layer for each stacked way."""

    def tap(layer: int, site: Site, value: Tensor) -> Tensor:
        import torch

        if site not in ("attention", "mlp") or layer not in ways:
            return value
        way = ways.index(layer)
        rows = slice(way * n_prompts, (way + 1) * n_prompts)
        return torch.cat((value[: rows.start], value[rows].detach(), value[rows.stop :]))

    return tap


def _dotted(gap: Tensor, gradient: Tensor, pair: Pair, layer: int) -> Tensor:
    """[way, head, prompt] sums over positions and dimensions of a gap [sequence, position, head, dimension] times
    gradients [way, sequence, position, head, dimension]; of the last layer, both where answers are read alone."""
    import torch

    from circuits.model.forward import Forward

    batch = pair.batch
    if layer == len(pair.clean.z) - 1:
        gap = Forward.at_rows(gap, batch.read_positions, batch.start)
    per_sequence = torch.einsum("bphe,wbphe->whb", gap.float(), gradient.float())
    return batch.of_each_prompt(per_sequence.permute(2, 0, 1)).permute(1, 2, 0)
