"""Patch one component at a time, all components of a layer stacked, and read the metric.

A patch takes a component's value from another run where a mask is set. The run goes on right after it; in a
layer's stream, a patched query, pattern, head or MLP changes the patched positions alone, so that the next layer is
normed and projected only there, and a patched key or value changes all positions that attend to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from circuits.components import Component
from circuits.effects.paired_runs import Pair
from circuits.kinds import KINDS
from circuits.model.batches import Batch
from circuits.model.forward import Earlier, Forward, Run, Site
from circuits.model.layers import Places, tiled
from circuits.model.steps import kept_tensor, slices, steps

# Parts of one layer that are stacked with each other: by where they change the stream first.
_Reach = Literal["entering", "in place", "spreading"]


def patched_metrics(
    forward: Forward, pair: Pair, base: Run, donor: Run, mask: Tensor, components: Sequence[Component]
) -> Tensor:
    """The metric [component, prompt] of `base` with one component's values taken from `donor` where `mask` is set.

    mask  [prompt, position] over the whole prompt
    """
    batch = pair.batch
    result = pair.metric_of(forward, base).expand(len(components), -1).clone()
    start = first_changed(forward, batch, mask)
    if start is None:
        return result
    mask = mask[:, start:]
    width = int(mask.any(0).nonzero().max()) + 1
    patches = _Patches(
        forward, base.from_position(start), donor.from_position(start), mask, width, batch.read_positions
    )
    at_answer = bool(torch.gather(mask, 1, batch.read_positions - start).any())
    # From each layer on the rest of the model is run.
    n_run = [forward.n_layers - layer + 1 for layer in range(forward.n_layers + 1)]
    for layer in steps(range(forward.n_layers + 1), n_run):
        for reach in steps(get_args(_Reach)):
            if not at_answer and _is_read_nowhere(layer, reach, forward.n_layers):
                continue
            chosen = [n for n, part in enumerate(components) if part.layer == layer and _reach_of(part) == reach]
            for part in slices(forward.chunks(len(chosen), batch.n_sequences, mask.shape[1])):
                patched = [components[number] for number in chosen[part]]
                result[chosen[part]] = kept_tensor(
                    lambda layer=layer, patched=patched: pair.readout(patches.finals(layer, patched)), like=result
                )
    return result


def _reach_of(component: Component) -> _Reach:
    if component.is_state:
        return "entering"
    return "in place" if component.is_per_token else "spreading"


def _is_read_nowhere(layer: int, reach: _Reach, n_layers: int) -> bool:
    """Whether a change at positions without an answer is lost: past the last attention nobody else reads them."""
    return layer >= n_layers if reach == "entering" else layer == n_layers - 1 and reach == "in place"


def first_changed(forward: Forward, batch: Batch, mask: Tensor) -> int | None:
    """First position that a patch under `mask` can change, or None where it can change no answer."""
    if not forward.is_causal:
        return 0 if mask.any() else None
    positions = mask[:, batch.start :].any(0).nonzero()
    if len(positions) == 0:
        return None
    start = batch.start + int(positions[0])
    # Every prompt is read at or after `start`, or the run could not be cut there.
    if start > int(batch.read_positions.max()):
        return None
    return min(start, int(batch.read_positions.min()))


def n_changed(forward: Forward, batch: Batch, mask: Tensor) -> int:
    """How many positions are run for each patch under `mask`."""
    start = first_changed(forward, batch, mask)
    return 0 if start is None else batch.n_positions - start


def patched_z(forward: Forward, base: Run, donor: Run, mask: Tensor, layer: int, kind: str) -> Tensor:
    """z [prompt, position, head, d_head] of all heads of a layer, each with its own part of this kind patched.

    kind  `head` (z itself), `query`, `key`, `value` or `pattern`
    mask  [prompt, position] where to patch, from `base.start` on
    """
    part = forward.layers[layer]
    if kind == "head":
        return _replaced(base.z[layer], donor.z[layer], mask)
    if kind == "pattern":
        mixed = part.mix(forward.pattern_of(donor, layer), base.value[layer])
        return _replaced(base.z[layer], mixed, mask)
    query, key, value = base.query[layer], base.key[layer], base.value[layer]
    everywhere = torch.cat((mask.new_zeros(len(mask), base.start), mask), dim=1)[:, None, :, None]
    if kind == "query":
        query = torch.where(mask[:, None, :, None], donor.query[layer], query)
    elif kind == "key":
        key = torch.where(everywhere, donor.key[layer], key)
    elif kind == "value":
        value = torch.where(everywhere, donor.value[layer], value)
    else:
        raise ValueError(f"no patch changes z by its {kind}. Known: head, query, key, value, pattern.")
    bias = forward.context(key.shape[2])[layer].bias
    return part.attend(query, key, value, Places(base.start).bias_rows(bias, len(query)))


def _replaced(base: Tensor, donor: Tensor, mask: Tensor) -> Tensor:
    """base [prompt, position, ...] with the donor's values where the mask [prompt, position] is set."""
    return torch.where(mask.view(*mask.shape, *[1] * (base.ndim - 2)), donor, base)


@dataclass(frozen=True)
class _Patches:
    """Patches of `base` by `donor`, both cut where the mask begins to matter.

    mask   [prompt, position] where to patch
    width  no position from this one on is patched
    rows   [prompt, read] where answers are read
    """

    forward: Forward
    base: Run
    donor: Run
    mask: Tensor
    width: int
    rows: Tensor

    def finals(self, layer: int, components: Sequence[Component]) -> Tensor:
        """Final streams at the answers [variant x prompt, read, d_model], one variant per component of the layer.

        components  of one group: entering the layer, changing it in place, or spreading
        """
        if components[0].is_state:
            base, donor = self.base.residual[layer], self.donor.residual[layer]
            width = self.mask.shape[1] if layer == self.forward.n_layers else self.width
            return self.forward.resume(self.base, layer, self._patched(base, donor)[:, :width], self.rows)
        by_kind: dict[str, list[int]] = defaultdict(list)
        for number, component in enumerate(components):
            by_kind[component.kind].append(number)
        leaving = torch.cat(
            [self._leaving(layer, kind, [components[n].index for n in numbers]) for kind, numbers in by_kind.items()]
        )
        is_last = layer == self.forward.n_layers - 1
        final = leaving if is_last else self.forward.resume(self.base, layer + 1, leaving, self.rows)
        order = torch.tensor([number for numbers in by_kind.values() for number in numbers]).argsort()
        return final.unflatten(0, (len(components), -1))[order.to(final.device)].flatten(0, 1)

    def _patched(self, base: Tensor, donor: Tensor) -> Tensor:
        return _replaced(base, donor, self.mask)

    def _leaving(self, layer: int, kind: str, indices: Sequence[int | None]) -> Tensor:
        """The stream leaving the layer [variant x prompt, position, d_model], where it may differ from the base's."""
        base, donor = self.base, self.donor
        if kind == "mlp":
            change = self._patched(base.mlp[layer], donor.mlp[layer]) - base.mlp[layer]
            return self._needed(layer, kind, base.residual[layer + 1] + change)
        if kind == "attention":
            attention = self._patched(base.attention[layer], donor.attention[layer])
            return self._after_attention(layer, kind, self._needed(layer, kind, attention))
        part = self.forward.layers[layer]
        of = torch.tensor(indices, device=self.mask.device)
        heads = of.unsqueeze(1) if KINDS[kind].is_per_token else part.heads_served(of)
        z, before, attention = (
            self._needed(layer, kind, values)
            for values in (
                patched_z(self.forward, base, donor, self.mask, layer, kind),
                base.z[layer],
                base.attention[layer],
            )
        )
        changed = part.attention_with_heads_changed(before, attention, z - before, heads)
        return self._after_attention(layer, kind, changed.flatten(0, 1))

    def _needed(self, layer: int, kind: str, values: Tensor) -> Tensor:
        """Values [prompt, position, ...] where the rest of the run may need them; of the last layer, at the answers."""
        if layer == self.forward.n_layers - 1:
            return self.forward.at_rows(values, self.rows, self.base.start)
        return values[:, : self.width] if KINDS[kind].is_per_token else values

    def _after_attention(self, layer: int, kind: str, attention: Tensor) -> Tensor:
        """The stream leaving the layer, from what its attention adds [variant x prompt, position, d_model]."""
        part = self.forward.layers[layer]
        residual = tiled(self._needed(layer, kind, self.base.residual[layer]), len(attention))
        mlp = None
        if part.mlp is not None and part.is_parallel:
            mlp = tiled(self._needed(layer, kind, self.base.mlp[layer]), len(attention))
        return self.forward.rest_of_layer(layer, residual, attention, mlp=mlp)


def windowed_metrics(
    forward: Forward, pair: Pair, base: Run, donor: Run, mask: Tensor, components: Sequence[Component], window: int
) -> Tensor:
    """The metric [component, prompt] of `base` with attention or MLP outputs of several layers from `donor`.

    mask        [prompt, position] where to take them, over the whole prompt
    components  `attention` or `mlp`: the middle of each window
    window      how many layers; fewer at both ends of the model

    Cost: a run from the first layer of its window for each component.
    """
    before, mask = pair.metric_of(forward, base), mask[:, base.start :]
    metrics = []
    for part in steps(components):
        assert part.layer is not None
        first, stop = layers_of(part.layer, window, forward.n_layers)

        def measured(part: Component = part, first: int = first, stop: int = stop) -> Tensor:
            return pair.readout(_run_with(forward, pair, base, donor, mask, part, first, stop))[0]

        metrics.append(kept_tensor(measured, like=before))
    return torch.stack(metrics)


def layers_of(middle: int, window: int, n_layers: int) -> tuple[int, int]:
    """First layer of a window, and the one after its last: `window // 2` layers before the middle belong to it."""
    return max(0, middle - window // 2), min(n_layers, middle + (window + 1) // 2)


def _run_with(
    forward: Forward, pair: Pair, base: Run, donor: Run, mask: Tensor, part: Component, first: int, stop: int
) -> Tensor:
    """The final stream [prompt, read, d_model] at the answers."""
    read_positions = pair.batch.read_positions
    site: Site = "mlp" if part.in_mlp else "attention"
    values = donor.mlp if part.in_mlp else donor.attention

    def restore(layer: int, at: Site, value: Tensor) -> Tensor:
        if at != site or not first <= layer < stop:
            return value
        kept, where = values[layer], mask
        if layer == forward.n_layers - 1:  # it is computed at the answers alone
            kept = forward.at_rows(kept, read_positions, base.start)
            where = forward.at_rows(mask, read_positions, base.start)
        return torch.where(where.unsqueeze(-1), kept, value)

    return forward.run(
        base.residual[first],
        n_positions=pair.batch.n_positions,
        first_layer=first,
        start=base.start,
        earlier=Earlier(base.key, base.value),
        rows=read_positions,
        tap=restore,
    )
