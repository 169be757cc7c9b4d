"""Gradients at every reader of a model, and the first-order effects of edges: the engine of all gradient estimates.

Head readers have an input of their own in front of the layer's norm, so their gradient is that of q, k or v carried
back through the projection and the norm; gradients of q, k and v are taken once per layer, and heads with grouped keys
are not ungrouped. All edges into a layer are then one matrix product per prompt, or a few where a layer's readers would
take too much memory at once. Only positions from the first difference on are run at all, because nothing before it
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from circuits.components import Wiring
from circuits.effects.contributions import ActivationDifferences, writer_gaps
from circuits.effects.paired_runs import Pair
from circuits.model import room
from circuits.model.batches import Batch
from circuits.model.forward import Earlier, Forward, Site, Tap
from circuits.model.layers import Layer
from circuits.model.linear import linear_each

_PRECISE = (torch.float32, torch.float64)


class LayerGradients(NamedTuple):
    """d metric / d what each reader of a layer gets, at positions from the batch's start on.

    q         [point x prompt, position, head, d_head]; k and v [point x prompt, position, key-value head, d_head]
    mlp_in    [point x prompt, position, d_model], of the last layer where answers are read only; None without an MLP
    residual  the stream entering the layer where the gradients were taken [point x prompt, position, d_model]
    along     products of the gradients with what the stream, without the norm's bias and the projection's, gave there
              [point x prompt, position, reader], readers as in q, k, v; None where they are not known to full precision
    """

    q: Tensor
    k: Tensor
    v: Tensor
    mlp_in: Tensor | None
    residual: Tensor
    along: Tensor | None


class Gradients(NamedTuple):
    """Gradients at one or more points per prompt.

    layers    those of the layers from `first_layer` on
    final     at the final stream [point x prompt, read, d_model] where answers are read
    entering  at the stream entering `first_layer` [point x prompt, position, d_model]; None where it was not asked for
    """

    layers: dict[int, LayerGradients]
    final: Tensor
    entering: Tensor | None = None

    def at_point(self, point: int, n_points: int) -> Gradients:
        """Those of one of `n_points` points alone."""

        def of(values: Tensor | None) -> Any:
            return None if values is None else values.unflatten(0, (n_points, -1))[point]

        layers = {layer: LayerGradients(*map(of, at)) for layer, at in self.layers.items()}
        return Gradients(layers, of(self.final), of(self.entering))


def gradients(
    forward: Forward,
    pair: Pair,
    entering: Tensor | None = None,
    *,
    first_layer: int = 0,
    tap: Tap | None = None,
    asks_entering: bool = False,
) -> Gradients:
    """Gradients of the metric with respect to every reader's input. One forward and backward pass.

    entering       [point x prompt, position, d_model] the stream entering `first_layer` from the batch's start on,
                   where the gradients are taken; by default that of the clean run
    tap            sees every value first, and may replace it
    asks_entering  also give the gradient at `entering`
    """
    reads = _Reads(tap)
    final = _run_with_gradients(forward, pair, entering, first_layer, reads)
    asked = [final, reads.streams[first_layer]] if asks_entering else [final]
    grads = gradients_of(pair, final, [*reads.wanted.values(), *asked])
    return Gradients(reads.by_layer(forward, grads[: -len(asked)]), *grads[-len(asked) :])


def gradients_before(forward: Forward, pair: Pair, arriving: Mapping[int, Tensor]) -> Gradients:
    """Gradients at the readers of the clean run, of what has these gradients at the stream entering some layers.

    arriving  by layer [prompt, position, d_model]: what leads on from there is not looked at
    """
    reads = _Reads()
    final = _run_with_gradients(forward, pair, None, 0, reads)
    with torch.enable_grad():
        total = torch.stack([(reads.streams[layer] * gradient).sum() for layer, gradient in arriving.items()]).sum()
    at_readers = reads.by_layer(forward, _gradients(total, list(reads.wanted.values())))
    return Gradients(at_readers, torch.zeros_like(final))


class _Reads:
    """A tap that keeps what every reader of a run reads, and the stream entering each layer."""

    def __init__(self, tap: Tap | None = None) -> None:
        self.wanted: dict[tuple[int, Site], Tensor] = {}
        self.streams: dict[int, Tensor] = {}
        self._tap = tap

    def __call__(self, layer: int, site: Site, value: Tensor) -> Tensor:
        if site == "residual":
            self.streams[layer] = value
        if self._tap is not None:
            value = self._tap(layer, site, value)
        if site in ("q", "k", "v", "mlp_in"):
            # A node of its own, so that the gradient is that of this use of the value alone.
            value = self.wanted[layer, site] = value.view_as(value)
        return value

    def by_layer(self, forward: Forward, gradients: list[Tensor]) -> dict[int, LayerGradients]:
        """Gradients at `wanted`, layer by layer."""
        at = dict(zip(self.wanted, gradients, strict=True))
        found = {}
        for layer, stream in self.streams.items():
            at_heads = (at[layer, "q"], at[layer, "k"], at[layer, "v"])
            along = self._along(forward.layers[layer], layer, at_heads)
            found[layer] = LayerGradients(*at_heads, at.get((layer, "mlp_in")), stream.detach(), along)
        return found

    def _along(self, layer: Layer, number: int, at_heads: tuple[Tensor, Tensor, Tensor]) -> Tensor | None:
        """`LayerGradients.along`; None where there is no use for it, and in half precision, where a projection's bias,
        often much larger than what it is added to, rounds that away."""
        if layer.known_norm is None or at_heads[0].dtype not in _PRECISE:
            return None
        with torch.no_grad():
            sites: tuple[Site, ...] = ("q", "k", "v")
            products = [
                ((self.wanted[number, site] - of_biases) * gradient).sum(-1)
                for site, of_biases, gradient in zip(sites, layer.heads_of_biases, at_heads, strict=True)
            ]
            return torch.cat(products, dim=-1)


def output_gradients(forward: Forward, pair: Pair, entering: Tensor, tap: Tap) -> dict[tuple[int, Site], Tensor]:
    """Gradients at what heads (`z`) and MLPs (`mlp`) give, of the last layer at the answer only.

    entering  [point x prompt, position, d_model] the stream entering layer 0
    tap       sees every value after it was kept, and may replace it
    """
    wanted: dict[tuple[int, Site], Tensor] = {}

    def keep(layer: int, site: Site, value: Tensor) -> Tensor:
        if site in ("z", "mlp"):
            value = wanted[layer, site] = value.view_as(value)
        return tap(layer, site, value)

    final = _run_with_gradients(forward, pair, entering, 0, keep)
    return dict(zip(wanted, gradients_of(pair, final, list(wanted.values())), strict=True))


def _run_with_gradients(forward: Forward, pair: Pair, entering: Tensor | None, first_layer: int, tap: Tap) -> Tensor:
    """The final stream at the answers [point x prompt, read, d_model], with its graph."""
    clean, batch = pair.clean, pair.batch
    with torch.enable_grad():
        start = (clean.residual[first_layer] if entering is None else entering).detach().requires_grad_()
        return forward.run(
            start,
            n_positions=batch.n_positions,
            first_layer=first_layer,
            start=batch.start,
            earlier=Earlier(clean.key, clean.value),
            rows=batch.read_positions,
            tap=tap,
        )


def gradients_of(pair: Pair, final: Tensor, asked: list[Tensor]) -> list[Tensor]:
    """d metric / d each tensor asked for; zero where the metric does not depend on it."""
    with torch.enable_grad():
        total = pair.readout(final).sum()
    return _gradients(total, asked)


def _gradients(total: Tensor, asked: list[Tensor]) -> list[Tensor]:
    grads = torch.autograd.grad(total, asked, allow_unused=True)
    return [torch.zeros_like(at) if grad is None else grad for at, grad in zip(asked, grads, strict=True)]


def edge_effects(
    forward: Forward, wiring: Wiring, batch: Batch, gaps: ActivationDifferences, grads: Gradients
) -> Tensor:
    """First-order effect of corrupting each edge [prompt, edge] in wiring order, summed over positions and points."""

    def written(chosen: slice) -> Tensor:
        return writer_gaps(forward, gaps, chosen)

    return effects_of_writers(forward, wiring, batch, grads, range(len(wiring.writers)), written)


def effects_of_writers(
    forward: Forward, wiring: Wiring, batch: Batch, grads: Gradients, writers: range, written: Callable[[slice], Tensor]
) -> Tensor:
    """`edge_effects` of the edges that leave some consecutive writers; 0 for all others.

    written  gives clean minus ablated outputs [sequence, writer, position, d_model] of some of the batch's sequences
    """
    n_sequences, n_positions = batch.n_sequences, batch.n_positions - batch.start
    d_model = forward.weight_u.shape[1]
    per_prompt = max(1, len(writers)) * n_positions * d_model
    size = room.written_at_once(forward.numbers_at_once, n_sequences, per_prompt, forward.device.type)
    scores = torch.zeros(n_sequences, wiring.n_edges, device=forward.device)
    with torch.no_grad():
        for first in range(0, n_sequences, size):
            chosen = slice(first, first + size)
            gaps = written(chosen).float().flatten(2)
            _fill(scores[chosen], forward, wiring, batch, grads, writers, gaps, chosen)
    # To first order, a change in all sequences of a prompt does what it does in each.
    return batch.of_each_prompt(scores)


def _fill(
    scores: Tensor,
    forward: Forward,
    wiring: Wiring,
    batch: Batch,
    grads: Gradients,
    writers: range,
    gaps: Tensor,
    chosen: slice,
) -> None:
    """Write the effects of some sequences, called prompts here, into scores [prompt, edge].

    gaps  [prompt, writer, position x d_model]
    """
    n_prompts, n_positions = batch.n_sequences, batch.n_positions - batch.start
    read_positions = (batch.read_positions - batch.start)[chosen]

    def some(values: Tensor) -> Tensor:
        """[point, prompt, ...] of the chosen prompts"""
        return values.unflatten(0, (-1, n_prompts))[:, chosen]

    def contract(first_reader: int, readers: Tensor, correction: Tensor | None = None) -> None:
        """readers [prompt, reader, position, d_model]: gradients of consecutive readers of the same sources;
        correction [prompt, reader, writer] is subtracted"""
        n_readers, n_sources = readers.shape[1], wiring.n_sources(first_reader)
        stop = min(writers.stop, n_sources)
        if stop <= writers.start:
            return
        offsets = wiring.edge_offsets
        table = scores[:, offsets[first_reader] : offsets[first_reader + n_readers]].unflatten(1, (n_readers, -1))
        effects = readers.float().flatten(2) @ gaps[:, : stop - writers.start].transpose(1, 2)
        if correction is not None:
            effects = effects - correction
        table[:, :, writers.start : stop] = effects

    for number, gradient in grads.layers.items():
        layer, first = forward.layers[number], number * wiring.readers_per_layer
        for part in head_input_gradients(layer, gradient, some, gaps[:, : wiring.n_sources(first)]):
            contract(first + part.first, part.readers, part.correction)
        if gradient.mlp_in is not None:
            at_mlp = some(gradient.mlp_in).sum(0)
            if number == forward.n_layers - 1:  # the last MLP ran at the answers alone
                at_mlp = _scattered(at_mlp, read_positions, n_positions)
            contract(first + wiring.readers_per_layer - 1, at_mlp.unsqueeze(1))
    contract(len(wiring.readers) - 1, _scattered(some(grads.final).sum(0), read_positions, n_positions).unsqueeze(1))


class _HeadInputs(NamedTuple):
    """Gradients at the inputs of some of a layer's q, k and v readers, before the norm, summed over points.

    first       the number of the first of these readers in the layer
    readers     [prompt, reader, position, d_model]
    correction  [prompt, reader, writer] what to subtract from their products with the writers' gaps; None for nothing
    """

    first: int
    readers: Tensor
    correction: Tensor | None


def head_input_gradients(
    layer: Layer, grads: LayerGradients, some: Callable[[Tensor], Tensor], gaps: Tensor
) -> Iterator[_HeadInputs]:
    """Gradients carried from the projections back through the norm, for as many readers at once as may be held.

    The norm's derivative is that of its direction, gain x centered(x) at a fixed scale, less a part along x itself. The
    first is linear, so the points are summed before it; the second is a product of two numbers per point, reader and
    writer. No reader needs a copy of the norm's input.

    some  picks the chosen prompts: [point, prompt, ...]
    gaps  [prompt, writer, position x d_model] of the writers that the layer reads
    """
    at_projections = torch.cat((some(grads.q), some(grads.k), some(grads.v)), dim=3)
    residual, norm, n_readers = some(grads.residual), layer.known_norm, at_projections.shape[3]
    if norm is None:
        for part in room.reader_chunks(n_readers, residual.numel(), residual.device.type):
            readers = _through_any_norm(layer, residual, at_projections, part).sum(0)
            yield _HeadInputs(part.start, readers, None)
        return
    scale = norm.scale(residual)
    direction = norm.centered(residual) * scale.to(residual)
    scaled = (at_projections * scale.unsqueeze(-1).to(at_projections)).sum(0)
    # d(scale) is along x: for each point, (gap . x) (gradient . x), with x in units of its root mean square.
    if grads.along is None:
        projected = F.linear(norm.gain * direction, layer.weight_qkv).unflatten(-1, at_projections.shape[-2:])
        along = (projected * at_projections).sum(-1)
    else:
        along = some(grads.along)
    of_readers = (along.float() * scale / residual.shape[-1]).permute(1, 3, 2, 0).flatten(2)
    of_writers = _along(gaps.unflatten(2, residual.shape[2:]), direction.float()).flatten(1, 2)
    # Of all readers at once, as this is small: in parts it would round differently.
    correction = of_readers @ of_writers
    for part in room.reader_chunks(n_readers, residual[0].numel(), residual.device.type):
        linear_part = _expanded(layer, scaled, part)
        readers = norm.centered(norm.gain * linear_part)
        yield _HeadInputs(part.start, readers, correction[:, part])


def _along(gaps: Tensor, direction: Tensor) -> Tensor:
    """Products [prompt, position, point, writer] of gaps [prompt, writer, position, d_model] with directions
    [point, prompt, position, d_model]; on the CPU prompt by prompt, because the gaps of several would be copied."""
    if gaps.device.type != "cpu":
        return direction.permute(1, 2, 0, 3) @ gaps.permute(0, 2, 3, 1)
    products = [
        direction[:, number].transpose(0, 1) @ of_prompt.permute(1, 2, 0) for number, of_prompt in enumerate(gaps)
    ]
    return torch.stack(products)


def _expanded(layer: Layer, at_projections: Tensor, part: slice) -> Tensor:
    """Gradients [prompt, position, reader, d_head] of some readers carried back through their projections, one row per
    reader: [prompt, reader, position, d_model]."""
    weights = torch.cat(layer.reader_weights())[part]
    return linear_each(at_projections[:, :, part].permute(2, 0, 1, 3), weights.transpose(1, 2)).transpose(0, 1)


def _through_any_norm(layer: Layer, residual: Tensor, at_projections: Tensor, part: slice) -> Tensor:
    """The same through the norm's own backward pass, one copy of its input per reader [point, prompt, reader, position,
    d_model].

    residual  [point, prompt, position, d_model] the norm's input
    """
    normed = _expanded(layer, at_projections.flatten(0, 1), part).unflatten(0, at_projections.shape[:2])
    if layer.norm_attention is None:
        return normed
    with torch.enable_grad():
        inputs = residual.unsqueeze(2).expand_as(normed).detach().requires_grad_()
        return torch.autograd.grad(layer.norm_attention(inputs), inputs, normed)[0]


def _scattered(values: Tensor, positions: Tensor, n_positions: int) -> Tensor:
    """[prompt, position, d_model] holding values [prompt, read, d_model] at each prompt's positions and zero elsewhere;
    the sum of those at one position."""
    scattered = values.new_zeros(len(values), n_positions, values.shape[-1])
    rows = torch.arange(len(values), device=values.device).unsqueeze(1)
    return scattered.index_put_((rows, positions), values, accumulate=True)
