"""Products with a model's weights: on the fastest kernel there is, and counted.

On CPUs torch hands float32 products to MKL, which on AMD processors falls behind oneDNN, which torch carries too. How
far depends on the processor: on one EPYC oneDNN made 200 GFLOP/s where MKL made 90; on another 3 % to 27 % more, by
shape (77 against 70 at 50 rows, 101 against 91 at 1,000), and 1.4 to 2 times as many in `weighted_sums`. Both round
like any float32 product (relative errors of 1e-6).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from circuits.model.multiply_adds import count

# Multiply-adds from which calling oneDNN pays.
_WORTH_ONEDNN = 2**20
# A sum reads only the rows that count where these are fewer than one in so many.
_FEW_ROWS = 12


def count_product(multiply_adds: int, values: Tensor) -> None:
    """Count a product of `values` with weights, and the backward pass through it where there will be one."""
    count(multiply_adds * (2 if torch.is_grad_enabled() and values.requires_grad else 1))


def linear(values: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """values [..., in] times weight [out, in], plus bias: [..., out]."""
    multiply_adds = values.numel() * weight.shape[0]
    count_product(multiply_adds, values)
    if not _suits_onednn(values, weight, multiply_adds):
        return F.linear(values, weight, bias)
    if torch.is_grad_enabled() and values.requires_grad:
        return _Linear.apply(values, weight, bias)  # pyright: ignore[reportReturnType]
    return _onednn(values, weight, bias)


def linear_each(values: Tensor, weights: Tensor) -> Tensor:
    """One product per group: values [group, ..., in] times weights [group, out, in], as [group, ..., out]."""
    count_product(values.numel() * weights.shape[1], values)
    flat = values.flatten(1, -2) @ weights.transpose(1, 2)
    return flat.view(*values.shape[:-1], weights.shape[1])


def weighted_sums(weights: Tensor, values: Tensor) -> Tensor:
    """Sums of rows, without gradients: weights [group, sum, row] times values [group, row, n], as [group, sum, n].

    Where few weights are not zero, only their rows are read. No product with a model's weights, so it is not counted.
    """
    if not _suits_onednn(values, weights, weights[0].numel() * values.shape[2]):
        return weights @ values
    sums = [_sums(of_rows, rows) for of_rows, rows in zip(weights, values, strict=True)]
    return sums[0].unsqueeze(0) if len(sums) == 1 else torch.stack(sums)


def _sums(weights: Tensor, rows: Tensor) -> Tensor:
    which, row = weights.nonzero(as_tuple=True)
    if _FEW_ROWS * len(row) >= weights.numel():
        return _onednn(weights.contiguous(), rows.T, None)
    first = torch.searchsorted(which, torch.arange(len(weights)))
    return F.embedding_bag(row, rows, first, mode="sum", per_sample_weights=weights[which, row])


def _suits_onednn(values: Tensor, weight: Tensor, multiply_adds: int) -> bool:
    return (
        multiply_adds >= _WORTH_ONEDNN
        and values.device.type == "cpu"
        and values.dtype == weight.dtype == torch.float32
        and _has_onednn()
    )


def _onednn(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # For weights with gaps between rows oneDNN falls back to a kernel hundreds of times slower.
    packed = weight if weight.is_contiguous() or weight.T.is_contiguous() else weight.contiguous()
    return torch.ops.mkldnn._linear_pointwise(values, packed, bias, "none", [], "")


@cache
def _has_onednn() -> bool:
    """Whether this torch has the operator, and it does here what `F.linear` does."""
    if not torch.backends.mkldnn.is_available():
        return False
    values, weight, bias = torch.ones(3, 8), torch.full((5, 8), 0.5), torch.arange(5.0)
    try:
        with torch.no_grad():
            return torch.equal(_onednn(values, weight, bias), F.linear(values, weight, bias))
    except (AttributeError, RuntimeError):
        return False


class _Linear(torch.autograd.Function):
    """oneDNN's product with its gradient for the values; weights are frozen everywhere here."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return _onednn(values, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return _onednn(gradients[0].contiguous(), weight.T, None), None, None
