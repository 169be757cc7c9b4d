"""Run a model in which only some components keep their outputs: running circuits of components.

All others give their ablated outputs. Components see all of the stream, so edges play no part. Circuits are stacked on
the batch axis over one clean and one ablated run. What removing a component changes is estimated to first order for all
at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.effects.gradients import gradients_of
from circuits.model.forward import Earlier, Site, Tap
from circuits.model.layers import tiled

if TYPE_CHECKING:
    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


def metric_with_components(
    model: Model,
    pair: Pair,
    kept: Tensor,
    *,
    first_layer: int = 0,
    entering: Tensor | None = None,
    record: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """The metric [circuit, prompt] of a batch when only some components keep their outputs, the others are ablated.

    kept         [circuit, writer]; without `input`, the ablated embedding is read
    first_layer  no earlier layer needs to be run
    entering     [sequence, position, d_model] the stream entering `first_layer`, where a circuit that is the same up to
                 there was run (`record`); by default the embedding
    record       is given the stream [circuit x sequence, position, d_model] that enters each layer

    Cost per circuit: a forward pass from `first_layer` and the first difference on.
    """
    forward, ablated = model.forward, pair.ablated
    keeps = kept.repeat_interleave(pair.batch.n_sequences, dim=0)
    keep_or_ablate = _keep_or_ablate(model, pair, keeps)

    def tap(layer: int, site: Site, value: Tensor) -> Tensor:
        if site == "residual" and record is not None:
            record(value)
        return keep_or_ablate(layer, site, value)

    final = forward.run(
        tiled(_embedded(pair, keeps) if entering is None else entering, len(keeps)),
        n_positions=pair.batch.n_positions,
        first_layer=first_layer,
        start=ablated.start,
        earlier=Earlier(ablated.key, ablated.value),
        tap=tap,
    )
    return pair.readout(forward.at_rows(final, pair.batch.read_positions, ablated.start))


def _embedded(pair: Pair, keeps: Tensor) -> Tensor:
    """The embedding [circuit x sequence, position, d_model], clean where `input` is kept."""
    clean, ablated = (tiled(run.residual[0], len(keeps)) for run in (pair.clean, pair.ablated))
    return torch.where(keeps[:, :1, None], clean, ablated)


def _keep_or_ablate(model: Model, pair: Pair, keeps: Tensor) -> Tap:
    """Replaces what components give that are not kept.

    keeps  [circuit x sequence, writer]
    """
    wiring, ablated = model.wiring, pair.ablated

    def kept_or_ablated(layer: int, site: Site, value: Tensor) -> Tensor:
        first = 1 + layer * wiring.writers_per_layer
        if site == "z":
            keep = keeps[:, None, first : first + wiring.n_heads, None]
            return torch.where(keep, value, tiled(ablated.z[layer], len(value)))
        if site == "mlp":
            keep = keeps[:, None, first + wiring.n_heads, None]
            return torch.where(keep, value, tiled(ablated.mlp[layer], len(value)))
        return value

    return kept_or_ablated


def removal_effects_with_components(model: Model, pair: Pair, kept: Tensor) -> Tensor:
    """How much the metric [prompt, writer] falls when one more component is ablated, to first order.

    kept  [writer] the components that keep their outputs

    Cost: one forward and backward pass.
    """
    forward, ablated = model.forward, pair.ablated
    keeps = kept.expand(pair.batch.n_sequences, -1)
    keep_or_ablate, outputs = _keep_or_ablate(model, pair, keeps), dict[tuple[int, Site], Tensor]()

    def tap(layer: int, site: Site, value: Tensor) -> Tensor:
        value = keep_or_ablate(layer, site, value)
        if site in ("z", "mlp"):
            value = outputs[layer, site] = value.view_as(value)
        return value

    with torch.enable_grad():
        embedded = _embedded(pair, keeps).requires_grad_()
        final = forward.run(
            embedded,
            n_positions=pair.batch.n_positions,
            start=ablated.start,
            earlier=Earlier(ablated.key, ablated.value),
            tap=tap,
        )
        at_answers = forward.at_rows(final, pair.batch.read_positions, ablated.start)
    gradients = gradients_of(pair, at_answers, [embedded, *outputs.values()])
    effects = [(gradients[0] * (embedded - ablated.residual[0])).sum((1, 2)).unsqueeze(1)]
    for ((layer, site), value), gradient in zip(outputs.items(), gradients[1:], strict=True):
        change = gradient * (value - getattr(ablated, site)[layer])
        effects.append(change.sum((1, 3)) if site == "z" else change.sum((1, 2)).unsqueeze(1))
    return pair.batch.of_each_prompt(torch.cat(effects, dim=1).detach())
