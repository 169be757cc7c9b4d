"""The double dissociation of `two-route`: what is left of either task without attention, and without MLPs.

Ablated are the layers from 1 on, by zeros and by the mean over prompts of both tasks at the same position. Right is an
answer that is the most likely token of the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from transformers import GPT2LMHeadModel

from circuits.data.prompts import PromptSet
from circuits.data.tokenizer import Tokenizer
from circuits.intervals import Share
from circuits.reference.held_out import is_held_out
from circuits.reference.two_route.ablated import ATTENTION, MLPS, ablated, mean_outputs
from circuits.tasks import TASKS
from circuits.tasks.two_route import TwoRouteLearned, TwoRouteNearby

BOTH = (TwoRouteNearby.name, TwoRouteLearned.name)
N_DRAWN, SEED = 4000, 123
PARTS = {"all heads": ATTENTION, "all MLPs": MLPS}


@dataclass(frozen=True)
class Check:
    """The share of right answers of a task with a part of the model ablated; `difference` is the mean of the logit of
    the answer minus that of the other rule's answer."""

    task: str
    what: str
    share: Share
    difference: float


def held_out(task: str, tokenizer: Tokenizer, n_drawn: int = N_DRAWN) -> PromptSet:
    """Those of a task's prompts in which the last word's first mention and the word behind it were held out."""
    prompts = TASKS[task]().build(tokenizer, n=n_drawn, seed=SEED)
    return PromptSet(
        task,
        tuple(
            prompt
            for prompt in prompts
            if is_held_out(
                *tokenizer.convert_ids_to_tokens(
                    [prompt.clean[prompt.roles["first"][0]], prompt.clean[prompt.roles["next"][0]]]
                )
            )
        ),
    )


@torch.no_grad()
def measure_routes(model: GPT2LMHeadModel, sets: list[PromptSet]) -> Iterator[Check]:
    """Both tasks as they are and with either part ablated."""
    every = torch.tensor([prompt.clean for prompts in sets for prompt in prompts])
    means = {part: mean_outputs(model, part, every) for part in PARTS.values()}
    for prompts in sets:
        yield _check(model, prompts, "as it is", nullcontext())
        for name, part in PARTS.items():
            yield _check(model, prompts, f"{name} zero", ablated(model, part))
            yield _check(model, prompts, f"{name} at their mean", ablated(model, part, means=means[part]))


def _check(model: GPT2LMHeadModel, prompts: PromptSet, what: str, context: AbstractContextManager[None]) -> Check:
    ids = torch.tensor([prompt.clean for prompt in prompts])
    with context:
        logits = model.lm_head(model.transformer(ids, use_cache=False).last_hidden_state[:, -1])
    right = torch.tensor([prompt.answers[0] for prompt in prompts])
    other = torch.tensor([prompt.wrong_answers[0] for prompt in prompts])
    rows = torch.arange(len(ids))
    n_right = int((logits.argmax(dim=-1) == right).sum())
    difference = (logits[rows, right] - logits[rows, other]).mean().item()
    return Check(prompts.task, what, Share(n_right, len(ids)), difference)
