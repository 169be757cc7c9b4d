"""Sparse autoencoders of head outputs, several at once: stacked in one tensor, each with its own weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from circuits.model.linear import linear, linear_each


@dataclass(frozen=True)
class Autoencoders:
    """z = ReLU(W_e (x - b) + b_e), x_hat = W_d z + b; with `top_k`, only the k largest z of a row are kept.

    encoder        [stack, feature, d_model] W_e
    encoder_bias   [stack, feature] b_e
    decoder        [stack, feature, d_model] W_d, one dictionary vector a feature
    bias           [stack, d_model] b, subtracted before and added after
    """

    encoder: Tensor
    encoder_bias: Tensor
    decoder: Tensor
    bias: Tensor
    top_k: int | None = None

    def __len__(self) -> int:
        return len(self.encoder)

    def to(self, like: Tensor) -> Autoencoders:
        """A copy on the device and in the precision of another tensor."""
        return replace(self, **{name: value.to(like) for name, value in self.weights.items()})

    def __getitem__(self, chosen: slice) -> Autoencoders:
        return replace(self, **{name: value[chosen] for name, value in self.weights.items()})

    @property
    def weights(self) -> dict[str, Tensor]:
        """All weights by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "top_k"}

    @property
    def n_features(self) -> int:
        return self.encoder.shape[1]

    def activations(self, values: Tensor) -> Tensor:
        """Features, transposed: [stack, feature, row] of rows [stack, row, d_model]."""
        return self.activated(linear_each(self.encoder, values))

    def activated(self, projected: Tensor) -> Tensor:
        """Features [stack, feature, row] from W_e x [stack, feature, row]. Writes into its argument."""
        shift = self.encoder_bias - products_with_vector(self.encoder, self.bias)
        features = projected.add_(shift.unsqueeze(-1)).clamp_(min=0)
        return features if self.top_k is None else _largest(features, self.top_k)

    def reconstructions(self, values: Tensor) -> Tensor:
        """x_hat [stack, row, d_model] of rows [stack, row, d_model]."""
        return self.decoded(self.activations(values))

    def decoded(self, activations: Tensor) -> Tensor:
        """x_hat [stack, row, d_model] of features [stack, feature, row]."""
        return linear_each(activations.transpose(1, 2), self.decoder.transpose(1, 2)) + self.bias.unsqueeze(1)

    def each(self) -> Iterator[Autoencoders]:
        """One by one, as stacks of one."""
        return (self[number : number + 1] for number in range(len(self)))

    def head_activations(self, z: Tensor, weights_o: Tensor) -> Tensor:
        """Features [prompt, feature] of one head, for a stack of one; the head's outputs in d_model are never formed.

        z          [prompt, d_head]
        weights_o  [d_head, d_model]
        """
        into = linear(self.encoder[0], weights_o)  # [feature, d_head]
        return self.activated(linear(into, z).unsqueeze(0))[0].T


def products_with_vector(matrices: Tensor, vectors: Tensor) -> Tensor:
    """[stack, row] of matrices [stack, row, d_model] and vectors [stack, d_model].

    Not a matrix product: torch's batched one rounds differently for different numbers of matrices.
    """
    return (matrices * vectors.unsqueeze(1)).sum(dim=2)


def _largest(values: Tensor, k: int) -> Tensor:
    """The k largest of each column [stack, feature, row]; zero elsewhere."""
    k = min(k, values.shape[1])
    kept = torch.topk(values, k, dim=1)
    return torch.zeros_like(values).scatter_(1, kept.indices, kept.values)
