"""Head features: what each head writes into the stream, pooled over positions, of positive and negative prompts.

Pooling and W_O are both linear, so z is pooled first: a head's output [d_model] is made from d_head numbers once per
prompt, and never per token. Thousands of prompts of hundreds of heads fit, at d_head numbers each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Bools
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.refused import RefusedPrompts
from circuits.model.answers import Answered, answered_in
from circuits.model.batches import each_batch
from circuits.model.linear import linear_each

if TYPE_CHECKING:
    from circuits.model.batches import Batch
    from circuits.model.load import Model

MEAN = "mean"


@dataclass(frozen=True)
class HeadFeatures:
    """Pooled z of every prompt and head, and the weights that make head outputs of it.

    z          [prompt, head, d_head] float32; heads of layer 0 first
    weights_o  [head, d_head, d_model] float32
    n_layers   heads are `n_layers` equal groups
    """

    z: Tensor
    weights_o: Tensor
    n_layers: int

    @property
    def d_model(self) -> int:
        return self.weights_o.shape[-1]

    def outputs(self, prompts: Sequence[int] | Tensor) -> Tensor:
        """Head outputs [prompt, head, d_model] of some prompts."""
        chosen = self.z[torch.as_tensor(prompts, device=self.z.device)]
        return linear_each(chosen.transpose(0, 1), self.weights_o.transpose(1, 2)).transpose(0, 1)


class CodedPrompts(NamedTuple):
    """All positives of a prompt set, then all its negatives: its own, or the corrupt sides of its pairs.

    is_positive  [prompt]
    """

    all: tuple[Prompt, ...]
    is_positive: Bools


class Pooled(NamedTuple):
    """z [position, prompt, head, d_head] of some prompts, pooled over each of several positions.

    has_position  [position, prompt] whether the prompt has the position at all
    answered      [prompt] which prompts the model answers correctly; None where it predicts a single number
    """

    z: Tensor
    has_position: Tensor
    answered: Answered | None

    @property
    def is_correct(self) -> Tensor | None:
        """[prompt] whether an answer is above every wrong answer."""
        return None if self.answered is None else self.answered.is_correct


def coded_prompts(prompts: PromptSet) -> CodedPrompts:
    """The positives and negatives of a prompt set. A negative's answers are those the model should not give there."""
    negatives = prompts.negatives or prompts.swapped().prompts
    return CodedPrompts((*prompts, *negatives), np.arange(len(prompts) + len(negatives)) < len(prompts))


def head_features(model: Model, z: Tensor) -> HeadFeatures:
    """Features from pooled z [prompt, head, d_head], on the model's device."""
    forward = model.forward
    weights = torch.cat([layer.head_weights_o for layer in forward.layers]).float()
    return HeadFeatures(z.to(weights), weights, forward.n_layers)


def require_head_outputs(model: Model) -> None:
    """Raise a ValueError where a head has no output of its own."""
    if any(layer.norm_z is not None for layer in model.forward.layers):
        raise ValueError(
            f"head coding needs every head's own output, and model {model.name!r} has a norm between the heads and "
            "W_O, which mixes them. Use activation-patching."
        )


def require_position(at: str, prompts: PromptSet) -> None:
    """Raise a ValueError unless every positive and negative prompt has the position to pool over."""
    if at == MEAN:
        return
    known = [MEAN, *prompts.roles]
    every = enumerate((*prompts, *prompts.negatives))
    if lacking := [number for number, prompt in every if at not in prompt.roles]:
        first = prompts.called(lacking[0])
        raise RefusedPrompts(f"at={at!r}: {first} has no such role. Known: {', '.join(known)}.", lacking)


def pooled(model: Model, prompts: Sequence[Prompt], *, positions: Sequence[str] = (MEAN,)) -> Pooled:
    """z of the clean side of prompts, averaged over positions, streamed in batches. One forward pass each.

    positions  `mean` (all positions), or names of roles: the mean over the role's positions, 0 where a prompt lacks it
    """
    forward = model.forward
    n_heads, d_head = sum(layer.n_heads for layer in forward.layers), forward.layers[0].d_head
    z = torch.zeros(len(positions), len(prompts), n_heads, d_head)
    has_position = torch.zeros(len(positions), len(prompts), dtype=torch.bool)
    right = Answered(*torch.zeros(2, len(prompts), dtype=torch.bool))

    def measure(batch: Batch) -> None:
        # A prompt's own tokens are the same in all of its sequences.
        there = torch.stack([_mask(batch, position)[batch.first_sequences] for position in positions]).float()
        sizes = there.sum(dim=2, keepdim=True)
        shares = there / sizes.clamp_min(1)
        means: list[Tensor] = []

        def keep(_layer: int, site: str, value: Tensor) -> Tensor:
            if site == "z":
                own = value if batch.n_sequences == len(batch) else value[batch.first_sequences]
                means.append(torch.einsum("bphe,lbp->lbhe", own.float(), shares).cpu())
            return value

        with torch.no_grad():
            embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
            final = forward.run(embedded, n_positions=batch.n_positions, tap=keep)
            judged = answered_in(forward, batch, forward.at_rows(final, batch.read_positions, 0))
        prompt_indices = list(batch.prompt_indices)
        z[:, prompt_indices] = torch.cat(means, dim=2)
        has_position[:, prompt_indices] = sizes.squeeze(2).cpu() > 0
        for kept, measured in zip(right, judged, strict=True):
            kept[prompt_indices] = measured

    each_batch(PromptSet("coded", tuple(prompts)), forward, measure, shares_prefix=False, with_answers=True)
    return Pooled(z, has_position, right if model.n_outputs > 1 else None)


def _mask(batch: Batch, position: str) -> Tensor:
    """[sequence, token] where a position is."""
    return batch.of_prompts if position == MEAN else batch.positions_of(position)
