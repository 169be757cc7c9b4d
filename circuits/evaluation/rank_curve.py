"""How few directions of its queries, keys and values a head needs: fitted on some prompts, judged on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.evaluation.edit_effects import EditValues
from circuits.intervals import Estimate, Share, ratio_t_interval, t_interval
from circuits.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.edits.projection import Projected, Subspaces
    from circuits.model.batches import Batch
    from circuits.model.load import Model

Place = tuple[int, int, str]


class Vectors(NamedTuple):
    """Queries, keys or values of one head at the places asked for: values [vector, d_head], of prompts [vector]."""

    values: Floats
    prompts: Floats


def vectors_of(model: Model, prompts: PromptSet, asked: Projected) -> dict[Place, Vectors]:
    """What heads have at the places, on clean prompts. ValueError for what `Projected.check` refuses. Cost: a forward
    pass."""
    import torch

    from circuits.edits.projection import vectors_tap
    from circuits.model.batches import each_batch

    model.check_prompts(prompts)
    asked.check(model, prompts)
    forward = model.forward
    found: dict[Place, dict[int, Floats]] = {place: {} for place in asked.places}

    def collect(batch: Batch) -> None:
        kept: dict[Place, Tensor] = {}
        masks = asked.masks(batch)
        with torch.no_grad():
            embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
            forward.run(embedded, n_positions=batch.n_positions, tap=vectors_tap(forward, batch, asked, kept))
        for place, values in kept.items():
            owners = masks[place[2]].nonzero()[:, 0].cpu().numpy()
            own = values.double().cpu().numpy()
            found[place] |= {index: own[owners == number] for number, index in enumerate(batch.prompt_indices)}

    each_batch(prompts, forward, collect, shares_prefix=False)
    return {
        place: Vectors(
            np.concatenate([own[number] for number in range(len(prompts))]),
            np.concatenate([np.full(len(own[number]), number) for number in range(len(prompts))]),
        )
        for place, own in found.items()
    }


def fitted(values: Floats) -> tuple[Floats, Floats]:
    """The mean [d_head], and an orthonormal basis [d_head, d_head] by how much vectors [vector, d_head] vary along it.

    Of n vectors the first n - 1 directions say something; the rest completes the basis, so that it holds everything.
    """
    mean = values.mean(axis=0)
    return mean, np.linalg.svd(values - mean, full_matrices=True)[2]


def drawn_basis(d_head: int, generator: np.random.Generator) -> Floats:
    """A random orthonormal basis [d_head, d_head]."""
    return np.linalg.qr(generator.standard_normal((d_head, d_head)))[0].T


def kept_variance(values: Floats, mean: Floats, basis: Floats, rank: int) -> float:
    """The share of the squared distance of vectors [vector, d_head] from a mean that the first directions hold; 1 where
    there is none."""
    centered = values - mean
    total = float(np.square(centered).sum())
    return float(np.square(centered @ basis[:rank].T).sum()) / total if total else 1.0


def rank_values(
    model: Model,
    prompts: PromptSet,
    asked: Projected,
    variants: Sequence[tuple[Subspaces, int]],
    *,
    metric: Metric,
) -> EditValues:
    """The metric and the answers of the plain model, then with heads projected on each variant: subspaces, and how many
    of their directions are kept.

    ValueError before anything runs for what `Projected.check` refuses, and where the metric does not fit the prompts.
    Cost: a forward pass, and for each variant the layers from the first head's on.
    """
    import torch

    from circuits.edits.projection import projected_final
    from circuits.effects.paired_runs import Readout
    from circuits.model.answers import answered_in
    from circuits.model.batches import each_batch

    model.check_prompts(prompts)
    asked.check(model, prompts)
    metric.check(prompts)
    forward, shape = model.forward, (1 + len(variants), len(prompts))
    values, is_correct, is_top1 = np.zeros(shape), np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)

    def judge(batch: Batch) -> None:
        with torch.no_grad():
            clean = forward.record(batch.clean, batch.clean_pixels(forward)).only({"residual"})
            plain, at = forward.at_rows(clean.residual[-1], batch.read_positions, 0), list(batch.prompt_indices)
            readout = Readout(forward, batch, metric, plain)
            for number in range(shape[0]):
                final = plain
                if number:
                    subspaces, rank = variants[number - 1]
                    final = projected_final(forward, batch, clean.residual, asked, subspaces, rank)
                values[number, at] = readout(final)[0].cpu().numpy()
                judged = answered_in(forward, batch, final)
                is_correct[number, at], is_top1[number, at] = judged.is_correct.numpy(), judged.is_top1.numpy()

    each_batch(prompts, forward, judge, shares_prefix=False, with_answers=True)
    return EditValues(values, is_correct, is_top1)


class RankEffect(NamedTuple):
    """What is left with so many directions, on prompts that did not choose them; 95 % intervals over prompts.

    metric, change  mean metric, and its paired difference from the plain model
    kept            share of what the metric loses without any direction (all at the mean) that is not lost; unbounded
                    where that loss may be 0
    accuracy        how many prompts are right, and accuracy_change the paired difference
    """

    metric: Estimate
    change: Estimate
    kept: Estimate
    accuracy: Share
    accuracy_change: Estimate


def rank_effect(values: EditValues, number: int, none: int) -> RankEffect:
    """The effect of a variant; `none` is the number of that without any direction."""
    plain, own, least = values.metric[0], values.metric[number], values.metric[none]
    gained, whole = own - least, plain - least
    share = float(gained.mean() / whole.mean()) if whole.mean() else 0.0
    correct = values.is_correct[number]
    changed = correct.astype(np.float64) - values.is_correct[0]
    return RankEffect(
        _mean(own),
        _mean(own - plain),
        Estimate(share, ratio_t_interval(gained, whole).item()),
        Share(int(np.count_nonzero(correct)), len(correct)),
        _mean(changed),
    )


def _mean(per_prompt: Floats) -> Estimate:
    return Estimate(float(per_prompt.mean()), t_interval(per_prompt).item())
