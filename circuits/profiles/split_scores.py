"""Attention scores of a head on a batch, as sums over pairs of writers: the arithmetic of `circuits.profiles.reads`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from circuits.components import BIASES, Component, require_head
from circuits.model.batches import Batch
from circuits.model.forward import Forward, Site
from circuits.model.layers import Layer, LayerContext, Places, TensorFunction, rotated
from circuits.model.norms import KnownNorm
from circuits.model.written import Parts, Writers, Written, WrittenTap, frozen, writers_of

if TYPE_CHECKING:
    from circuits.model.load import Model


class Side(NamedTuple):
    """What makes queries, or keys: [d_head, d_model] weights, a bias, and a norm per head with its frozen scale."""

    weight: Tensor
    bias: Tensor | None
    norm: KnownNorm | None


@dataclass(frozen=True)
class Reader:
    """A head whose scores can be split; made by `reader_of`."""

    model: Model
    number: int
    index: int
    writers: Writers
    norm: KnownNorm | None
    query: Side
    key: Side

    @property
    def layer(self) -> Layer:
        return self.model.forward.layers[self.number]

    @property
    def components(self) -> tuple[Component, ...]:
        """The writers before its layer, then the biases."""
        wiring = self.model.wiring
        return (*wiring.writers[: 1 + self.number * wiring.writers_per_layer], BIASES)

    def parts(self, side: Side, written: Written, stream: Tensor, context: LayerContext, rows: Tensor) -> Tensor:
        """Queries or keys as they meet, as sums [sequence, place, writer, d_head], at `rows` [sequence, place]."""
        own = self.writers.parts(written, side.weight.unsqueeze(0), self.norm, stream)
        if side.bias is not None:
            own = own._replace(biases=own.biases + side.bias.float())
        if side.norm is not None:
            own = _normed(side.norm, own)
        values = own.by_writer(self.model.wiring).transpose(1, 2)
        if self.layer.rotary is None or context.cos is None or context.sin is None:
            return values.transpose(1, 2)
        cos, sin = (Places(0, rows).of(table, len(values)).unsqueeze(1) for table in (context.cos, context.sin))
        return rotated(values, cos.float(), sin.float(), self.layer.rotary).transpose(1, 2)


class ScoreRun(NamedTuple):
    """One clean run: what was written at `rows` [sequence, place], the stream entering each layer there, and queries
    and keys of each layer over all positions."""

    rows: Tensor
    written: Written
    stream: dict[int, Tensor]
    query: dict[int, Tensor]
    key: dict[int, Tensor]


def reader_of(model: Model, head: Component) -> Reader:
    """What splits a head's scores. ValueError for a head that is not there, and where scores are no sum of parts."""
    forward, wiring = model.forward, model.wiring
    require_head(head, model=model.name, n_layers=wiring.n_layers, n_heads=wiring.n_heads)
    number, index = int(head.layer or 0), int(head.index or 0)
    layer, what = forward.layers[number], f"the norm before layer {number}'s attention"
    of_key = index // (layer.n_heads // layer.n_kv_heads)
    weights, biases = layer.reader_weights(), layer.reader_biases()
    sides = []
    for name, which, norm in (("query", index, layer.norm_q), ("key", of_key, layer.norm_k)):
        weight = weights.q[which] if name == "query" else weights.k[which]
        bias = None if biases is None else (biases.q if name == "query" else biases.k)[which]
        sides.append(Side(weight, bias, _norm_of_heads(norm, weight, f"the {name} norm of layer {number}", model)))
    norm = frozen(layer.norm_attention, layer.weight_qkv, what, model)
    return Reader(model, number, index, writers_of(model, number), norm, *sides)


def _norm_of_heads(norm: TensorFunction | None, weight: Tensor, what: str, model: Model) -> KnownNorm | None:
    if norm is not None and not isinstance(norm, nn.Module):
        raise ValueError(f"{what} of {model.name!r} does not norm its heads one by one and alike: it cannot be frozen.")
    return frozen(norm, weight.T, what, model)


def run_of_scores(forward: Forward, batch: Batch, rows: Tensor, readers: list[Reader]) -> ScoreRun:
    """One clean run of a batch, with what the readers' scores are made of."""
    layers = {reader.number for reader in readers}
    writers = WrittenTap(forward, rows, reads_rows=False)
    stream, query, key = dict[int, Tensor](), dict[int, Tensor](), dict[int, Tensor]()

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if number in layers:
            if site == "residual":
                stream[number] = writers.at_rows(number, value)
            elif site in ("query", "key"):
                (query if site == "query" else key)[number] = value
        return writers(number, site, value)

    embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
    forward.run(embedded, n_positions=batch.n_positions, tap=tap)
    return ScoreRun(rows, writers.written(embedded), stream, query, key)


def split_score(
    run: ScoreRun, reader: Reader, n_queries: int, weights: Tensor, context: LayerContext
) -> tuple[Tensor, Tensor]:
    """The parts [sequence, query writer, key writer] of a weighted sum of scores, and the sum itself [sequence].

    n_queries  how many of the places are queries; the others are keys
    weights    [sequence, query place, key place]
    """
    layer, number = reader.layer, reader.number
    at_queries, at_keys = slice(0, n_queries), slice(n_queries, None)
    rows = run.rows[:, at_queries], run.rows[:, at_keys]
    queries, keys = (
        reader.parts(side, run.written.at(places), run.stream[number][:, places], context, own)
        for side, places, own in zip((reader.query, reader.key), (at_queries, at_keys), rows, strict=True)
    )
    query = run.query[number][:, reader.index]
    key = run.key[number][:, reader.index // (layer.n_heads // layer.n_kv_heads)]
    query, key = (Forward.at_rows(values, own, 0).float() for values, own in zip((query, key), rows, strict=True))
    scores = layer.scale * query @ key.transpose(1, 2)
    weighted = layer.scale * weights
    if layer.softcap is not None:
        capped = torch.tanh(scores / layer.softcap) * layer.softcap
        weighted = weighted * torch.where(scores == 0, 1, capped / torch.where(scores == 0, 1, scores))
        scores = capped
    pairs = torch.einsum("spid,spjd->sij", queries, torch.einsum("spk,skjd->spjd", weighted, keys))
    return pairs, (weights * scores).sum((1, 2))


def _normed(norm: KnownNorm, parts: Parts) -> Parts:
    """Parts of queries or keys behind a norm per head, its scale frozen at their sum."""
    scale = norm.scale(parts.total)

    def scaled(values: Tensor, factor: Tensor) -> Tensor:
        return norm.gain.float() * norm.centered(values) * factor

    of_writers = scale.unsqueeze(2)
    biases = scaled(parts.biases, scale) + norm.bias.float()
    return Parts(scaled(parts.heads, of_writers), scaled(parts.others, of_writers), biases)
