"""What edits of heads do to a task: its metric, how often the model is right, and which prompts change sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.data.prompts import PromptSet
from circuits.edits import Edit, Edits
from circuits.edits.runs import each_edited
from circuits.intervals import Estimate, Share, t_interval
from circuits.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.model.batches import Batch
    from circuits.model.load import Model


class EditValues(NamedTuple):
    """The model under several variants of edits; the first is the plain model.

    metric      [variant, prompt]
    is_correct  [variant, prompt] whether an answer is above every wrong answer; `is_top1` above all other tokens
    """

    metric: Floats
    is_correct: Bools
    is_top1: Bools


class EditEffect(NamedTuple):
    """A variant beside the plain model, on the same prompts. Differences are paired, with t intervals.

    metric, difference         mean metric, and what the edits add to it
    accuracy, top1             how many prompts are right: above every wrong answer, above all tokens
    accuracy_difference        what the edits add to the accuracy; top1_difference likewise
    new_mistakes, mended       prompts that were right and are wrong now, and the other way round; `_top1` likewise
    """

    metric: Estimate
    difference: Estimate
    accuracy: Share
    accuracy_difference: Estimate
    new_mistakes: int
    mended: int
    top1: Share
    top1_difference: Estimate
    new_mistakes_top1: int
    mended_top1: int


def edit_values(model: Model, prompts: PromptSet, variants: Sequence[Edits], *, metric: Metric) -> EditValues:
    """The metric and the answers of the plain model, then under each variant of edits.

    ValueError before anything runs where a variant cannot be done, or the metric does not fit the prompts; and for a
    variant under which the metric is not finite. Cost: a forward pass, and for each variant the layers from its first
    edited one on.

    >>> from circuits import METRICS, TASKS, load_model
    >>> from circuits.edits import KnockOut
    >>> from circuits.evaluation.edit_effects import edit_values
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> edit_values(model, prompts, [{"a2.h1": KnockOut()}], metric=METRICS["logit-difference"]).metric.shape
    (2, 4)
    """
    from circuits.effects.paired_runs import Readout
    from circuits.model.answers import answered_in

    if model.n_outputs == 1:
        raise ValueError(f"model {model.name!r} predicts one number: it is neither right nor wrong.")
    metric.check(prompts)
    shape = (1 + len(variants), len(prompts))
    values = np.zeros(shape)
    is_correct, is_top1 = np.zeros((2, *shape), dtype=np.bool_)
    forward = model.forward

    def work(batch: Batch, plain: Tensor, run: Callable[[int], Tensor]) -> None:
        readout, at = Readout(forward, batch, metric, plain), list(batch.prompt_indices)
        for number in range(shape[0]):
            final = plain if number == 0 else run(number - 1)
            values[number, at] = readout(final)[0].cpu().numpy()
            judged = answered_in(forward, batch, final)
            is_correct[number, at], is_top1[number, at] = judged.is_correct.numpy(), judged.is_top1.numpy()

    each_edited(model, prompts, variants, work)
    _require_finite(values, variants)
    return EditValues(values, is_correct, is_top1)


def _require_finite(values: Floats, variants: Sequence[Edits]) -> None:
    """Raise a ValueError that names the first variant under which the model overflows."""
    is_wrong = ~np.isfinite(values).all(axis=1)
    if not is_wrong.any():
        return
    number = int(np.argmax(is_wrong))
    under = "of the plain model"
    if number:
        edits = {
            edit.text
            for own in variants[number - 1].values()
            for edit in ((own,) if isinstance(own, Edit) else tuple(own))
        }
        under = f"under {', '.join(sorted(edits))} of {', '.join(variants[number - 1])}"
    raise ValueError(
        f"the metric {under} is not finite: the model's numbers overflow. Choose a smaller factor, or --dtype float32."
    )


def edit_effect(values: EditValues, variant: int) -> EditEffect:
    """What a variant changes, by its number; 0 is the plain model itself."""
    correct, was_correct = values.is_correct[variant], values.is_correct[0]
    top1, was_top1 = values.is_top1[variant], values.is_top1[0]
    return EditEffect(
        _mean(values.metric[variant]),
        _mean(values.metric[variant] - values.metric[0]),
        _share(correct),
        _mean(correct.astype(np.float64) - was_correct),
        *_changes(correct, was_correct),
        _share(top1),
        _mean(top1.astype(np.float64) - was_top1),
        *_changes(top1, was_top1),
    )


def _mean(per_prompt: Floats) -> Estimate:
    return Estimate(float(per_prompt.mean()), t_interval(per_prompt).item())


def _share(hits: Bools) -> Share:
    return Share(int(np.count_nonzero(hits)), len(hits))


def _changes(now: Bools, before: Bools) -> tuple[int, int]:
    """How many became wrong, and how many became right."""
    return int(np.count_nonzero(before & ~now)), int(np.count_nonzero(now & ~before))
