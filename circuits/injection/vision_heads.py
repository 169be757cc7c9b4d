"""Heads that see: how much each head's output changes when the picture is taken away, and strengthening those heads.

A head's output is here its z, the values it has gathered, before the output matrix: [d_head] at the last position.
"Without the picture" is the same prompt with the image's tokens left out, so that later text moves up.

Source: arXiv 2412.13949 (vision-aware head divergence, and reinforcement). They choose the heads anew for every prompt;
here they are chosen once, from means over prompts, so that one choice can be judged on other prompts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.injection.last_position import refuse_padded_ends, with_last_changed
from circuits.model.forward import Site, Tap
from circuits.model.without_image import last_outputs, without_images

if TYPE_CHECKING:
    from circuits.model.load import Model


@dataclass(frozen=True)
class HeadDivergence:
    """How much each head's output at the last position depends on the picture.

    heads       names in the order of the last axis, layer by layer
    n_layers    the heads of one layer are adjacent, equally many in each
    divergence  [prompt, head] norm of the output with the picture minus that without (VHD)
    without     [prompt, head] squared norm of the output without the picture
    """

    heads: tuple[str, ...]
    n_layers: int
    divergence: Floats
    without: Floats

    def by_layer(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means over prompts of `divergence` and of `without`, each [layer, head]."""
        shape = (self.n_layers, -1)
        first, second = (
            values.mean(axis=0, dtype=np.float64).reshape(shape) for values in (self.divergence, self.without)
        )
        return first, second


def head_divergence(model: Model, prompts: PromptSet) -> HeadDivergence:
    """Vision-aware head divergence at the prompts' last tokens. ValueError where a prompt shows no picture.

    Cost: one forward pass per prompt, and one without the image's tokens.
    """
    model.check_prompts(prompts)
    blind = without_images(prompts)
    seeing, blind = last_outputs(model, prompts), last_outputs(model, blind)
    divergence, without = (seeing - blind).norm(dim=-1), blind.square().sum(-1)
    n_layers, n_heads = model.forward.n_layers, model.forward.layers[0].n_heads
    names = tuple(f"a{layer}.h{head}" for layer in range(n_layers) for head in range(n_heads))
    return HeadDivergence(names, n_layers, divergence.numpy(), without.numpy())


@dataclass(frozen=True)
class Reinforcement:
    """What each head's output is multiplied by at the last position.

    factors  per layer, one for each head
    """

    factors: tuple[tuple[float, ...], ...]

    @property
    def changed(self) -> tuple[int, ...]:
        """The layers in which some head is changed."""
        return tuple(layer for layer, factors in enumerate(self.factors) if any(f != 1 for f in factors))


def reinforcement(measurement: HeadDivergence, *, factor: float = 2.0) -> Reinforcement:
    """Strengthen the heads whose mean divergence is above the median of their layer.

    Outliers, whose divergence and whose output without the picture both exceed the layer's mean by more than one
    standard deviation, are given divergence 0: they react to whatever is left out, not to the picture.
    """
    divergence, without = measurement.by_layer()
    is_outlier = np.logical_and.reduce(
        [
            values > values.mean(axis=1, keepdims=True) + values.std(axis=1, keepdims=True)
            for values in (divergence, without)
        ]
    )
    counted = np.where(is_outlier, 0.0, divergence)
    is_chosen = counted > np.median(counted, axis=1, keepdims=True)
    return Reinforcement(tuple(tuple(float(f) for f in row) for row in np.where(is_chosen, factor, 1.0)))


def _scales(model: Model, chosen: Reinforcement) -> dict[int, Tensor]:
    """Changed layer -> factor of each entry of z [head x d_head]. ValueError where the model has other heads."""
    shape = [(layer.n_heads, layer.d_head) for layer in model.forward.layers]
    if [len(factors) for factors in chosen.factors] != [n_heads for n_heads, _ in shape]:
        raise ValueError(
            f"the reinforcement is for {len(chosen.factors)} layers of {[len(f) for f in chosen.factors][:1]} heads; "
            f"{model.name!r} has {len(shape)} of {shape[0][0]}. Was it made for another model?"
        )
    weight = model.forward.weight_u
    return {
        layer: torch.tensor(chosen.factors[layer]).repeat_interleave(shape[layer][1]).to(weight)
        for layer in chosen.changed
    }


def reinforcement_tap(model: Model, chosen: Reinforcement) -> Tap:
    """A tap for `Forward.run` that multiplies z at the last of the positions that are run."""
    scales = _scales(model, chosen)

    def tap(layer: int, site: Site, value: Tensor) -> Tensor:
        if site != "z" or layer not in scales:
            return value
        return with_last_changed(value, lambda last: last * scales[layer].view(last.shape[-2:]))

    return tap


@contextmanager
def reinforced(model: Model, chosen: Reinforcement) -> Iterator[None]:
    """Within it, every forward pass of the model strengthens the heads at its last position, generation included.

    ValueError where the model normalizes z before the output matrix, and where a prompt's last position is padding.
    """
    scales = _scales(model, chosen)
    normed = [layer for layer in scales if model.forward.layers[layer].norm_z is not None]
    if normed:
        raise ValueError(
            f"{model.name!r} normalizes head outputs before the output matrix (layer {normed[0]}): use "
            "`reinforcement_tap`."
        )
    handles: list[Any] = []
    try:
        if scales:
            handles.append(refuse_padded_ends(model))
        for layer, scale in scales.items():
            handles.append(model.bridge.blocks[layer].attn.o.register_forward_pre_hook(_hook(scale)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(scale: Tensor) -> Any:
    """For the output matrix, which reads z [batch, position, head x d_head]."""

    def hook(_module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return with_last_changed(args[0], lambda last: last * scale), *args[1:]

    return hook
