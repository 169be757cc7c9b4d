"""What a head reads where, to the answer's gain: attention times the gradient by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.model.layers import Places
from circuits.profiles.base import role_mask
from circuits.profiles.own_runs import OwnRunsProfile
from circuits.profiles.registry import register
from circuits.scores import ALL_POSITIONS

if TYPE_CHECKING:
    from circuits.model.forward import Forward, Site
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class Saliency(OwnRunsProfile):
    """Attention times the gradient of the logit difference by it, summed over all queries and the keys of a role.

    To first order it is what the logit difference owes to this head reading these tokens; over all keys it is the
    gradient by the head's output z times z: what a stronger head would add. Of images it gives what each head owes to
    each category. With `absolute=True` sizes are summed, as the authors do with the gradient of a loss, who also scale
    each layer to its extremes: that is left out. Prompts without a wrong answer: of the answer's logit alone.

    A gradient is no effect: where attention saturates the two differ. Cost: a forward and a backward pass. Source:
    LVLMs-Saliency, "Hallucination Begins Where Saliency Drops", 2026.
    """

    name = "saliency"
    summary = "attention times the gradient of the logit difference by it, over keys of each role"
    unit = "logits"
    bounds = (None, None)

    absolute: bool = False

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return (ALL_POSITIONS, *dict.fromkeys(role for prompt in prompts for role in prompt.roles))

    def check(self, prompts: PromptSet) -> None:
        if any(prompt.has_long_answers for prompt in prompts):
            raise ValueError(f"profile {self.label!r}: answers have several tokens; it reads the logit of one.")

    def measure(self, model: Model, prompts: PromptSet, places: Sequence[str]) -> Tensor:
        forward, n_heads = model.forward, model.wiring.n_heads
        values = torch.zeros(len(prompts), len(places), forward.n_layers * n_heads)

        def work(batch: Batch) -> None:
            kept, gradients = _with_gradients(forward, batch)
            masks = torch.stack([_keys(batch, place) for place in places], dim=1).float()  # [prompt, place, key]
            for number, gradient in enumerate(gradients):
                of_keys = self._of_keys(forward, batch, number, kept[number], gradient)
                heads = slice(number * n_heads, (number + 1) * n_heads)
                at_places = torch.einsum("phk,plk->plh", of_keys, masks)
                values[list(batch.prompt_indices), :, heads] = at_places.cpu()

        longest = max(map(len, prompts))
        each_batch(
            prompts, forward, work, at_once=max(1, forward.tokens_with_gradients // longest), shares_prefix=False
        )
        return values

    def _of_keys(
        self, forward: Forward, batch: Batch, number: int, kept: dict[Site, Tensor], gradient: Tensor
    ) -> Tensor:
        """[prompt, head, key] from the gradient by z [prompt, query, head, d_head]."""
        layer = forward.layers[number]
        bias = Places(0).bias_rows(forward.context(batch.n_positions)[number].bias, len(batch))
        pattern = layer.pattern(kept["query"], kept["key"], bias).float()
        value = kept["value"].float().repeat_interleave(layer.n_heads // layer.n_kv_heads, dim=1)
        by_z = gradient.float().transpose(1, 2)  # [prompt, head, query, d_head]
        if self.absolute:
            return (pattern * (by_z @ value.transpose(-1, -2))).abs().sum(2)
        return ((pattern.transpose(-1, -2) @ by_z) * value).sum(-1)


def _with_gradients(forward: Forward, batch: Batch) -> tuple[list[dict[Site, Tensor]], list[Tensor]]:
    """Queries, keys and values of every layer of the clean run, and the gradient by its z [prompt, query, head, d]."""
    kept: list[dict[Site, Tensor]] = [{} for _ in forward.layers]
    outputs: list[Tensor] = []

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if site in ("query", "key", "value"):
            kept[number][site] = value.detach()
        if site == "z":
            outputs.append(value)
        return value

    with torch.enable_grad():
        embedded = forward.embed(batch.clean, batch.clean_pixels(forward)).requires_grad_()
        final = forward.run(embedded, n_positions=batch.n_positions, tap=tap)
        logits = forward.logits(forward.at_rows(final, batch.answer_positions, 0))
        gains = [
            own[list(prompt.answers)].mean() - (own[list(prompt.wrong_answers)].mean() if prompt.wrong_answers else 0)
            for own, prompt in zip(logits, batch.prompts, strict=True)
        ]
        return kept, list(torch.autograd.grad(torch.stack(gains).sum(), outputs))


def _keys(batch: Batch, place: str) -> Tensor:
    """[prompt, key] the tokens of a role, or all."""
    if place == ALL_POSITIONS:
        return torch.ones_like(batch.clean, dtype=torch.bool)
    return role_mask(batch.prompts, place, batch.n_positions, batch.clean.device)
