"""What a model says first after each prompt, and whether that answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from circuits.data.prompts import PromptSet

if TYPE_CHECKING:
    from circuits.model.batches import Batch
    from circuits.model.forward import Run
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


class Said(NamedTuple):
    """What a model says first after both sides of a prompt; after the corrupt one only where that differs."""

    clean: FirstToken
    corrupt: FirstToken | None


def first_tokens(model: Model, prompts: PromptSet) -> list[Said]:
    """What a model says after each prompt; negatives are left out.

    ValueError where the model predicts a single number. Cost: a forward pass of each clean prompt, and one of each
    corrupt prompt from the first difference on.
    """
    import torch

    from circuits.model.answers import answered_in
    from circuits.model.batches import each_batch
    from circuits.model.steps import steps

    if model.n_outputs == 1:
        raise ValueError(f"{model.name!r} predicts one number, and says no token after a prompt.")
    forward = model.forward

    def said_in(batch: Batch, run: Run) -> list[FirstToken]:
        final = forward.at_rows(run.residual[-1], batch.read_positions, run.start)
        is_correct = answered_in(forward, batch, final).is_correct.tolist()
        chances = forward.logits(final[list(batch.first_sequences), 0]).float().softmax(-1).max(-1)
        each = zip(chances.indices.tolist(), chances.values.tolist(), is_correct, strict=True)
        return [FirstToken(*one) for one in each]

    found: dict[int, Said] = {}

    def of_each(numbers: Sequence[int], say: Callable[[Batch], Iterable[Said]], *, shares_prefix: bool) -> None:
        if not numbers:
            return
        chosen = PromptSet(prompts.task, tuple(prompts.prompts[number] for number in numbers))

        def measure(batch: Batch) -> None:
            found.update(zip((numbers[index] for index in batch.prompt_indices), say(batch), strict=True))

        each_batch(chosen, forward, measure, shares_prefix=shares_prefix, with_answers=True)

    def clean_alone(batch: Batch) -> Iterable[Said]:
        run = forward.record(batch.clean, batch.clean_pixels(forward))
        return (Said(one, None) for one in said_in(batch, run))

    def both(batch: Batch) -> Iterable[Said]:
        clean = forward.record(batch.clean, batch.clean_pixels(forward))
        corrupt = forward.record(batch.corrupt, batch.corrupt_pixels(forward), start=batch.start, earlier=clean)
        return map(Said, said_in(batch, clean), said_in(batch, corrupt))

    pairs = [number for number, prompt in enumerate(prompts) if prompt.first_difference < len(prompt)]
    alone = sorted(set(range(len(prompts))) - set(pairs))
    sorts = ((pairs, both, True), (alone, clean_alone, False))
    # A pair takes two runs, if not all of the second.
    weights = [(1.0 + is_pair) * sum(len(prompts.prompts[n]) for n in numbers) for numbers, _, is_pair in sorts]
    with torch.no_grad():
        for numbers, say, is_pair in steps(sorts, weights):
            of_each(numbers, say, shares_prefix=is_pair)
    return [found[number] for number in range(len(prompts))]
