"""Tokens that a model says after prompts, one after the other, as it is run at present: plain, or within an edit."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch

from circuits.arrays import Numbers
from circuits.data.prompts import PromptSet
from circuits.numbers import count_text

if TYPE_CHECKING:
    from circuits.model.load import Model

_AT_ONCE = 32


def require_room(model: Model, prompts: PromptSet, n_tokens: int) -> None:
    """Raise a ValueError for a prompt after which the model cannot take so many tokens more."""
    for number, prompt in enumerate(prompts):
        if len(prompt) + n_tokens > model.n_positions:
            raise ValueError(
                f"{prompts.called(number)} has {count_text(len(prompt), 'token')}, and {n_tokens} are to follow; "
                f"{model.name!r} "
                f"takes at most {model.n_positions} in all."
            )


def continuations(model: Model, prompts: PromptSet, n_tokens: int) -> Numbers:
    """[prompt, token] what follows each clean prompt, the likeliest token each time; always so many.

    The whole sequence is run for each token, without a cache, so that any family and any edit will do; prompts of
    equal length share a batch, and nothing is padded. Cost: a forward pass for each token. ValueError before anything
    runs where there is no room for so many tokens.

    >>> from circuits import TASKS, load_model
    >>> from circuits.model.continuations import continuations
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=2)
    >>> [model.tokenizer.decode(said) for said in continuations(model, prompts, 1)]
    ['Martin', 'Kevin']
    """
    require_room(model, prompts, n_tokens)
    said = np.zeros((len(prompts), n_tokens), dtype=np.int64)
    alike: dict[int, list[int]] = defaultdict(list)
    for number, prompt in enumerate(prompts):
        alike[len(prompt)].append(number)
    for numbers in alike.values():
        for first in range(0, len(numbers), _AT_ONCE):
            own = numbers[first : first + _AT_ONCE]
            said[own] = _of_batch(model, prompts, own, n_tokens)
    return said


def _of_batch(model: Model, prompts: PromptSet, numbers: list[int], n_tokens: int) -> Numbers:
    chosen = [prompts.prompts[number] for number in numbers]
    pictures = [prompt.image for prompt in chosen if prompt.image is not None]
    pixels = model.vision.pixels(pictures) if pictures and model.vision is not None else {}
    ids = torch.tensor([prompt.clean for prompt in chosen], device=model.forward.device)
    with torch.no_grad():
        for _ in range(n_tokens):
            ids = torch.cat([ids, model.bridge(ids, **pixels)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return ids[:, -n_tokens:].cpu().numpy()
