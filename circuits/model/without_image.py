"""Prompts without their picture, and what heads then give at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.data.prompts import Prompt, PromptSet
from circuits.model.batches import Batch, each_batch

if TYPE_CHECKING:
    from circuits.model.load import Model


def without_images(prompts: PromptSet) -> PromptSet:
    """The prompts with the image's tokens left out; of roles only the end is kept. ValueError where one shows none."""
    return PromptSet(prompts.task, tuple(_without_image(prompts, number) for number in range(len(prompts))))


def _without_image(prompts: PromptSet, number: int) -> Prompt:
    prompt = prompts.prompts[number]
    if prompt.image is None or prompt.image_tokens is None:
        raise ValueError(f"{prompts.called(number)} shows no image, so nothing can be taken away from it.")
    first, stop = prompt.image_tokens
    ids = prompt.clean[:first] + prompt.clean[stop:]
    return Prompt(ids, ids, prompt.answers, prompt.wrong_answers)


def last_outputs(model: Model, prompts: PromptSet) -> Tensor:
    """z of every head at the last position, in float32 on the CPU [prompt, head, d_head]."""
    forward = model.forward
    n_heads, d_head = forward.layers[0].n_heads, forward.layers[0].d_head
    outputs = torch.zeros(len(prompts), forward.n_layers * n_heads, d_head)

    def record(batch: Batch) -> None:
        run = forward.record(batch.clean, batch.clean_pixels(forward))
        outputs[list(batch.prompt_indices)] = torch.cat([z[:, -1] for z in run.z], dim=1).float().cpu()

    each_batch(prompts, forward, record, shares_prefix=False)
    return outputs
