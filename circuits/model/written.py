"""What the writers of a run gave to the stream, and any linear reading of the stream as a sum over them.

A norm is linear once its scale is frozen at the value that it has in the run at hand. What is read behind norms, by an
unembedding, a query or a key, is then a sum: one part for each writer (embedding, head, MLP), and one for all biases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from circuits.components import Wiring
from circuits.model.forward import Forward, Site
from circuits.model.layers import Layer
from circuits.model.norms import KnownNorm, known_norm

if TYPE_CHECKING:
    from circuits.model.load import Model


class Written(NamedTuple):
    """What writers gave at some places of each sequence.

    embedded  [sequence, place, d_model]
    z         per layer [sequence, place, head, d_head]
    mlp       per layer [sequence, place, d_model]; None where the layer has no MLP
    """

    embedded: Tensor
    z: Sequence[Tensor]
    mlp: Sequence[Tensor | None]

    def at(self, places: slice) -> Written:
        """The same at some of the places."""
        mlp = [None if own is None else own[:, places] for own in self.mlp]
        return Written(self.embedded[:, places], [own[:, places] for own in self.z], mlp)


class WrittenTap:
    """Keeps what writers give at `rows` [sequence, place] of a run from position 0, as that passes the taps.

    reads_rows  whether the run is read at `rows`, so that its last layer holds these alone
    """

    def __init__(self, forward: Forward, rows: Tensor, *, reads_rows: bool) -> None:
        self._forward, self._rows, self._reads_rows = forward, rows, reads_rows
        self._z: list[Tensor] = []
        self._mlp: list[Tensor | None] = [None] * forward.n_layers

    def at_rows(self, number: int, values: Tensor) -> Tensor:
        """Values [sequence, position, ...] of a layer, at the rows: [sequence, place, ...]."""
        if self._reads_rows and number == self._forward.n_layers - 1:
            return values
        return self._forward.at_rows(values, self._rows, 0)

    def __call__(self, number: int, site: Site, value: Tensor) -> Tensor:
        if site == "z":
            self._z.append(self.at_rows(number, value))
        elif site == "mlp":
            self._mlp[number] = self.at_rows(number, value)
        return value

    def written(self, embedded: Tensor) -> Written:
        """All of it, from the stream [sequence, position, d_model] that the run began with."""
        return Written(self._forward.at_rows(embedded, self._rows, 0), self._z, self._mlp)


class Parts(NamedTuple):
    """Numbers read off the stream, as a sum.

    heads   [sequence, place, head, n] of every head, layer by layer
    others  [sequence, place, writer, n] of the embedding, then of every layer's MLP, 0 where it has none
    biases  [sequence, place, n] of all biases on the way, those of norms included
    """

    heads: Tensor
    others: Tensor
    biases: Tensor

    @property
    def total(self) -> Tensor:
        """[sequence, place, n] what is read."""
        return self.heads.sum(2) + self.others.sum(2) + self.biases

    def by_writer(self, wiring: Wiring) -> Tensor:
        """[sequence, place, writer, n] of the writers before a layer in the order of the wiring, then of biases."""
        n_layers, n_heads = self.others.shape[2] - 1, wiring.n_heads
        parts = [self.others[:, :, :1]]
        for layer in range(n_layers):
            parts.append(self.heads[:, :, layer * n_heads : (layer + 1) * n_heads])
            if wiring.has_mlps:
                parts.append(self.others[:, :, layer + 1 : layer + 2])
        return torch.cat([*parts, self.biases.unsqueeze(2)], dim=2)


@dataclass(frozen=True)
class Writers:
    """The writers of the first layers, and the norms that some families have behind their heads.

    Made by `writers_of`, which refuses models whose heads do not add up.
    """

    layers: tuple[Layer, ...]
    behind: tuple[KnownNorm | None, ...]

    def parts(self, written: Written, directions: Tensor, norm: KnownNorm | None, stream: Tensor) -> Parts:
        """What is read along directions, behind a norm, of a stream that these writers wrote.

        directions  [sequence or 1, n, d_model]
        norm        between the stream and what reads it; its scale is frozen at `stream` [sequence, place, d_model]

        Cost: a product of every head's z with its output matrix times the directions, which in no place needs what a
        head writes [.., d_model].
        """
        front, scale, added = _in_front_of(norm, stream, directions.float())
        biases = added.expand(*stream.shape[:2], -1)
        heads, others = [], [_along(written.embedded, front) * scale]
        for layer, behind, z, mlp in zip(self.layers, self.behind, written.z, written.mlp, strict=False):
            before, own_scale, own = _in_front_of(behind, layer.heads_sum(z), front)
            weights = torch.einsum("hde,sne->shdn", layer.head_weights_o.float(), before)
            heads.append(torch.einsum("sphd,shdn->sphn", z.float(), weights) * (own_scale * scale).unsqueeze(-1))
            if layer.bias_o is not None:
                own = own + torch.einsum("sne,e->sn", before, layer.bias_o.float()).unsqueeze(1) * own_scale
            biases = biases + own * scale
            others.append(torch.zeros_like(others[0]) if mlp is None else _along(mlp, front) * scale)
        nothing = others[0].new_zeros(*stream.shape[:2], 0, others[0].shape[-1])
        return Parts(torch.cat([nothing, *heads], dim=2), torch.stack(others, dim=2), biases)


def writers_of(model: Model, n_layers: int | None = None) -> Writers:
    """The writers of a model's first layers, by default of all. ValueError where their heads do not add up."""
    layers = tuple(model.forward.layers[:n_layers])
    behind = []
    for number, layer in enumerate(layers):
        if layer.norm_z is not None:
            raise ValueError(
                f"a norm in front of the output matrix of {model.name!r} joins the heads of layer {number}: what each "
                "of them adds is no sum."
            )
        what = f"the norm behind the heads of layer {number}"
        behind.append(frozen(layer.norm_attention_out, layer.weight_o, what, model))
    return Writers(layers, tuple(behind))


def frozen(norm: object, like: Tensor, what: str, model: Model) -> KnownNorm | None:
    """A norm as a formula whose scale can be frozen, None where there is none; ValueError for one of another kind."""
    if norm is None:
        return None
    known = known_norm(norm, like)  # pyright: ignore[reportArgumentType]
    if known is None:
        raise ValueError(f"{what} of {model.name!r} is neither a LayerNorm nor an RMSNorm: it cannot be frozen.")
    return known


def _in_front_of(norm: KnownNorm | None, at: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Directions [sequence or 1, n, d_model] that are read behind a norm, as they are read in front of it; the factor
    [sequence, place, 1] on that, the scale at `at` [sequence, place, d_model]; and what its bias adds [.., 1, n]."""
    if norm is None:
        return directions, directions.new_ones(1, 1, 1), directions.new_zeros(1, 1, directions.shape[1])
    added = torch.einsum("sne,e->sn", directions, norm.bias.float()).unsqueeze(1)
    return norm.centered(norm.gain.float() * directions), norm.scale(at), added


def _along(values: Tensor, directions: Tensor) -> Tensor:
    """[sequence, place, n] of values [sequence, place, d_model] along directions [sequence or 1, n, d_model]."""
    return torch.einsum("spe,sne->spn", values.float(), directions)
