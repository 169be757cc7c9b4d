"""Run a model with a weight on each edge, or keeping only some components: circuits at work.

A reader of edges sees the ablated stream plus, along each of its edges, the edge's weight times how far the source is
now from its ablated value. Weight 1 is an edge of the circuit, 0 one outside it; weights between serve learning, and
gradients reach them. Circuits are stacked on the batch axis over one clean and one ablated run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.forward import Earlier, Forward, Site
from circuits.layers import QKV, Places, tiled
from circuits.products import linear_each
from circuits.writers import gaps_between, writer_gaps

if TYPE_CHECKING:
    from circuits.batches import Pair
    from circuits.models import Model


def metric_with_edges(
    model: Model, pair: Pair, weights: Tensor, *, first_layer: int = 0, heads_are_whole: bool = False
) -> Tensor:
    """The metric [circuit, prompt] of a batch, with a weight on each edge.

    weights          [circuit, edge], bool or real
    first_layer      readers of earlier layers have all their edges in every circuit, so that they need not be run
    heads_are_whole  so have the heads of `first_layer`

    Cost per circuit: about one forward pass from `first_layer` and the first difference on; memory of one
    [prompt, writer, position, d_model] tensor.
    """
    forward, wiring, corrupt = model.forward, model.wiring, pair.corrupt
    offsets = wiring.edge_offsets
    weights = weights.to(forward.weight_u.dtype)

    def sources(first_reader: int, n_readers: int) -> Tensor:
        """[circuit, reader, writer] weights of the edges into some consecutive readers of the same layer."""
        flat = weights[:, offsets[first_reader] : offsets[first_reader + n_readers]]
        return flat.unflatten(1, (n_readers, -1))

    known = writer_gaps(forward, gaps_between(pair.clean, corrupt), n_layers=first_layer + heads_are_whole)
    known = known[:, : 1 + first_layer * wiring.writers_per_layer + heads_are_whole * wiring.n_heads]
    shifts = _Shifts(known, len(weights), len(wiring.writers), keeps_graph=weights.requires_grad)
    for number in range(first_layer, forward.n_layers):
        layer, first = forward.layers[number], number * wiring.readers_per_layer
        n_ports = layer.n_heads + 2 * layer.n_kv_heads
        computed = []
        if not (heads_are_whole and number == first_layer):
            computed.append(_head_shifts(forward, number, pair, shifts, sources(first, n_ports)))
        if layer.mlp is not None:
            if not layer.is_parallel:
                shifts.append(computed)
                computed = []
            computed.append(_mlp_shift(forward, number, pair, shifts, sources(first + n_ports, 1)))
        shifts.append(computed)
    final = corrupt.residual[-1] + shifts.seen_by(sources(len(wiring.readers) - 1, 1))[:, :, 0]
    return pair.readout(forward.at_rows(final.flatten(0, 1), pair.batch.rows, corrupt.start))


class _Shifts:
    """How far writers are from their ablated values, as they run.

    known   [prompt, writer, position, d_model] of the first writers, the same in all circuits
    values  [circuit, prompt, writer, position, d_model] of the later ones, filled as they run
    """

    def __init__(self, known: Tensor, n_circuits: int, n_writers: int, *, keeps_graph: bool) -> None:
        n_prompts, self._n_known, *self._shape = known.shape
        self._known = known.flatten(2)
        self._n_filled = 0
        # Gradients do not pass through tensors that are overwritten.
        self._parts: list[Tensor] | None = [] if keeps_graph else None
        if not keeps_graph:
            self._values = known.new_empty(n_circuits, n_prompts, n_writers - self._n_known, *self._shape)

    def append(self, shifts: list[Tensor]) -> None:
        """Add the next writers, each tensor [circuit, prompt, writer, position, d_model]."""
        for shift in shifts:
            if self._parts is not None:
                self._parts.append(shift)
            else:
                self._values[:, :, self._n_filled : self._n_filled + shift.shape[2]] = shift
            self._n_filled += shift.shape[2]

    def seen_by(self, sources: Tensor) -> Tensor:
        """Weighted sum of the shifts along each reader's edges [circuit, prompt, reader, position, d_model].

        sources  [circuit, reader, writer] for the first writers
        """
        n_circuits, n_readers, n_sources = sources.shape
        n_known = min(n_sources, self._n_known)
        seen = sources[..., :n_known].flatten(0, 1) @ self._known[:, :n_known]
        seen = seen.unflatten(1, (n_circuits, n_readers)).transpose(0, 1)
        if n_sources > n_known:
            values = self._values if self._parts is None else torch.cat(self._parts, dim=2)
            later = values[:, :, : n_sources - n_known].flatten(3)
            seen = seen + sources[..., n_known:].unsqueeze(1) @ later
        return seen.unflatten(3, self._shape)


def _head_shifts(forward: Forward, number: int, pair: Pair, shifts: _Shifts, sources: Tensor) -> Tensor:
    """Shifts [circuit, prompt, head, position, d_model] of a layer's heads, each port reading its own edges."""
    layer, corrupt = forward.layers[number], pair.corrupt
    inputs = layer.normed(corrupt.residual[number].unsqueeze(1) + shifts.seen_by(sources))
    sizes = (layer.n_heads, layer.n_kv_heads, layer.n_kv_heads)
    projected = [
        linear_each(values.permute(2, 0, 1, 3, 4).flatten(1, 2), weight).permute(1, 2, 0, 3)
        for values, weight in zip(inputs.split(sizes, dim=2), layer.reader_weights(), strict=True)
    ]
    biases = layer.reader_biases()
    if biases is not None:
        projected = [values + bias for values, bias in zip(projected, biases, strict=True)]
    z = forward.heads_from(
        number,
        QKV(*projected),
        forward.context(pair.batch.n_positions)[number],
        Places(corrupt.start),
        earlier=Earlier(corrupt.key, corrupt.value),
    )
    change = z.unflatten(0, (len(sources), -1)) - corrupt.z[number]
    return layer.head_outputs(change.flatten(0, 1)).unflatten(0, change.shape[:2])


def _mlp_shift(forward: Forward, number: int, pair: Pair, shifts: _Shifts, sources: Tensor) -> Tensor:
    """Shift [circuit, prompt, 1, position, d_model] of a layer's MLP."""
    layer, corrupt = forward.layers[number], pair.corrupt
    inputs = forward.mlp_in(corrupt, number) + shifts.seen_by(sources)[:, :, 0]
    return (layer.mlp_out(inputs) - corrupt.mlp[number]).unsqueeze(2)


def metric_with_components(model: Model, pair: Pair, kept: Tensor) -> Tensor:
    """The metric [circuit, prompt] of a batch when only some components keep their outputs, the others are ablated.

    kept  [circuit, writer]; without `input`, the ablated embedding is read
    """
    forward, wiring, corrupt = model.forward, model.wiring, pair.corrupt
    keeps = kept.repeat_interleave(len(pair.batch), dim=0)

    def kept_or_ablated(layer: int, site: Site, value: Tensor) -> Tensor:
        first = 1 + layer * wiring.writers_per_layer
        if site == "z":
            keep = keeps[:, None, first : first + wiring.n_heads, None]
            return torch.where(keep, value, tiled(corrupt.z[layer], len(value)))
        if site == "mlp":
            keep = keeps[:, None, first + wiring.n_heads, None]
            return torch.where(keep, value, tiled(corrupt.mlp[layer], len(value)))
        return value

    clean, other = (tiled(run.residual[0], len(keeps)) for run in (pair.clean, corrupt))
    final = forward.run(
        torch.where(keeps[:, :1, None], clean, other),
        n_positions=pair.batch.n_positions,
        start=corrupt.start,
        earlier=Earlier(corrupt.key, corrupt.value),
        tap=kept_or_ablated,
    )
    return pair.readout(forward.at_rows(final, pair.batch.rows, corrupt.start))
