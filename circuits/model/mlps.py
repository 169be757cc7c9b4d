"""A layer's MLP, taken apart where its family is one of the two usual kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from circuits.model.linear import count_product, linear

Activation = Callable[[Tensor], Tensor]
_NAMES_OF_ACTIVATIONS = ("act", "act_fn", "activation_fn")
_TANH_GELUS = ("NewGELUActivation", "FastGELUActivation", "GELUTanh")


@dataclass(frozen=True, eq=False)
class Projection:
    """A weight [out, in] and a bias [out]."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, values: Tensor) -> Tensor:
        return linear(values, self.weight, self.bias)

    def scaled(self, factor: float) -> Projection:
        """The projection times a number."""
        return Projection(factor * self.weight, None if self.bias is None else factor * self.bias)


@dataclass(frozen=True, eq=False)
class PlainMLP:
    """Linear, activation, linear: GPT-2, GPT-NeoX, Phi, ..."""

    into: Projection
    activation: Activation
    out: Projection

    @property
    def n_weights(self) -> int:
        """Multiply-adds per token."""
        return self.into.weight.numel() + self.out.weight.numel()

    def scaled(self, factor: float) -> PlainMLP:
        return replace(self, out=self.out.scaled(factor))

    def __call__(self, values: Tensor) -> Tensor:
        return self.out(self.activation(self.into(values)))


@dataclass(frozen=True, eq=False)
class GatedMLP:
    """activation(gate) times linear, then linear: Llama, Mistral, Qwen, Gemma, ..."""

    gate: Projection
    into: Projection
    activation: Activation
    out: Projection

    @property
    def n_weights(self) -> int:
        """Multiply-adds per token."""
        return self.gate.weight.numel() + self.into.weight.numel() + self.out.weight.numel()

    def scaled(self, factor: float) -> GatedMLP:
        return replace(self, out=self.out.scaled(factor))

    def __call__(self, values: Tensor) -> Tensor:
        return self.out(self.activation(self.gate(values)) * self.into(values))


@dataclass(frozen=True, eq=False)
class WholeMLP:
    """Any other kind (mixture of experts, fused projections), used as it is."""

    module: nn.Module
    n_weights: int
    factor: float = 1

    def scaled(self, factor: float) -> WholeMLP:
        return replace(self, factor=factor)

    def __call__(self, values: Tensor) -> Tensor:
        count_product(self.n_weights * values[..., 0].numel(), values)
        # Mixtures of experts take three dimensions apart, and runs of several circuits have more.
        output = self.module(values.flatten(0, -3) if values.dim() > 3 else values)
        # Mixtures of experts return (output, router logits); some return [token, d_model].
        output = (output[0] if isinstance(output, tuple) else output).view_as(values)
        return output if self.factor == 1 else self.factor * output


MLP = PlainMLP | GatedMLP | WholeMLP


def mlp_from(component: Any, projection: Callable[[Any], Projection], *, has_own_module: bool = True) -> MLP | None:
    """The MLP behind a component of a TransformerBridge; None where the layer has none.

    projection      takes a linear component apart; raises a ValueError for what is none
    has_own_module  whether the component wraps a module that computes the MLP: then it is taken apart only where the
                    parts do on random input what the module does
    """
    module = getattr(component, "original_component", None)
    if module is None or isinstance(module, nn.Identity):
        return None
    whole = WholeMLP(module, sum(parameter.numel() for parameter in module.parameters()))
    apart = _apart(component, module, projection)
    return apart if apart is not None and (not has_own_module or _agree(apart, whole)) else whole


def _apart(component: Any, module: nn.Module, projection: Callable[[Any], Projection]) -> PlainMLP | GatedMLP | None:
    function = next((getattr(module, name) for name in _NAMES_OF_ACTIVATIONS if hasattr(module, name)), None)
    parts = {name: getattr(component, name, None) for name in ("gate", "in", "out")}
    if not callable(function) or parts["in"] is None or parts["out"] is None:
        return None
    # Five elementwise operations in transformers; the fused one is the same function.
    activation = (
        partial(F.gelu, approximate="tanh") if type(function).__name__ in _TANH_GELUS else cast("Activation", function)
    )
    try:
        into, out = projection(parts["in"]), projection(parts["out"])
        if parts["gate"] is None:
            return PlainMLP(into, activation, out)
        return GatedMLP(projection(parts["gate"]), into, activation, out)
    except (ValueError, AttributeError):
        return None


def _agree(apart: PlainMLP | GatedMLP, whole: WholeMLP) -> bool:
    weight = apart.into.weight
    values = torch.randn(2, 3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight)
    try:
        with torch.no_grad():
            actual, expected = apart(values).float(), whole(values).float()
    except RuntimeError:
        return False
    except TypeError as error:
        kind = type(whole.module).__name__
        raise ValueError(f"its MLP, a {kind}, cannot be run on its input alone ({error})") from None
    size = expected.abs().max().clamp_min(1e-6)
    return bool((actual - expected).abs().max() <= (1e-4 if weight.dtype == torch.float32 else 0.05) * size)
