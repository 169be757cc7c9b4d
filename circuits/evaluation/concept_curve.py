"""What a concept does when it is added to the residual stream: its vector from some prompts, judged on others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.evaluation.edit_effects import EditValues
from circuits.intervals import Estimate, Share, t_interval
from circuits.metrics import Metric

if TYPE_CHECKING:
    from circuits.edits.concept import AtLayer
    from circuits.model.batches import Batch
    from circuits.model.load import Model

# A difference of streams below this share of their norm is rounding.
_NOTHING = 1e-5


class Streams(NamedTuple):
    """The residual stream of prompts at chosen rows of theirs.

    mean  [prompt, d_model] the mean over the prompt's rows
    norm  [prompt] the mean norm over these rows
    """

    mean: Floats
    norm: Floats


def streams_of(
    model: Model, prompts: PromptSet, at: AtLayer, *, side: Literal["clean", "corrupt"] = "clean"
) -> Streams:
    """The stream that enters a layer at the rows of each prompt, answers of several tokens apart.

    ValueError before anything runs for what `AtLayer.check` refuses. Cost: a forward pass.
    """
    import torch

    from circuits.edits.places import rows_within
    from circuits.model.batches import each_batch

    model.check_prompts(prompts)
    at.check(model, prompts)
    forward = model.forward
    mean, norm = np.zeros((len(prompts), forward.weight_u.shape[1])), np.zeros(len(prompts))

    def collect(batch: Batch) -> None:
        ids = getattr(batch, side)
        pixels = batch.clean_pixels(forward) if side == "clean" else batch.corrupt_pixels(forward)
        with torch.no_grad():
            stream = forward.record(ids, pixels).residual[at.layer].double().cpu()
        for index, first, prompt in zip(batch.prompt_indices, batch.first_sequences, batch.prompts, strict=True):
            own = stream[first, rows_within(at.rows, prompt.roles, len(prompt))]
            mean[index], norm[index] = own.mean(dim=0).numpy(), own.norm(dim=-1).mean().item()

    each_batch(prompts, forward, collect, shares_prefix=False)
    return Streams(mean, norm)


def concept_vector(concept: Streams, baseline: Streams, *, described: str = "the concept") -> Floats:
    """[d_model] the mean stream of one set of prompts minus that of another: clean minus corrupt, or any two sets.

    ValueError where the two are the same but for rounding: there is nothing to add.
    """
    vector = concept.mean.mean(axis=0) - baseline.mean.mean(axis=0)
    if np.linalg.norm(vector) <= _NOTHING * max(concept.norm.mean(), baseline.norm.mean()):
        raise ValueError(
            f"{described}: the vector is 0, both sides have the same stream there. Read it in a later layer, or at a "
            "role at or after the place where they begin to differ."
        )
    return vector


def drawn_vector(vector: Floats, generator: np.random.Generator) -> Floats:
    """A random vector [d_model] of the same norm, orthogonal to it."""
    drawn = generator.standard_normal(len(vector))
    drawn -= (drawn @ vector) / (vector @ vector) * vector
    return drawn * (np.linalg.norm(vector) / np.linalg.norm(drawn))


def concept_values(
    model: Model, prompts: PromptSet, at: AtLayer, added: Sequence[Floats], *, metric: Metric
) -> EditValues:
    """The metric and the answers of the plain model, then with each of the vectors [d_model] added.

    The plain model runs the same layers once more, with nothing added, so that differences are no rounding. ValueError
    before anything runs for what `AtLayer.check` refuses, and where the metric does not fit the prompts; and for a
    vector under which the metric is not finite. Cost: a forward pass, and for each vector and the plain model the
    layers from that one on.

    >>> from circuits import METRICS, TASKS, load_model
    >>> from circuits.edits.concept import AtLayer
    >>> from circuits.evaluation.concept_curve import concept_values, concept_vector, streams_of
    >>> model = load_model("reference")
    >>> prompts, at = TASKS["ioi"]().build(model.tokenizer, n=8), AtLayer(2, "END")
    >>> sides = [streams_of(model, prompts[:4], at, side=side) for side in ("clean", "corrupt")]
    >>> vector = concept_vector(*sides)
    >>> concept_values(model, prompts[4:], at, [-vector, vector], metric=METRICS["logit-difference"]).metric.shape
    (3, 4)
    """
    import torch

    from circuits.edits.concept import with_added
    from circuits.effects.paired_runs import Readout
    from circuits.model.answers import answered_in
    from circuits.model.batches import each_batch

    model.check_prompts(prompts)
    at.check(model, prompts)
    if model.n_outputs == 1:
        raise ValueError(f"model {model.name!r} predicts one number: it is neither right nor wrong.")
    metric.check(prompts)
    forward, shape = model.forward, (1 + len(added), len(prompts))
    values, is_correct, is_top1 = np.zeros(shape), np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    vectors = [torch.zeros(forward.weight_u.shape[1]), *(torch.from_numpy(vector) for vector in added)]

    def judge(batch: Batch) -> None:
        with torch.no_grad():
            entering = forward.record(batch.clean, batch.clean_pixels(forward)).residual[at.layer]
            plain, rows = with_added(forward, batch, entering, at, vectors[0]), list(batch.prompt_indices)
            readout = Readout(forward, batch, metric, plain)
            for number, vector in enumerate(vectors):
                final = with_added(forward, batch, entering, at, vector) if number else plain
                values[number, rows] = readout(final)[0].cpu().numpy()
                judged = answered_in(forward, batch, final)
                is_correct[number, rows], is_top1[number, rows] = judged.is_correct.numpy(), judged.is_top1.numpy()

    each_batch(prompts, forward, judge, shares_prefix=False, with_answers=True)
    if wrong := [number for number, own in enumerate(values) if not np.isfinite(own).all()]:
        size = 0.0 if wrong[0] == 0 else float(np.linalg.norm(added[wrong[0] - 1]))
        raise ValueError(
            f"with a vector of norm {size:.3g} added, the metric is not finite: the model's numbers overflow. Choose "
            "smaller strengths, or --dtype float32."
        )
    return EditValues(values, is_correct, is_top1)


class ConceptEffect(NamedTuple):
    """What a vector of some strength does, on prompts that did not make it; 95 % intervals over prompts.

    metric, change            mean metric, and its paired difference from the plain model
    accuracy                  how many prompts are right, and accuracy_change the paired difference
    beyond_random             change minus the mean change of random vectors of the same norm, paired; None without any
    random_change             [random vector] mean change of each, and random_accuracy likewise
    """

    metric: Estimate
    change: Estimate
    accuracy: Share
    accuracy_change: Estimate
    beyond_random: Estimate | None
    random_change: tuple[float, ...]
    random_accuracy: tuple[float, ...]


def concept_effect(values: EditValues, number: int, drawn: Sequence[int] = ()) -> ConceptEffect:
    """The effect of a variant, by its number; `drawn` are the numbers of its random vectors."""
    change, correct = values.metric - values.metric[0], values.is_correct.astype(np.float64)
    others = list(drawn)
    return ConceptEffect(
        _mean(values.metric[number]),
        _mean(change[number]),
        Share(int(np.count_nonzero(values.is_correct[number])), values.metric.shape[1]),
        _mean(correct[number] - correct[0]),
        _mean(change[number] - change[others].mean(axis=0)) if others else None,
        tuple(float(own.mean()) for own in change[others]),
        tuple(float(own.mean()) for own in correct[others]),
    )


def _mean(per_prompt: Floats) -> Estimate:
    return Estimate(float(per_prompt.mean()), t_interval(per_prompt).item())
