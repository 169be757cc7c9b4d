"""A second check, on the run's own prompts: the longest of them, stacked as methods stack them.

The probes at the door are short. A family that changes with the position (Ministral 3 scales its queries from some
position on) passes there, and would give wrong numbers on longer prompts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from circuits.data.prompts import Prompt, PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.model.checks import require_same, resumed
from circuits.model.forward import Forward
from circuits.model.original import own_logits, own_rounding

_N_PROMPTS = 4
_N_POSITIONS = 64


def longest(prompts: PromptSet) -> tuple[Prompt, ...]:
    """Up to four of the longest prompts, those with an image or those without; of a single one, its corruption too."""
    every = (*prompts, *prompts.negatives)
    first = max(every, key=len)
    alike = [p for p in every if len(p) == len(first) and (p.image is None) == (first.image is None)]
    return tuple(alike[:_N_PROMPTS] if len(alike) > 1 else (first, first.swapped()))


def require_reproduced(forward: Forward, original: nn.Module, prompts: Sequence[Prompt]) -> None:
    """Raise a ValueError unless prompts of one length, run together, give the logits that each has in the model alone.

    original  the model itself, unwrapped
    Cost: about three forward passes of these prompts.
    """
    chosen = PromptSet("longest prompts", tuple(prompts))
    each_batch(chosen, forward, lambda batch: _require_batch(forward, original, batch), shares_prefix=False)


def _require_batch(forward: Forward, original: nn.Module, batch: Batch) -> None:
    n_positions, what = batch.n_positions, f"running prompts of {batch.n_positions} tokens"
    seen = torch.linspace(0, n_positions - 1, min(n_positions, _N_POSITIONS)).long().to(forward.device)
    expected, rounding = [], 0.0
    for number in range(len(batch)):
        one = batch.part(slice(number, number + 1))
        pixels = one.clean_pixels(forward) or {}
        logits = own_logits(original, one.clean, **pixels)
        rounding = max(rounding, own_rounding(original, one.clean, logits, **pixels))
        expected.append(logits[:, seen])
    run = forward.record(batch.clean, batch.clean_pixels(forward))
    require_same(forward.logits(run.residual[-1][:, seen]), torch.cat(expected), what, rounding=rounding)
    for layer in (0, forward.n_layers // 2):
        final, start = resumed(forward, run, layer)
        where = f"{what} from layer {layer}, position {start} on"
        require_same(final, run.residual[-1][:, -1], where, kind="residual streams")
