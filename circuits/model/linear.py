"""Products with a model's weights: on the fastest kernel there is, and counted.

On CPUs torch hands float32 products to MKL, which uses half of what an AMD processor can do: it has no AVX-512 kernels
for them. oneDNN, which torch carries too, has. Both round like any float32 product (relative errors of 1e-6).
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
    multiply_adds = values[:1].numel() * weights.shape[1]
    if _suits_onednn(values, weights, multiply_adds):
        if len(values) == 1:
            return linear(values[0], weights[0]).unsqueeze(0)
        return torch.stack([linear(one, weight) for one, weight in zip(values, weights, strict=True)])
    count_product(len(values) * multiply_adds, values)
    flat = values.flatten(1, -2) @ weights.transpose(1, 2)
    return flat.view(*values.shape[:-1], weights.shape[1])


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
