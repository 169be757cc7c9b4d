"""RelP's backward rules: a model whose forward pass is the same and whose gradients are relevances.

    norms        the scale is constant: the gradient is that of a linear map
    attention    the pattern is constant: no gradient reaches queries and keys
    activations  f(x) = x (f(x)/x) with a constant ratio
    gates        a product gives each of its factors half of its relevance

Source: Jafari et al. 2025 (RelP, arXiv 2508.21258), after layer-wise relevance propagation (Ali et al. 2022).
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from circuits.model.forward import Forward, Site
from circuits.model.layers import Layer
from circuits.model.mlps import MLP, Activation, GatedMLP, PlainMLP
from circuits.model.norms import KnownNorm, TensorFunction, known_norm

_SMALL = 1e-6


class NoRules(ValueError):
    """A part of the model has no rule; says which."""


def with_rules(forward: Forward) -> Forward:
    """The same forward pass with RelP's gradients, except for the attention pattern (`detached_pattern`).

    Raises `NoRules` for norms that are neither LayerNorm nor RMSNorm, and for MLPs that cannot be taken apart.
    """
    ruled = copy.copy(forward)
    ruled.layers = [_layer_with_rules(layer) for layer in forward.layers]
    ruled.norm_final = _norm_with_rule(forward.norm_final, forward.weight_u)
    return ruled


def detached_pattern(_layer: int, site: Site, value: Tensor) -> Tensor:
    """A tap that keeps the attention pattern constant."""
    return value.detach() if site in ("query", "key") else value


def _layer_with_rules(layer: Layer) -> Layer:
    weight = layer.weight_qkv
    return replace(
        layer,
        norm_attention=_norm_with_rule(layer.norm_attention, weight),
        norm_mlp=_norm_with_rule(layer.norm_mlp, weight),
        mlp=None if layer.mlp is None else _mlp_with_rules(layer.mlp),
    )


class _LinearNorm(KnownNorm):
    """A norm whose scale is a constant for gradients."""

    def __call__(self, values: Tensor) -> Tensor:
        return self.gain * self.centered(values) * self.scale(values).to(values.dtype) + self.bias


def _norm_with_rule(norm: TensorFunction | None, like: Tensor) -> _LinearNorm | None:
    if norm is None:
        return None
    known = known_norm(norm, like)
    if known is None:
        raise NoRules(f"its norm {type(norm).__name__} is neither a LayerNorm nor an RMSNorm")
    return _LinearNorm(norm, known.gain, known.bias, known.is_centered)


def _mlp_with_rules(mlp: MLP) -> MLP:
    if isinstance(mlp, PlainMLP):
        return replace(mlp, activation=_constant_ratio(mlp.activation))
    if isinstance(mlp, GatedMLP):
        return _HalvedGate(mlp.gate, mlp.into, _constant_ratio(mlp.activation), mlp.out)
    raise NoRules(f"its MLP {type(mlp.module).__name__} cannot be taken apart")


def _constant_ratio(activation: Activation) -> Activation:
    def with_rule(values: Tensor) -> Tensor:
        with torch.no_grad():
            is_zero = values.abs() < _SMALL
            safe = torch.where(is_zero, torch.full_like(values, 1e-3), values)
            ratio = activation(safe) / safe
        return values * ratio

    return with_rule


class _HalvedGate(GatedMLP):
    """A gated MLP in which gate and input each get half of the gradient."""

    def __call__(self, values: Tensor) -> Tensor:
        gate, inner = self.activation(self.gate(values)), self.into(values)
        return self.out(0.5 * (gate * inner.detach() + gate.detach() * inner))
