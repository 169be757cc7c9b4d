"""What a model says first after each prompt, and whether that answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from circuits.data.prompts import PromptSet

if TYPE_CHECKING:
    from circuits.model.batches import Batch
    from circuits.model.load import Model


class FirstToken(NamedTuple):
    """What a model says after one prompt.

    token        the likeliest at the answer position
    probability  how likely it is there
    is_correct   whether an answer is above every wrong one, or, without any, above all other tokens
    """

    token: int
    probability: float
    is_correct: bool


def first_tokens(model: Model, prompts: PromptSet) -> list[FirstToken]:
    """What a model says after each clean prompt; negatives are left out. One forward pass.

    ValueError where the model predicts a single number.
    """
    import torch

    from circuits.model.answers import answered_in
    from circuits.model.batches import each_batch

    if model.n_outputs == 1:
        raise ValueError(f"{model.name!r} predicts one number, and says no token after a prompt.")
    found: dict[int, FirstToken] = {}
    forward = model.forward

    def measure(batch: Batch) -> None:
        run = forward.record(batch.clean, batch.clean_pixels(forward))
        final = forward.at_rows(run.residual[-1], batch.read_positions, 0)
        is_correct = answered_in(forward, batch, final).is_correct.tolist()
        chances = forward.logits(final[list(batch.first_sequences), 0]).float().softmax(-1).max(-1)
        each = zip(chances.indices.tolist(), chances.values.tolist(), is_correct, strict=True)
        found.update(zip(batch.prompt_indices, (FirstToken(*one) for one in each), strict=True))

    with torch.no_grad():
        each_batch(prompts, forward, measure, shares_prefix=False, with_answers=True)
    return [found[number] for number in range(len(prompts))]
