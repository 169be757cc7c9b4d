"""Prompts that the model answers correctly: the first of a task's, or those of a set.

A circuit of prompts that the model fails explains nothing. Prompts are taken in the order in which they are drawn, and
nothing but the answer decides which are kept: as far as the model solves them, they are distributed as all others. How
many were drawn to find them goes with the set (`PromptSet.solved`), and into every result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from circuits.arrays import Bools
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import measure_baseline
from circuits.metrics import AnswerLogProbability

if TYPE_CHECKING:
    from circuits.model.load import Model

# How many prompts are drawn at most for each that is asked for.
MOST_DRAWN = 10
_AT_ONCE = 64


def is_solved(model: Model, prompts: PromptSet) -> Bools:
    """[prompt] whether the model answers correctly: an answer is above every wrong one, or, without any, above all.

    Negatives are left out. ValueError where the model predicts a single number. Cost: two forward passes at most.
    """
    baseline = measure_baseline(model, prompts, metric=AnswerLogProbability())
    if baseline.is_correct is None:
        raise ValueError(f"{model.name!r} predicts one number, which is neither right nor wrong: leave out solved.")
    return baseline.is_correct


def solved_prompts(model: Model, task: str, drawn: Iterable[Prompt], *, n: int) -> PromptSet:
    """The first `n` of the prompts drawn that the model solves, however many of them run at once.

    drawn  in their order; no more than 10 `n` of them are drawn

    Raises a ValueError that names the share the model solves where too few are found.
    """
    kept: list[Prompt] = []
    n_drawn, coming = 0, islice(drawn, MOST_DRAWN * n)
    while batch := tuple(islice(coming, min(max(n - len(kept), _AT_ONCE // 4), _AT_ONCE))):
        for prompt, solved in zip(batch, is_solved(model, PromptSet(task, batch)), strict=True):
            n_drawn += 1
            kept += [prompt] if solved else []
            if len(kept) == n:
                return PromptSet(task, tuple(kept), n_drawn=n_drawn)
    share = f" ({len(kept) / n_drawn:.1%})" if n_drawn else ""
    is_over = n_drawn < MOST_DRAWN * n
    raise ValueError(
        f"task {task!r}: asked for {n} prompts that {model.name!r} solves, found {len(kept)} among the {n_drawn} "
        f"{'that there are' if is_over else 'drawn'}{share}. Ask for fewer, or for a task that it does "
        "(circuits tasks --model)."
    )


def keep_solved(prompts: PromptSet, solved: Bools, *, n: int, n_negatives: int | None = None) -> PromptSet:
    """The first `n` solved prompts of a set, in its order; of negatives, those in which the answer is not given.

    solved       [prompt] whether an answer is given, of the prompts and then of the negatives
    n_negatives  how many negatives to keep at most; by default all that there are

    Raises a ValueError that says how many the model solves where these are fewer than `n`.
    """
    is_right = [bool(value) for value in solved[: len(prompts)]]
    if sum(is_right) < n:
        raise ValueError(
            f"{n} prompts that the model solves were asked for, and it solves {sum(is_right)} of the {len(prompts)} of "
            f"{prompts.task!r} ({sum(is_right) / len(prompts):.1%}). "
            + ("Ask for as many, or for fewer." if any(is_right) else "Choose another model, or other prompts.")
        )
    kept, n_drawn = _first(prompts.prompts, is_right, n)
    negatives: tuple[Prompt, ...] = ()
    if prompts.negatives:
        is_right = [not value for value in solved[len(prompts) :]]
        if not any(is_right):
            raise ValueError(f"the model gives the answer in all {len(is_right)} negatives of {prompts.task!r}.")
        negatives, n_seen = _first(prompts.negatives, is_right, n_negatives or len(is_right))
        n_drawn += n_seen
    return replace(prompts, prompts=kept, negatives=negatives, n_drawn=n_drawn)


def _first(prompts: Sequence[Prompt], is_right: Sequence[bool], n: int) -> tuple[tuple[Prompt, ...], int]:
    """The first `n` that are right, or all that are, and how many were looked at for them: for all, every one."""
    numbers = [number for number, right in enumerate(is_right) if right]
    n_seen = len(prompts) if len(numbers) <= n else numbers[n - 1] + 1
    return tuple(prompts[number] for number in numbers[:n]), n_seen
