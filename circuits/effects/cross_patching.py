"""Patch what components of another model write into a run of this one, on the same tokens.

What a head of the other model writes is its z through its own output matrix, so that a head whose output matrix alone
differs counts as different. Biases of the output belong to no head and stay this model's. Everything after a patch runs
on: the components that read it see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.model.forward import Forward, Run, Site
from circuits.model.layers import tiled
from circuits.model.linear import linear

if TYPE_CHECKING:
    from circuits.components import Wiring
    from circuits.effects.paired_runs import Readout
    from circuits.model.batches import Batch


def metric_with_outputs_of(
    forward: Forward, donor: Forward, wiring: Wiring, batch: Batch, runs: tuple[Run, Run], groups: Tensor, read: Readout
) -> Tensor:
    """The metric [group, prompt] when the components of a group write what they write in the other model.

    donor   the forward pass of the other model, wired alike and of the same width
    runs    the clean run of this model and that of the other one, both over all positions
    groups  [group, writer] bool in the order of `wiring.writers`; with `input`, the other model's embedding is read
    read    the metric of final streams of this model

    Groups of later layers are cheaper: each stack of them resumes at the first layer in which any is patched. Cost per
    group: at most one forward pass.
    """
    base, other = runs
    result = torch.empty(len(groups), len(batch), dtype=torch.float32, device=forward.device)
    first = first_layers(wiring, groups)
    order = torch.argsort(first, stable=True)
    for part in forward.chunks(len(groups), batch.n_sequences, batch.n_positions):
        chosen = order[part]
        layer = int(first[chosen].min())
        if layer == wiring.n_layers:  # nothing is patched
            result[chosen] = read(forward.at_rows(base.residual[-1], batch.read_positions, 0)).expand(len(chosen), -1)
            continue
        takes = groups[chosen].repeat_interleave(batch.n_sequences, dim=0)
        entering = tiled(base.residual[layer], len(takes))
        if layer == 0:
            entering = torch.where(takes[:, :1, None], tiled(other.residual[0], len(takes)), entering)
        final = forward.run(
            entering,
            n_positions=batch.n_positions,
            first_layer=layer,
            tap=_Patched(forward, donor, wiring, other, takes),
        )
        result[chosen] = read(forward.at_rows(final, batch.read_positions, 0))
    return result


def first_layers(wiring: Wiring, groups: Tensor) -> Tensor:
    """[group] the first layer in which a component of the group is, 0 with `input`; the number of layers if empty."""
    numbers = torch.arange(len(wiring.writers), device=groups.device)
    layer_of = ((numbers - 1) // wiring.writers_per_layer).clamp(min=0)
    return torch.where(groups, layer_of, wiring.n_layers).min(dim=1).values


class _Patched:
    """Puts the other model's outputs into a run, layer by layer.

    takes  [variant x sequence, writer] which components' outputs come from the other model
    """

    def __init__(self, forward: Forward, donor: Forward, wiring: Wiring, other: Run, takes: Tensor) -> None:
        self._forward, self._donor, self._wiring = forward, donor, wiring
        self._other, self._takes = other, takes
        self._z: Tensor | None = None

    def __call__(self, layer: int, site: Site, value: Tensor) -> Tensor:
        first, n_heads = 1 + layer * self._wiring.writers_per_layer, self._wiring.n_heads
        if site == "z":
            self._z = value
        elif site == "attention":
            return self._attention(layer, self._takes[:, first : first + n_heads], value)
        elif site == "mlp":
            is_taken = self._takes[:, first + n_heads, None, None]
            return torch.where(is_taken, tiled(self._other.mlp[layer], len(value)), value)
        return value

    def _attention(self, layer: int, takes: Tensor, unpatched: Tensor) -> Tensor:
        """What the attention adds, when some heads write what they write in the other model."""
        if not takes.any():
            return unpatched
        own, donor, z = self._forward.layers[layer], self._donor.layers[layer], self._z
        assert z is not None
        is_taken = takes[:, None, :, None]
        others = torch.where(is_taken, tiled(self._other.z[layer], len(z)), 0)
        kept = own.heads_sum(torch.where(is_taken, 0, z))
        return own.attention_out(kept + linear(others.flatten(-2), donor.weight_o.T))
