"""Where chosen heads attend: whole patterns on a prompt, and what tokens of each role give to those of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from circuits.arrays import Floats
from circuits.components import Component, require_head
from circuits.data.prompts import PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.profiles.base import LayerSeen, role_mask
from circuits.profiles.measure import layer_tap

if TYPE_CHECKING:
    from circuits.model.load import Model


def attention_patterns(model: Model, prompts: PromptSet, heads: Sequence[Component]) -> list[Floats]:
    """The pattern of each head [head, query, key] on each clean prompt, after the softmax.

    ValueError for heads that the model lacks. Cost: one forward pass, and the attention once more.
    """
    patterns = [np.zeros((len(heads), len(prompt), len(prompt)), dtype=np.float32) for prompt in prompts]

    def read(seen: LayerSeen) -> None:
        for row, number in enumerate(seen.batch.prompt_indices):
            for at, head in _in_layer(heads, seen.number):
                patterns[number][at] = seen.pattern[row, head].cpu().numpy()

    _each_layer(model, prompts, heads, read)
    return patterns


def role_patterns(model: Model, prompts: PromptSet, heads: Sequence[Component], roles: Sequence[str]) -> Floats:
    """[prompt, head, query role, key role] attention of the tokens of a role to all tokens of another, mean over the
    former; NaN where a prompt lacks either.

    Raises and costs as `attention_patterns`.
    """
    means = np.full((len(prompts), len(heads), len(roles), len(roles)), np.nan)

    def read(seen: LayerSeen) -> None:
        masks = torch.stack([role_mask(seen.prompts, r, seen.n_positions, seen.pattern.device) for r in roles], dim=1)
        weights, n = masks.to(seen.pattern), masks.sum(-1)
        known = (n.unsqueeze(2) * n.unsqueeze(1)) > 0
        rows = list(seen.batch.prompt_indices)
        for at, head in _in_layer(heads, seen.number):
            total = torch.einsum("paq,pqk,pbk->pab", weights, seen.pattern[:, head], weights)
            mean = total / n.clamp(min=1).unsqueeze(2)
            means[rows, at] = torch.where(known, mean, torch.nan).cpu().numpy()

    _each_layer(model, prompts, heads, read)
    return means


def check_heads(model: Model, heads: Sequence[Component]) -> None:
    """Raise a ValueError for what is no query head of the model."""
    for head in heads:
        require_head(head, model=model.name, n_layers=model.wiring.n_layers, n_heads=model.wiring.n_heads)


def _in_layer(heads: Sequence[Component], layer: int) -> list[tuple[int, int]]:
    """(number, head of the layer) of the chosen heads of a layer."""
    return [(at, head.index or 0) for at, head in enumerate(heads) if head.layer == layer]


def _each_layer(
    model: Model, prompts: PromptSet, heads: Sequence[Component], read: Callable[[LayerSeen], None]
) -> None:
    model.check_prompts(prompts)
    check_heads(model, heads)
    forward = model.forward

    def run(batch: Batch) -> None:
        embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
        forward.run(embedded, n_positions=batch.n_positions, tap=layer_tap(forward, batch, {}, read))

    with torch.no_grad():
        each_batch(prompts, forward, run, shares_prefix=False)
