"""Training autoencoders: full-batch Adam on mean squared error and an L1 penalty, many at once.

Gradients are written out, because two products do nearly all of the work and both have the constant rows as one side:
[W_e; W_d] X and [dL/dpre; z] X. The reconstruction is never formed; its products with W_d and z go through the
features' Gram matrices. Features active on no row have no gradient from the decoder on; where products are large,
they are left out there. What is computed depends on the shape of one autoencoder alone, so that its
bits do not depend on the rest of the stack.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from circuits.head_codes.autoencoders import Autoencoders, products_with_vector
from circuits.head_codes.settings import Recipe, UnitNorm
from circuits.model.linear import linear_each
from circuits.model.steps import steps

# Leaving out unused features pays from this many multiply-adds per product on.
_LARGE = 2**24


class Rows(NamedTuple):
    """What autoencoders learn: values [stack, row, d_model], the same transposed, and their sum over rows."""

    values: Tensor
    across: Tensor
    total: Tensor

    @classmethod
    def of(cls, values: Tensor) -> Rows:
        """From values [stack, row, d_model]."""
        return cls(values.contiguous(), values.transpose(1, 2).contiguous(), values.sum(1))

    def part(self, chosen: slice) -> Rows:
        """The rows of some of the stack."""
        return Rows(*(value[chosen] for value in self))


def train(values: Tensor, recipe: Recipe, seeds: Sequence[object]) -> Autoencoders:
    """Autoencoders of rows [stack, row, d_model], each of its own rows and from its own seed.

    One of a stack is trained exactly as if it were alone. Cost per epoch: about five products of rows x d_model x
    features, less where features are unused.
    """
    autoencoders = initial(recipe, values.shape[-1], seeds).to(values)
    rows = Rows.of(values.detach())
    weights = autoencoders.weights
    optimizer = torch.optim.Adam(list(weights.values()), lr=recipe.learning_rate, fused=True)
    for weight in weights.values():
        weight.grad = torch.zeros_like(weight)
    # On a CPU, large ones go one after another: stacked, they would not fit into the cache.
    is_large = values.device.type == "cpu" and values[0].numel() * recipe.features >= _LARGE
    size = 1 if is_large else len(values)
    parts = [slice(first, first + size) for first in range(0, len(values), size)]
    with torch.no_grad():
        for _ in steps(range(recipe.epochs)):
            for part in parts:
                gradients = gradients_of(autoencoders[part], rows.part(part), recipe.l1, leaves_out_unused=is_large)
                for name, gradient in gradients.items():
                    _without_radial(name, gradient, weights[name][part], recipe.unit_norm)
                    weights[name].grad[part] = gradient  # pyright: ignore[reportOptionalSubscript]
            optimizer.step()
            _normalize(autoencoders, recipe.unit_norm)
    for weight in weights.values():
        weight.grad = None
    return autoencoders


def initial(recipe: Recipe, d_model: int, seeds: Sequence[object]) -> Autoencoders:
    """Random unit-norm weights, encoder biases within 1/sqrt(d_model), and a zero bias; one per seed, on the CPU."""
    encoders, biases, decoders = [], [], []
    for seed in seeds:
        generator = generator_of(seed)
        encoders.append(torch.randn(recipe.features, d_model, generator=generator))
        biases.append((2 * torch.rand(recipe.features, generator=generator) - 1) / math.sqrt(d_model))
        decoders.append(torch.randn(recipe.features, d_model, generator=generator))
    autoencoders = Autoencoders(
        torch.stack(encoders),
        torch.stack(biases),
        torch.stack(decoders),
        torch.zeros(len(encoders), d_model),
        recipe.top_k,
    )
    _normalize(autoencoders, recipe.unit_norm)
    return autoencoders


def generator_of(seed: object) -> torch.Generator:
    """A generator that depends on all of `seed`, such as (0, "trial", 3)."""
    digest = hashlib.sha256(repr(seed).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def loss_of(autoencoders: Autoencoders, values: Tensor, l1: float) -> Tensor:
    """[stack] mean squared error plus the penalty, of rows [stack, row, d_model]."""
    activations = autoencoders.activations(values)
    error = (autoencoders.decoded(activations) - values).square().mean(dim=(1, 2))
    return error + l1 * activations.sum(dim=1).mean(dim=1)


def gradients_of(
    autoencoders: Autoencoders, rows: Rows, l1: float, *, leaves_out_unused: bool = False
) -> dict[str, Tensor]:
    """Gradients of the loss with respect to all weights, named as `Autoencoders.weights`.

    leaves_out_unused  compute nothing for features active on no row: the same numbers, up to rounding
    """
    n_rows, d_model = rows.values.shape[1:]
    scale = 2 / (n_rows * d_model)
    activations = autoencoders.activations(rows.values)
    used = _used(activations) if leaves_out_unused else None
    fired = _rows_at(activations, used)
    decoder = _rows_at(autoencoders.decoder, used)
    # (x_hat - x) W_d, times the scale: the residual's product with the dictionary
    back = linear_each(linear_each(decoder, decoder), fired.transpose(1, 2))
    back += products_with_vector(decoder, autoencoders.bias).unsqueeze(2) - linear_each(decoder, rows.values)
    into = torch.ops.aten.threshold_backward(back.mul_(scale).add_(l1 / n_rows), fired, 0)
    both = torch.cat((into, fired), dim=1)
    with_rows, totals = linear_each(both, rows.across), both.sum(dim=2, keepdim=True)
    (rows_into, rows_fired), (n_into, n_fired) = with_rows.chunk(2, dim=1), totals.chunk(2, dim=1)
    bias = autoencoders.bias.unsqueeze(1)
    among = linear_each(linear_each(fired, fired), decoder.transpose(1, 2))
    errors = scale * ((n_fired * decoder).sum(1) + n_rows * autoencoders.bias - rows.total)
    of_bias = errors - (n_into * _rows_at(autoencoders.encoder, used)).sum(1)
    return {
        "encoder": _spread(rows_into.sub_(n_into * bias), used, autoencoders.encoder),
        "encoder_bias": _spread(n_into.squeeze(2), used, autoencoders.encoder_bias),
        "decoder": _spread(scale * (among + n_fired * bias - rows_fired), used, autoencoders.decoder),
        "bias": of_bias,
    }


def _used(activations: Tensor) -> Tensor:
    """[stack, n] the features [stack, feature, row] active anywhere, padded by others to the longest list."""
    is_active = activations.amax(dim=2) > 0
    n = max(1, int(is_active.sum(dim=1).max()))
    return torch.argsort(is_active.int(), dim=1, descending=True, stable=True)[:, :n].sort(dim=1).values


def _rows_at(values: Tensor, used: Tensor | None) -> Tensor:
    """values [stack, n, ...] at the used features of values [stack, feature, ...]; None: all."""
    if used is None:
        return values
    return torch.stack([one[numbers] for one, numbers in zip(values, used, strict=True)])


def _spread(values: Tensor, used: Tensor | None, like: Tensor) -> Tensor:
    """[stack, feature, ...] with values [stack, n, ...] at the used features and zero elsewhere."""
    if used is None:
        return values
    spread = torch.zeros_like(like)
    for one, numbers, value in zip(spread, used, values, strict=True):
        one[numbers] = value
    return spread


def _without_radial(name: str, gradient: Tensor, weight: Tensor, unit_norm: UnitNorm) -> None:
    """Take away, in place, the part of a gradient that would only change the length of unit vectors."""
    if name in ("encoder", "decoder"):
        axis = _unit_axis(name, unit_norm)
        gradient -= (gradient * weight).sum(dim=axis, keepdim=True) * weight


def _normalize(autoencoders: Autoencoders, unit_norm: UnitNorm) -> None:
    for name in ("encoder", "decoder"):
        weight = autoencoders.weights[name]
        weight /= weight.norm(dim=_unit_axis(name, unit_norm), keepdim=True).clamp_min(1e-12)


def _unit_axis(name: str, unit_norm: UnitNorm) -> int:
    """The axis of a weight [stack, feature, d_model] along which its vectors have unit norm."""
    return 1 if name == "decoder" and unit_norm == "coordinates" else 2
