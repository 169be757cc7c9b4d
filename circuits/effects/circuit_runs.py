"""Run a model with a weight on each edge: running circuits of edges.

A reader of edges sees the ablated stream plus, along each of its edges, the edge's weight times how far the source is
now from its ablated value. Weight 1 is an edge of the circuit, 0 one outside it; weights in between serve
learning, and gradients reach them. Circuits are stacked on the batch axis over one clean and one ablated run. What
removing a component from a circuit changes is estimated to first order for all components at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from circuits.effects.contributions import gaps_between, writer_gaps
from circuits.effects.shared_products import Product, Running, together
from circuits.effects.shifts import Shifts, Space, Written
from circuits.model.forward import Forward
from circuits.model.layers import Layer, Places, on_device, tiled
from circuits.model.linear import linear_each, weighted_sums

if TYPE_CHECKING:
    from circuits.components import Wiring
    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


def metric_with_edges(
    model: Model,
    pair: Pair,
    weights: Tensor,
    *,
    first_layer: int = 0,
    heads_are_whole: bool = False,
    known: Tensor | None = None,
    record: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """The metric [circuit, prompt] of a batch, with a weight on each edge.

    weights          [circuit, edge], bool or real
    first_layer      readers of earlier layers have all their edges in every circuit, so that they need not be run
    heads_are_whole  so have the heads of `first_layer`
    known            [sequence, writer, position, d_model] how far at least the writers that are not run are from their
                     ablated values, where a circuit that is the same up to there was run (`record`); by default, the
                     clean run is
    record           is given that of every writer, in a single circuit

    Cost per circuit: about one forward pass from `first_layer` and the first difference on, less where few readers have
    an edge, and where what an MLP gives is read at the answers alone; memory of one [sequence, writer, position,
    d_model] tensor.
    """
    needed = _needed(model, weights, skips=pair.ablated_is_run, records=record is not None)
    return together([_run(model, pair, weights, needed, first_layer, heads_are_whole, known, record)])[0]


def metrics_with_edges(
    model: Model,
    pairs: Sequence[Pair],
    weights: Tensor,
    *,
    first_layer: int = 0,
    heads_are_whole: bool = False,
    known: Sequence[Tensor] | None = None,
    record: Callable[[Tensor], None] | None = None,
    space: Space | None = None,
) -> list[Tensor]:
    """`metric_with_edges` of several batches, which share every product with the model's weights.

    known   of each batch
    record  is called for each batch, in this order
    space   the memory that circuits run before have used, to use again
    """
    known_of = [None] * len(pairs) if known is None else known
    skips = all(pair.ablated_is_run for pair in pairs)
    needed = _needed(model, weights, skips=skips, records=record is not None)
    runs = [
        _run(model, pair, weights, needed, first_layer, heads_are_whole, of_pair, record, space and space.part(number))
        for number, (pair, of_pair) in enumerate(zip(pairs, known_of, strict=True))
    ]
    return together(runs)


class _Needed(NamedTuple):
    """What has to be run of circuits that are run together, on the CPU.

    skips            whether readers without an edge are left out
    has_edges        [circuit, reader] whether an edge leads into it; where none is left out, it does not matter which
    mlps_everywhere  [layer] whether what the MLP gives is read anywhere but at the answers
    """

    skips: bool
    has_edges: Tensor
    mlps_everywhere: list[bool]


def _needed(model: Model, weights: Tensor, *, skips: bool, records: bool) -> _Needed:
    """What has to be run for weights [circuit, edge].

    skips    a reader without an edge reads the ablated stream, and gives what it gave there: in a run of the model
    records  what all writers give is asked for, at all positions
    """
    wiring, forward = model.wiring, model.forward
    skips = skips and not weights.requires_grad
    has_edges = torch.ones(1, dtype=torch.bool).expand(len(weights), len(wiring.readers))
    everywhere = torch.ones(len(weights), forward.n_layers, dtype=torch.bool)
    if skips:
        has_edges = _with_edges(wiring, weights)
    if not (records or weights.requires_grad or forward.layers[0].mlp is None):
        everywhere = _mlps_everywhere(forward, wiring, weights.bool())
    # A GPU is waited for here, not in each layer.
    return _Needed(skips, has_edges.cpu(), everywhere.any(0).tolist())


def _mlps_everywhere(forward: Forward, wiring: Wiring, edges: Tensor) -> Tensor:
    """[circuit, layer] whether a path leads from the MLP to the answers' logits through other positions.

    It does through keys and values. Queries and MLPs pass on what is at a position to that position alone.
    """
    everywhere = edges.new_zeros(len(edges), len(wiring.writers))
    for number in reversed(range(forward.n_layers)):
        layer, reader = forward.layers[number], number * wiring.readers_per_layer
        writer, n_ports = 1 + number * wiring.writers_per_layer, layer.n_heads + 2 * layer.n_kv_heads
        if layer.mlp is not None:
            into_mlp = _sources(wiring, edges, reader + n_ports, 1)[:, 0] & everywhere[:, [writer + layer.n_heads]]
            everywhere[:, : into_mlp.shape[1]] |= into_mlp
        heads = everywhere[:, writer : writer + layer.n_heads]
        if not layer.norms_heads_apart:
            heads = heads.any(1, keepdim=True).expand_as(heads)
        queries, others = _sources(wiring, edges, reader, n_ports).tensor_split([layer.n_heads], dim=1)
        everywhere[:, : queries.shape[2]] |= (queries & heads.unsqueeze(2)).any(1) | others.any(1)
    return everywhere[:, wiring.writers_per_layer :: wiring.writers_per_layer]


def _sources(wiring: Wiring, weights: Tensor, first_reader: int, n_readers: int) -> Tensor:
    """[circuit, reader, writer] weights of the edges into some consecutive readers of the same layer."""
    first, stop = wiring.edge_offsets[first_reader], wiring.edge_offsets[first_reader + n_readers]
    return weights[:, first:stop].unflatten(1, (n_readers, -1))


def _run(
    model: Model,
    pair: Pair,
    weights: Tensor,
    needed: _Needed,
    first_layer: int,
    heads_are_whole: bool,
    known: Tensor | None,
    record: Callable[[Tensor], None] | None,
    space: Space | None = None,
) -> Running[Tensor]:
    """The metric [circuit, prompt] of `metric_with_edges`; all batches ask for the same products."""
    forward, wiring, corrupt = model.forward, model.wiring, pair.ablated
    skips, has_edges, mlps_everywhere = needed
    sources = partial(_sources, wiring, weights.to(forward.weight_u.dtype))
    if known is None:
        n_layers = first_layer + heads_are_whole
        known = writer_gaps(forward, gaps_between(pair.clean, corrupt, n_layers=n_layers), n_layers=n_layers)
    known = known[:, : 1 + first_layer * wiring.writers_per_layer + heads_are_whole * wiring.n_heads]
    space = None if weights.requires_grad else space or Space()
    shifts = Shifts(known, len(weights), len(wiring.writers), space)
    for number in range(first_layer, forward.n_layers):
        layer, first = forward.layers[number], number * wiring.readers_per_layer
        n_ports = layer.n_heads + 2 * layer.n_kv_heads
        ports = sources(first, n_ports)
        mlp = ports[:, :0] if layer.mlp is None else sources(first + n_ports, 1)
        has_heads = not (heads_are_whole and number == first_layer)
        reads = _ports_read(layer, has_edges[:, first : first + n_ports], skips=skips) & has_heads
        # Heads and MLP read the same writers, but for the heads of the layer itself: these are summed once.
        n_shared = ports.shape[2] if has_heads else mlp.shape[2]
        asked = mlp
        if has_heads:
            asked = torch.cat((_picked(ports, 1, reads.nonzero()[:, 0]), mlp[..., :n_shared]), dim=1)
        seen = shifts.seen_by(asked)
        n_read = asked.shape[1] - mlp.shape[1]
        written = [(yield from _by_heads(forward, number, pair, seen[:, :n_read], reads))] if has_heads else []
        if layer.mlp is not None:
            if not layer.is_parallel:
                shifts.append(written)
                written = []
            of_mlp = seen[:, n_read]
            if mlp.shape[2] > n_shared and shifts.hold_any_from(n_shared):
                of_mlp = of_mlp + shifts.seen_by(mlp[..., n_shared:], first=n_shared)[:, 0]
            circuits, everywhere = has_edges[:, first + n_ports], mlps_everywhere[number]
            of_this = _by_mlp(forward, number, pair, of_mlp, circuits, skips=skips, everywhere=everywhere)
            written.append((yield from of_this))
        shifts.append(written)
    if record is not None:
        record(shifts.of_one_circuit())
    final = corrupt.residual[-1] + shifts.seen_by(sources(len(wiring.readers) - 1, 1))[:, 0]
    return pair.readout(forward.at_rows(final.flatten(0, 1), pair.batch.read_positions, corrupt.start))


def _with_edges(wiring: Wiring, weights: Tensor) -> Tensor:
    """[circuit, reader] whether any edge leads into a reader."""
    offsets, n_readers = wiring.edge_offsets, len(wiring.readers)
    found, first = [], 0
    while first < n_readers:
        n_sources, stop = wiring.n_sources(first), first + 1
        while stop < n_readers and wiring.n_sources(stop) == n_sources:
            stop += 1
        found.append(weights[:, offsets[first] : offsets[stop]].unflatten(1, (stop - first, -1)).any(2))
        first = stop
    return torch.cat(found, dim=1)


def _ports_read(layer: Layer, has_edges: Tensor, *, skips: bool) -> Tensor:
    """[port] which ports of a layer are run.

    has_edges  [circuit, port]
    skips      not those into which no edge of any circuit leads
    """
    if skips and layer.norms_heads_apart:
        return has_edges.any(0)
    return torch.ones(has_edges.shape[1], dtype=torch.bool)


def _picked(values: Tensor, axis: int, numbers: Tensor) -> Tensor:
    """Entries of an axis, by ascending numbers on the CPU; without a copy where they are all."""
    if len(numbers) == values.shape[axis]:
        return values
    return values.index_select(axis, on_device(numbers, values.device))


def _by_heads(forward: Forward, number: int, pair: Pair, seen: Tensor, reads: Tensor) -> Running[Written]:
    """What a layer's heads write, each port reading its own edges.

    seen   [circuit, port read, prompt, position, d_model] what the ports that are run read beyond the ablated stream
    reads  [port] which these are, on the CPU
    """
    layer, corrupt = forward.layers[number], pair.ablated
    q_heads, k_groups, v_groups = (
        port.nonzero()[:, 0] for port in reads.split((layer.n_heads, layer.n_kv_heads, layer.n_kv_heads))
    )
    group_of = torch.arange(layer.n_heads) // (layer.n_heads // layer.n_kv_heads)
    groups = torch.cat((group_of[q_heads], k_groups, v_groups)).unique()
    heads = torch.isin(group_of, groups).nonzero()[:, 0]
    if not len(heads):
        return Written(layer.n_heads, heads, None)

    # [port, circuit, prompt, position, d_head] -> [circuit x prompt, position, port, d_head]
    projected = yield Product(partial(_projected, layer, reads), seen.transpose(0, 1), corrupt.residual[number])
    q, k, v = projected.flatten(1, 2).permute(1, 2, 0, 3).split([len(q_heads), len(k_groups), len(v_groups)], dim=2)
    context, places = forward.context(pair.batch.n_positions)[number], Places(corrupt.start)
    query = _among(corrupt.query, number, layer.positioned(q, layer.norm_q, context, places), q_heads, heads)
    key = _among(corrupt.key, number, layer.positioned(k, layer.norm_k, context, places), k_groups, groups)
    value = _among(corrupt.value, number, v.transpose(1, 2), v_groups, groups)
    z = layer.attend(query, key, value, places.bias_rows(context.bias, len(query)))
    change = z.unflatten(0, (len(seen), -1)) - _picked(corrupt.z[number], 2, heads)
    which = None if len(heads) == layer.n_heads else heads
    outputs = yield Product(partial(_written_by, layer, heads), change.permute(3, 0, 1, 2, 4))
    return Written(layer.n_heads, which, outputs.transpose(0, 1))


def _projected(layer: Layer, reads: Tensor, streams: Tensor) -> Tensor:
    """Queries, keys and values [port, token, d_head] of the ports that are run, each from a stream of its own.

    reads    [port] which these are, on the CPU
    streams  [port, token, d_model]
    """
    ports, weights = reads.nonzero()[:, 0], layer.weight_qkv.unflatten(0, (-1, layer.d_head))
    projected = linear_each(layer.normed(streams), _picked(weights, 0, ports))
    if layer.bias_qkv is None:
        return projected
    return projected + _picked(layer.bias_qkv.view(-1, 1, layer.d_head), 0, ports)


def _written_by(layer: Layer, heads: Tensor, z: Tensor) -> Tensor:
    """What heads, by number on the CPU, add to the stream [head, token, d_model], from z [head, token, d_head]."""
    return linear_each(z, _picked(layer.head_weights_o, 0, heads).transpose(1, 2))


def _among(ablated: Sequence[Tensor], number: int, values: Tensor, port: Tensor, wanted: Tensor) -> Tensor:
    """Queries, keys or values [circuit x prompt, wanted, position, d_head] of a layer, those of `port` being new.

    ablated  per layer [prompt, reader, position, d_head], of all positions or those from the first difference on
    values   [circuit x prompt, port, position, d_head] at the last positions
    """
    if len(port) == len(wanted) and (not ablated or values.shape[2] == ablated[number].shape[2]):
        return values
    merged = tiled(_picked(ablated[number], 1, wanted), len(values)).clone()
    later = merged[:, :, merged.shape[2] - values.shape[2] :]
    if len(port) == len(wanted):
        later.copy_(values)
    else:
        later[:, on_device(torch.isin(wanted, port).nonzero()[:, 0], values.device)] = values
    return merged


def _by_mlp(
    forward: Forward,
    number: int,
    pair: Pair,
    seen: Tensor,
    circuits: Tensor,
    *,
    skips: bool,
    everywhere: bool = True,
) -> Running[Written]:
    """What a layer's MLP writes.

    seen        [circuit, prompt, position, d_model] what it reads beyond the ablated stream
    circuits    [circuit] whether an edge leads into it, on the CPU
    skips       leave out circuits without one
    everywhere  at all positions; else it is run at the answers alone, and what it writes elsewhere is given as 0
    """
    corrupt = pair.ablated
    is_whole = not skips or bool(circuits.all())
    if not is_whole and not circuits.any():
        return Written(1, torch.arange(0), None)
    mlp_in, ablated, mlp = forward.mlp_in(corrupt, number), corrupt.mlp[number], forward.layers[number].mlp_out
    if is_whole and everywhere:
        written = yield Product(mlp, seen.unsqueeze(0), mlp_in)
        return Written(1, None, (written[0] - ablated).unsqueeze(1))
    reads: tuple[Tensor | slice, ...] = (slice(None),)
    if not is_whole:
        reads = (on_device(circuits.nonzero()[:, 0], seen.device),)
    if not everywhere:
        answers = pair.batch.read_positions - corrupt.start
        prompts = torch.arange(len(answers), device=answers.device).unsqueeze(1)
        ablated = ablated[prompts, answers]
        mlp_in = mlp_in[prompts, answers]
        reads = (torch.arange(len(seen), device=seen.device)[reads].view(-1, 1, 1), prompts, answers)
    written = yield Product(mlp, seen[reads].unsqueeze(0), mlp_in)
    change = torch.zeros_like(seen)
    change[reads] = written[0] - ablated
    return Written(1, None, change.unsqueeze(1))


def removal_effects_with_edges(model: Model, pair: Pair, circuit: Tensor) -> Tensor:
    """How much the metric [prompt, writer] falls when all edges of a writer leave a circuit, to first order.

    circuit  [edge] bool

    One gradient of the circuit's run, carried from the output back through one layer after the other. Cost: about three
    runs of the circuit; memory of two [writer, sequence, position, d_model] tensors.
    """
    forward, wiring, corrupt = model.forward, model.wiring, pair.ablated
    recorded: list[Tensor] = []
    metric_with_edges(model, pair, circuit.unsqueeze(0), record=recorded.append)
    shifts, skips = recorded[0].transpose(0, 1), pair.ablated_is_run
    # Of the metric, for what each writer adds.
    gradients = torch.zeros_like(shifts)

    sources = partial(_sources, wiring, circuit.unsqueeze(0).to(shifts.dtype))

    def pass_back(written: Written, seen: _Seen, first_writer: int) -> None:
        if written.shifts is not None:
            of_all = gradients[first_writer : first_writer + written.n_writers]
            of_written = of_all if written.which is None else _picked(of_all, 0, written.which)
            seen.pass_back(written.shifts[0], of_written, gradients)

    with torch.enable_grad():
        seen = _Seen(shifts, sources(len(wiring.readers) - 1, 1))
        final = corrupt.residual[-1] + seen.leaf[0, 0]
        metric = pair.readout(forward.at_rows(final, pair.batch.read_positions, corrupt.start))
        seen.pass_back(metric, torch.ones_like(metric), gradients)
        for number in reversed(range(forward.n_layers)):
            layer, first_reader = forward.layers[number], number * wiring.readers_per_layer
            n_ports, first_writer = layer.n_heads + 2 * layer.n_kv_heads, 1 + number * wiring.writers_per_layer
            if layer.mlp is not None:
                into_mlp = sources(first_reader + n_ports, 1)
                seen = _Seen(shifts, into_mlp)
                reads_any = into_mlp[:, 0].any(1).cpu()
                (written,) = together([_by_mlp(forward, number, pair, seen.leaf[:, 0], reads_any, skips=skips)])
                pass_back(written, seen, first_writer + layer.n_heads)
            ports = sources(first_reader, n_ports)
            reads = _ports_read(layer, ports.any(2).cpu(), skips=skips)
            seen = _Seen(shifts, _picked(ports, 1, reads.nonzero()[:, 0]))
            (written,) = together([_by_heads(forward, number, pair, seen.leaf, reads)])
            pass_back(written, seen, first_writer)
    return pair.batch.of_each_prompt(torch.einsum("wstd,wstd->sw", gradients, shifts))


class _Seen:
    """What some readers of the same writers see in a recorded circuit run, with a gradient of its own.

    shifts   [writer, sequence, position, d_model]
    sources  [1, reader, writer] of the one circuit
    leaf     [1, reader, sequence, position, d_model]
    """

    def __init__(self, shifts: Tensor, sources: Tensor) -> None:
        self._used = sources[0].any(0).nonzero()[:, 0]
        self._sources = sources[0][:, self._used]
        total = weighted_sums(sources, shifts[: sources.shape[2]].flatten(1).unsqueeze(0))
        self.leaf = total.unflatten(2, shifts.shape[1:]).requires_grad_()

    def pass_back(self, output: Tensor, gradient: Tensor, into: Tensor) -> None:
        """Add to `into` [writer, sequence, position, d_model] what reaches the sources of a `gradient` at an output
        that these readers gave."""
        (at_readers,) = torch.autograd.grad(output, self.leaf, gradient)
        into[self._used] += (self._sources.T @ at_readers[0].flatten(1)).unflatten(1, into.shape[1:])
