"""All attention, or all MLPs, of some layers of a GPT-2 taken away: the hooks that train the control and certify it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

ATTENTION, MLPS = "attn", "mlp"
"""Names of the blocks' parts."""


@contextmanager
def ablated(
    model: GPT2LMHeadModel, part: str, *, first: int = 1, means: Mapping[int, Tensor] | None = None
) -> Iterator[None]:
    """Inside, the outputs of a part are zero in the layers from `first` on, or their `means` [position, d_model]."""

    def replace(layer: int, _module: Any, _given: Any, output: Any) -> Any:
        own = output[0] if isinstance(output, tuple) else output
        put = torch.zeros_like(own) if means is None else means[layer].expand_as(own)
        return (put, *output[1:]) if isinstance(output, tuple) else put

    handles = [
        getattr(block, part).register_forward_hook(partial(replace, layer))
        for layer, block in enumerate(model.transformer.h)
        if layer >= first
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def mean_outputs(model: GPT2LMHeadModel, part: str, ids: Tensor) -> dict[int, Tensor]:
    """Layer -> [position, d_model] the mean output of a part over prompts [prompt, position]."""
    found: dict[int, Tensor] = {}

    def keep(layer: int, _module: Any, _given: Any, output: Any) -> None:
        found[layer] = (output[0] if isinstance(output, tuple) else output).mean(dim=0)

    handles = [
        getattr(block, part).register_forward_hook(partial(keep, layer))
        for layer, block in enumerate(model.transformer.h)
    ]
    try:
        model.transformer(ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return found
