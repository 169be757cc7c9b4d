"""Norms as formulas: gain x centered(x) x scale + bias, read off the values of a model's own norm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

TensorFunction = Callable[[Tensor], Tensor]

# Largest deviation from the model's own norm that is rounding, relative to its size.
_TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-6}
_COARSE = 2e-2
_SMALL = 1e-6


@dataclass(frozen=True, eq=False)
class KnownNorm:
    """A LayerNorm (centered) or an RMSNorm, whatever its family calls it and wherever it adds its epsilon.

    gain, bias  [d_model]
    """

    norm: TensorFunction
    gain: Tensor
    bias: Tensor
    is_centered: bool

    def centered(self, values: Tensor) -> Tensor:
        return values - values.mean(-1, keepdim=True) if self.is_centered else values

    def scale(self, values: Tensor) -> Tensor:
        """The factor [..., 1] on centered(values), without a gradient."""
        with torch.no_grad():
            directed = (self.gain * self.centered(values)).float()
            wanted = (self.norm(values) - self.bias).float()
            size = directed.square().sum(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
            return (wanted * directed).sum(-1, keepdim=True) / size


def known_norm(norm: TensorFunction, like: Tensor) -> KnownNorm | None:
    """The formula of a norm, or None where it is neither a LayerNorm nor an RMSNorm.

    like  a tensor [..., d_model] of the dtype and on the device that the norm works with
    """
    generator = torch.Generator().manual_seed(0)
    probe = 10 * torch.randn(8, like.shape[-1], generator=generator, dtype=torch.float64).to(like)
    tolerance = _TOLERANCES.get(like.dtype, _COARSE)
    with torch.no_grad():
        bias = norm(torch.zeros_like(probe[:1]))[0]
        normed = (norm(probe) - bias).float()
        is_centered = _differ(norm(probe + 5), norm(probe)) < tolerance
        centered = (probe - probe.mean(-1, keepdim=True) if is_centered else probe).float()
        unit = centered / centered.square().mean(-1, keepdim=True).sqrt()
        gain = ((normed * unit).sum(0) / unit.square().sum(0)).to(like)
        known = KnownNorm(norm, gain, bias, is_centered)
        again = gain * known.centered(probe / 7) * known.scale(probe / 7).to(like) + bias
        return known if _differ(again, norm(probe / 7)) < tolerance else None


def _differ(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).float().abs().max() / expected.float().abs().max().clamp_min(_SMALL))
