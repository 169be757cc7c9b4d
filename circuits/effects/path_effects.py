"""Path effects: what of a head's effect runs directly into given receivers, all other heads held at their clean values.

For every sender head: (a) the clean run with the sender's z from the ablated run and every other head's z frozen to
its clean value, MLPs recomputed (or frozen too), where a mask says so; what the receivers then read is recorded. (b)
the clean run with nothing but the recorded receiver inputs put in. Effect = metric(clean) - metric(b).

With the heads frozen, positions do not mix, so (a) is no forward pass: the sender's change is carried along the stream
through the MLPs, at the patched positions alone, for all senders of a layer at once. Into the logits, (b) needs no
forward pass either; elsewhere it resumes at the first receiver's layer, from the first patched position on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.cached import cached_property
from circuits.components import Wiring
from circuits.effects.paired_runs import Pair, Readout
from circuits.effects.patching import first_changed
from circuits.effects.receivers import Receiver
from circuits.model.batches import Batch
from circuits.model.forward import Earlier, Forward, Run, Site
from circuits.model.layers import QKV, Places, tiled
from circuits.model.steps import slices, steps


def path_effects(
    forward: Forward,
    wiring: Wiring,
    pair: Pair,
    receivers: Sequence[Receiver],
    mask: Tensor,
    *,
    layers: Collection[int] | None = None,
    freeze_mlps: bool = False,
) -> Tensor:
    """[sender, prompt] clean minus patched metric, senders by layer and head; 0 for those that reach no receiver.

    mask    [sequence, position] over the whole prompt, where senders are patched, other heads frozen, and receivers
            read the change
    layers  of the senders; by default all
    """
    with torch.no_grad():
        clean = pair.metric_of(forward, pair.clean)
        patched = clean.expand(wiring.n_layers * wiring.n_heads, -1).clone()
        start = first_changed(forward, pair.batch, mask)
        if start is None:
            return torch.zeros_like(patched).float()
        paths = _Paths(
            forward,
            wiring,
            pair.batch,
            pair.readout,
            pair.clean.from_position(start),
            pair.ablated.from_position(start),
            tuple(receivers),
            mask[:, start:],
            freeze_mlps,
        )
        for layer in steps(range(wiring.n_layers) if layers is None else sorted(layers)):
            for part in slices(forward.chunks(wiring.n_heads, pair.batch.n_sequences, mask.shape[1] - start)):
                heads = range(wiring.n_heads)[part]
                if received := paths.received(layer, heads):
                    senders = [layer * wiring.n_heads + head for head in heads]
                    patched[senders] = paths.with_received(received, len(heads))
        return (clean - patched).float()


@dataclass(frozen=True)
class _Paths:
    """The paths of one batch, whose runs are cut where the mask begins to matter.

    mask  [sequence, position] from that position on
    """

    forward: Forward
    wiring: Wiring
    batch: Batch
    readout: Readout
    clean: Run
    ablated: Run
    receivers: tuple[Receiver, ...]
    mask: Tensor
    freeze_mlps: bool

    @cached_property
    def rows(self) -> Tensor:
        """[sequence, patched] the patched positions, counted from the cut; sequences with fewer repeat their last."""
        counts = self.mask.sum(1)
        width = max(1, int(counts.max()))
        first = self.mask.int().argsort(dim=1, descending=True, stable=True)[:, :width]
        columns = torch.arange(width, device=counts.device).expand(len(counts), -1)
        return first.gather(1, columns.minimum((counts - 1).clamp(min=0).unsqueeze(1)))

    def received(self, layer: int, heads: Sequence[int]) -> dict[Receiver, Tensor]:
        """The stream that each receiver reads when one head of `layer` is ablated and all others are frozen.

        Receiver -> [variant x sequence, patched, d_model]; receivers that run before the sender are left out.
        """
        clean, received = self.clean, dict[Receiver, Tensor]()
        change = self._sender_change(layer, heads)
        for number in range(layer, max(self._wanted) + 1):
            is_own, wanted = number == layer, self._wanted.get(number, ())
            entering = [receiver for receiver in wanted if not receiver.component.in_mlp]
            if entering and not is_own:
                stream = (self._at(clean.residual[number]) + change).flatten(0, 1)
                received.update(dict.fromkeys(entering, stream))
            if number == self.wiring.n_layers:
                break
            part = self.forward.layers[number]
            # In a parallel block the MLP does not read its own layer's heads.
            if part.mlp is None or (part.is_parallel and is_own):
                continue
            of_mlp = [receiver for receiver in wanted if receiver.component.in_mlp]
            carries_on = not self.freeze_mlps and number < max(self._wanted)
            if not (of_mlp or carries_on):
                continue
            stream = (self._at(self.forward.mlp_in(clean, number)) + change).flatten(0, 1)
            received.update(dict.fromkeys(of_mlp, stream))
            if carries_on:
                change = change + part.mlp_out(stream).unflatten(0, change.shape[:2]) - self._at(clean.mlp[number])
        return received

    def with_received(self, received: dict[Receiver, Tensor], n_variants: int) -> Tensor:
        """The metric [variant, prompt] of the clean run with the recorded receiver inputs put in."""
        clean, read_positions = self.clean, self.batch.read_positions
        n = n_variants * self.batch.n_sequences
        (first, stream), *_ = received.items()
        if first.layer_in(self.wiring) == self.wiring.n_layers:
            final = self.put(tiled(clean.residual[-1], n), stream)
        else:
            layer = min(receiver.layer_in(self.wiring) for receiver in received)
            final = self.forward.run(
                tiled(clean.residual[layer], n),
                n_positions=self.batch.n_positions,
                first_layer=layer,
                start=clean.start,
                earlier=Earlier(clean.key, clean.value),
                tap=_PutIn(self, self._inputs(received)),
            )
        return self.readout(self.forward.at_rows(final, read_positions, clean.start))

    @cached_property
    def _wanted(self) -> dict[int, list[Receiver]]:
        """Layer -> the receivers there; those of the final stream under the layer after the last."""
        wanted = defaultdict(list)
        for receiver in self.receivers:
            wanted[receiver.layer_in(self.wiring)].append(receiver)
        return wanted

    def _at(self, values: Tensor) -> Tensor:
        """Entries of values [sequence, position, ...] at the patched positions [sequence, patched, ...]."""
        return values[torch.arange(len(values), device=values.device).unsqueeze(1), self.rows]

    def put(self, values: Tensor, recorded: Tensor, head: int | None = None) -> Tensor:
        """Values [variant x sequence, position, ...] with recorded ones at the patched positions; of one head only."""
        values = values.clone()
        rows = tiled(self.rows, len(values))
        which = torch.arange(len(values), device=values.device).unsqueeze(1)
        values[(which, rows) if head is None else (which, rows, head)] = recorded
        return values

    def _sender_change(self, layer: int, heads: Sequence[int]) -> Tensor:
        """What ablating each head adds to the stream [variant, sequence, patched, d_model]."""
        part, clean, attention = self.forward.layers[layer], self._at(self.clean.z[layer]), self.clean.attention[layer]
        is_patched = self.mask.any(1)[:, None, None, None]  # a sequence without the role changes nowhere
        gap = (self._at(self.ablated.z[layer]) - clean) * is_patched
        chosen = torch.tensor(list(heads), device=self.mask.device).unsqueeze(1)
        attention = self._at(attention)
        return part.attention_with_heads_changed(clean, attention, gap, chosen) - attention

    def _inputs(self, received: dict[Receiver, Tensor]) -> dict[tuple[int, Site], list[tuple[int | None, Tensor]]]:
        """Layer and site -> head and what is put in there; the head is None where all is put in."""
        inputs = defaultdict(list)
        projections: dict[int, QKV] = {}  # receivers of a layer read one stream
        for receiver, stream in received.items():
            layer, head, port = receiver.layer_in(self.wiring), receiver.component.index, receiver.port
            part = self.forward.layers[layer]
            if port is None:
                inputs[layer, "mlp_in" if receiver.component.in_mlp else "residual"].append((None, stream))
                continue
            if layer not in projections:
                projections[layer] = part.project(part.normed(stream))
            if port == "z":
                inputs[layer, "z"].append((head, self._z(layer, head or 0, projections[layer])))
            else:
                inputs[layer, port].append((head, getattr(projections[layer], port)[:, :, head]))
        return inputs

    def _z(self, layer: int, head: int, projected: QKV) -> Tensor:
        """A head's z [variant x sequence, patched, d_head] on queries, keys and values of the patched positions."""
        part, rows = self.forward.layers[layer], self.rows + self.clean.start
        context, places = self.forward.context(self.batch.n_positions)[layer], Places(self.clean.start, rows)
        group = head // (part.n_heads // part.n_kv_heads)
        query = part.positioned(projected.q, part.norm_q, context, places)
        of_rows = part.positioned(projected.k, part.norm_k, context, places), projected.v.transpose(1, 2)
        n, of_group = len(projected.q), slice(group, group + 1)
        which = torch.arange(n, device=rows.device).unsqueeze(1)
        keys, values = (tiled(run[layer][:, of_group], n).clone() for run in (self.clean.key, self.clean.value))
        for kept, changed in zip((keys, values), of_rows, strict=True):
            kept[which, 0, tiled(rows, n)] = changed[:, group]
        return part.attend(query[:, head : head + 1], keys, values, places.bias_rows(context.bias, n))[:, :, 0]


@dataclass(frozen=True)
class _PutIn:
    """A tap that puts recorded inputs into receivers at the patched positions, and leaves everything else as it is."""

    paths: _Paths
    inputs: dict[tuple[int, Site], list[tuple[int | None, Tensor]]]

    def __call__(self, layer: int, site: Site, value: Tensor) -> Tensor:
        for head, recorded in self.inputs.get((layer, site), ()):
            value = self.paths.put(value, recorded, head)
        return value
