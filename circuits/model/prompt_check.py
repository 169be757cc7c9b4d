"""A second check, on the run's own prompts: the longest of them and a short one, stacked as methods stack them.

The probes at the door are short. A family that changes with the position (Ministral 3 scales its queries from some
position on) passes there, and would give wrong numbers on longer prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from circuits.data.answers import tokens_of
from circuits.data.prompts import Prompt, PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.model.checks import require_same, resumed
from circuits.model.forward import Forward
from circuits.model.original import own_logits, own_rounding
from circuits.numbers import count_text

_N_PROMPTS = 4
_N_POSITIONS = 64


def longest(prompts: PromptSet) -> tuple[Prompt, ...]:
    """Up to four of the longest prompts, those with an image or those without; of a single one, its corruption too.

    The last of them is the shortest of all, where that is shorter: it is filled up beside the others. Of several
    answers, each prompt keeps the longest.
    """
    every = (*prompts, *prompts.negatives)
    first = max(every, key=_n_positions)
    like = [p for p in every if (p.image is None) == (first.image is None)]
    alike = [p for p in like if p.n_positions == first.n_positions]
    shortest = min(like, key=_n_positions)
    if first.image is None and shortest.n_positions < first.n_positions:
        chosen = (*alike[: _N_PROMPTS - 1], shortest)
    else:
        chosen = tuple(alike[:_N_PROMPTS] if len(alike) > 1 else (first, first.swapped()))
    return tuple(_with_longest_answer(prompt) for prompt in chosen)


def _n_positions(prompt: Prompt) -> int:
    return prompt.n_positions


def _with_longest_answer(prompt: Prompt) -> Prompt:
    if not prompt.has_long_answers:
        return prompt
    answer = max(prompt.answers + prompt.wrong_answers, key=lambda one: len(tokens_of(one)))
    return replace(prompt, answers=(answer,), wrong_answers=())


def require_reproduced(forward: Forward, original: nn.Module, prompts: Sequence[Prompt]) -> None:
    """Raise a ValueError unless prompts, run together, give the logits that each has in the model alone.

    original  the model itself, unwrapped
    Cost: about three forward passes of these prompts.
    """
    chosen = PromptSet("longest prompts", tuple(prompts))
    each_batch(
        chosen,
        forward,
        lambda batch: _require_batch(forward, original, batch),
        shares_prefix=False,
        with_answers=True,
    )


def _require_batch(forward: Forward, original: nn.Module, batch: Batch) -> None:
    n_positions, what = batch.n_positions, f"running prompts of {count_text(batch.n_positions, 'token')}"
    seen = torch.linspace(0, n_positions - 1, min(n_positions, _N_POSITIONS)).long().to(forward.device)
    expected, rounding = [], 0.0
    for number in range(batch.n_sequences):
        one = batch.alone(number)
        pixels = one.clean_pixels(forward) or {}
        logits = own_logits(original, one.clean, **pixels)
        rounding = max(rounding, own_rounding(original, one.clean, logits, **pixels))
        expected.append(logits[0, seen[seen < one.n_positions]])
    run = forward.record(batch.clean, batch.clean_pixels(forward))
    actual = forward.logits(run.residual[-1][:, seen])
    require_same(actual[batch.of_sequences[:, seen]], torch.cat(expected), what, rounding=rounding)
    last = batch.of_sequences.sum(1) - 1
    for layer in (0, forward.n_layers // 2):
        final, start = resumed(forward, run, layer, last)
        where = f"{what} from layer {layer}, position {start} on"
        require_same(final, forward.at_rows(run.residual[-1], last, 0), where, kind="residual streams")
