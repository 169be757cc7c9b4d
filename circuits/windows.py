"""Restore a component in several layers at once, as causal tracing with a window does (Meng et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from circuits.batches import Pair
from circuits.components import Component
from circuits.forward import Earlier, Forward, Run, Site


def windowed_metrics(
    forward: Forward, pair: Pair, base: Run, donor: Run, mask: Tensor, components: Sequence[Component], window: int
) -> Tensor:
    """The metric [component, prompt] of `base` with attention or MLP outputs of several layers from `donor`.

    mask        [prompt, position] where to take them, over the whole prompt
    components  `attention` or `mlp`: the middle of each window
    window      how many layers; fewer at both ends of the model

    Cost: a run from the first layer of its window for each component.
    """
    mask = mask[:, base.start :]
    found = []
    for part in components:
        assert part.layer is not None
        first, stop = layers_of(part.layer, window, forward.n_layers)
        found.append(pair.readout(_run_with(forward, pair, base, donor, mask, part, first, stop))[0])
    return torch.stack(found)


def layers_of(middle: int, window: int, n_layers: int) -> tuple[int, int]:
    """First layer of a window, and the one after its last: `window // 2` layers before the middle belong to it."""
    return max(0, middle - window // 2), min(n_layers, middle + (window + 1) // 2)


def _run_with(
    forward: Forward, pair: Pair, base: Run, donor: Run, mask: Tensor, part: Component, first: int, stop: int
) -> Tensor:
    """The final stream [prompt, d_model] at the answers."""
    rows = pair.batch.answer_positions
    site: Site = "mlp" if part.kind == "mlp" else "attention"
    values = donor.mlp if part.kind == "mlp" else donor.attention

    def restore(layer: int, at: Site, value: Tensor) -> Tensor:
        if at != site or not first <= layer < stop:
            return value
        kept, where = values[layer], mask
        if value.shape[1] != kept.shape[1]:  # the last layer is computed at the answers alone
            kept = forward.at_rows(kept, rows, base.start).unsqueeze(1)
            where = forward.at_rows(mask, rows, base.start).unsqueeze(1)
        return torch.where(where.unsqueeze(-1), kept, value)

    return forward.run(
        base.residual[first],
        n_positions=pair.batch.n_positions,
        first_layer=first,
        start=base.start,
        earlier=Earlier(base.key, base.value),
        rows=rows,
        tap=restore,
    )
