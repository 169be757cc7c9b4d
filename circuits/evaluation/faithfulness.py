"""How well a circuit explains the behavior: its metric with everything outside it corrupted.

Faithfulness f(C) = (m(C) - m(corrupt)) / (m(clean) - m(corrupt)), of means over prompts: 1 for the whole model, 0 for
the empty circuit. CPR and CMD are areas of the curve of f over budgets (MIB benchmark, circuit-localization track).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.ablations import Ablation, Corrupt
from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Wiring
from circuits.data.prompts import PromptSet
from circuits.evaluation.circuit_work import Sizes, parts_of_stack, with_edges, work_of
from circuits.intervals import Estimate, Interval, ratio_t_interval
from circuits.masks import distinct, pruned
from circuits.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


_CORRUPT = Corrupt()
# A gap this small, relative to the metric's size, is rounding: no share of it can be explained.
SMALLEST_GAP = 1e-6
_MOST_BYTES = 2**31  # of recorded runs that are kept
_VALUES_PER_STREAM = 8  # that a run keeps of a layer, in streams of d_model
# Largest intermediates that the batches run together may take: products of more tokens cost less per token, and a last
# batch that runs alone costs most.
_INTERMEDIATES_AT_ONCE = 2
# And so many sequences: products are large enough then, and what is left can go to other threads.
_SEQUENCES_AT_ONCE = 256


@dataclass(frozen=True)
class Baseline:
    """The metric without any intervention.

    clean, ablated  [prompt] of the clean run, and of the model with every part ablated (for `corrupt`, the corrupt run)
    is_correct      [prompt] whether an answer is above every wrong answer on the clean prompt; where a prompt has no
                    wrong answers, above all other tokens. None where the model predicts a single number
    is_top1         [prompt] whether an answer is above all other tokens of the vocabulary; None likewise
    """

    clean: Floats
    ablated: Floats
    is_correct: Bools | None
    is_top1: Bools | None = None

    @property
    def accuracy(self) -> float | None:
        return None if self.is_correct is None else float(self.is_correct.mean())

    @property
    def top1(self) -> float | None:
        """Accuracy over the whole vocabulary, which asks for more than the task: that nothing else is said."""
        return None if self.is_top1 is None else float(self.is_top1.mean())

    def followed_by(self, other: Baseline) -> Baseline:
        """The prompts of both, these first."""

        def joined(first: Bools | None, second: Bools | None) -> Bools | None:
            return None if first is None or second is None else np.concatenate([first, second])

        return Baseline(
            np.concatenate([self.clean, other.clean]),
            np.concatenate([self.ablated, other.ablated]),
            joined(self.is_correct, other.is_correct),
            joined(self.is_top1, other.is_top1),
        )

    @property
    def gap(self) -> float:
        """Mean clean minus mean corrupt metric: what there is to explain."""
        return float(self.clean.mean() - self.ablated.mean())

    @property
    def has_gap(self) -> bool:
        """Whether clean and corrupt differ in the metric, beyond rounding."""
        size = max(float(np.abs(self.clean).mean()), float(np.abs(self.ablated).mean()), 1e-12)
        return abs(self.gap) > SMALLEST_GAP * size


class Faithfulness(NamedTuple):
    """Share of the gap between corrupt and clean that a circuit keeps, with its 95 % interval over prompts.

    Both are None where the gap is zero: then there is nothing to explain. The interval is unbounded for one prompt, and
    where the gap's own interval includes 0.
    """

    mean: float | None
    interval: Interval[float] | None


def measure_baseline(model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = _CORRUPT) -> Baseline:
    """Metric of the clean prompts and of the ablated model, and accuracy on the clean ones. Two forward passes."""
    from circuits.model.answers import answered_in

    _check(model, prompts, metric)
    clean, ablated = np.zeros(len(prompts)), np.zeros(len(prompts))
    is_correct, is_top1 = np.zeros((2, len(prompts)), dtype=np.bool_)
    forward = model.forward

    def measure(group: Sequence[Pair]) -> None:
        (pair,) = group
        batch, prompt_indices = pair.batch, _indices(pair)
        clean[prompt_indices] = pair.metric_of(forward, pair.clean).cpu().numpy()
        ablated[prompt_indices] = pair.metric_of(forward, pair.ablated).cpu().numpy()
        final = forward.at_rows(pair.clean.residual[-1], batch.read_positions, batch.start)
        judged = answered_in(forward, batch, final)
        is_correct[prompt_indices], is_top1[prompt_indices] = judged.is_correct.numpy(), judged.is_top1.numpy()

    on_every_pair(model, prompts, metric, ablation, measure)
    return Baseline(clean, ablated, *((is_correct, is_top1) if model.n_outputs > 1 else (None, None)))


def circuit_values(
    model: Model,
    prompts: PromptSet,
    circuits: Bools,
    *,
    metric: Metric,
    ablation: Ablation = _CORRUPT,
    pairs: Sequence[Pair] | None = None,
    resumes: bool = False,
) -> Floats:
    """The metric [circuit, prompt] when only a circuit's edges carry clean values and all others ablated ones.

    circuits  [circuit, edge] in wiring order
    pairs     the clean and ablated runs of these prompts, where they are recorded already (`recorded_pairs`, which has
              checked the prompts and the weights)
    resumes   run circuits that agree in their first layers once up to where they differ, as circuits do that lack
              this or that component of one; others are run faster without

    Every reader gets the ablated residual stream plus, along the circuit's edges, how far each source is now from its
    ablated value. Circuits are stacked on the batch axis over one clean and one ablated pass, those of one size
    together; equal ones are run once, and the whole model not again. Cost per circuit: one forward pass at most, less
    where few readers have an edge, and only the later layers where it is resumed; memory of one [prompt, writer,
    position, d_model] tensor, and with `resumes` of up to four more.
    """
    from circuits.effects.circuit_runs import metrics_with_edges
    from circuits.effects.shared_starts import RunFrom, run_from_first_difference
    from circuits.effects.shifts import Space
    from circuits.model.steps import Steps, is_watched

    model.require("edges", "faithfulness")
    if pairs is None:
        _check(model, prompts, metric)
    wiring, forward = model.wiring, model.forward
    circuits = _over(circuits, wiring.n_edges, "edges", model)
    different, number_of = distinct(_to_run(wiring, circuits, ablation, resumes=resumes))
    order = np.argsort(different.sum(axis=1), kind="stable")
    incomplete = order[~different[order].all(axis=1)]
    stages, weigh = _edge_stages(wiring), _Weigh.of(model, different, ablation)
    values = np.zeros((len(different), len(prompts)))

    def each(run: RunFrom[list[Tensor]]) -> None:
        if resumes:
            run_from_first_difference(different[incomplete], [start.first_edge for start in stages], run)
        else:
            run(np.arange(len(incomplete)), 0, None, False)

    def measure(group: Sequence[Pair]) -> None:
        for pair in group:
            values[:, _indices(pair)] = pair.metric_of(forward, pair.clean).cpu().numpy()
        per_writer = sum(_n_written(model, pair) for pair in group) // len(wiring.writers)

        def stacks(rows: Numbers, start: _Stage) -> Iterator[tuple[Numbers, float]]:
            """The circuits that are run side by side, and what they weigh."""
            # What is held of a circuit: the writers that run, or what the readers of a layer see, if that is more.
            n_held = max(len(wiring.writers) - start.n_known, wiring.readers_per_layer)
            size = max(1, forward.numbers_at_once // (per_writer * n_held))
            for first in range(0, len(rows), size):
                chosen = incomplete[rows[first : first + size]]
                yield chosen, weigh(chosen, start)

        total = 0.0

        def add(rows: Numbers, stage: int, known: list[Tensor] | None, is_recorded: bool) -> None:
            nonlocal total
            total += sum(weight for _, weight in stacks(rows, stages[stage]))

        if is_watched():
            each(add)
        space, told = Space(), Steps(total)

        def run(rows: Numbers, stage: int, known: list[Tensor] | None, is_recorded: bool) -> list[Tensor] | None:
            start = stages[stage]
            recorded: list[Tensor] = []
            for chosen, weight in stacks(rows, start):
                told.enter(weight, chosen[0])
                metrics = metrics_with_edges(
                    model,
                    group,
                    _on_device(different[chosen], model),
                    first_layer=start.layer,
                    heads_are_whole=start.heads_are_whole,
                    known=known,
                    record=recorded.append if is_recorded else None,
                    space=space,
                )
                for pair, of_pair in zip(group, metrics, strict=True):
                    values[np.ix_(chosen, _indices(pair))] = of_pair.cpu().numpy()
                told.leave(weight)
            return recorded if is_recorded else None

        each(run)

    groups = None if pairs is None else _groups(model, pairs)
    on_every_pair(model, prompts, metric, ablation, measure, groups, at_once=_at_once(model, prompts))
    return values[number_of]


def _to_run(wiring: Wiring, circuits: Bools, ablation: Ablation, *, resumes: bool) -> Bools:
    """The circuits [circuit, edge] without dead ends, which cost runs of heads and MLPs; where the ablated values are a
    run, they change nothing.

    resumes  only without those that are dead ends in all circuits together. Others stay: a component that is knocked
             out makes dead ends in the layers before it, where the circuits would differ then.
    """
    if not ablation.is_run:
        return circuits
    return circuits & pruned(wiring, np.logical_or.reduce(circuits)) if resumes else pruned(wiring, circuits)


def _indices(pair: Pair) -> Numbers:
    return np.asarray(pair.batch.prompt_indices)


def _n_written(model: Model, pair: Pair) -> int:
    """How many numbers the outputs of all writers in a circuit's run are."""
    batch = pair.batch
    n_tokens = batch.n_sequences * (batch.n_positions - batch.start)
    return len(model.wiring.writers) * n_tokens * model.forward.weight_u.shape[1]


def _groups(model: Model, pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Recorded batches in groups that may be run at once."""
    groups: list[list[Pair]] = []
    left = n_left = 0
    for pair in pairs:
        needed, n_needed = _n_written(model, pair), pair.batch.n_sequences
        if not groups or needed > left or n_needed > n_left:
            groups.append([])
            left, n_left = _INTERMEDIATES_AT_ONCE * model.forward.numbers_at_once, _SEQUENCES_AT_ONCE
        groups[-1].append(pair)
        left -= needed
        n_left -= n_needed
    return groups


class _Stage(NamedTuple):
    """Where a circuit can be resumed.

    layer, heads_are_whole  the layer, and whether its heads were run
    n_known                 number of writers that were run
    first_edge              number of the first edge that is read from here on
    """

    layer: int
    heads_are_whole: bool
    n_known: int
    first_edge: int


@dataclass(frozen=True)
class _Weigh:
    """How much running some circuits takes, of those that are run on the same prompts.

    has_edges  [circuit, reader] whether a reader is run for a circuit
    """

    wiring: Wiring
    sizes: Sizes
    has_edges: Bools

    @classmethod
    def of(cls, model: Model, circuits: Bools, ablation: Ablation) -> _Weigh:
        """Of circuits [circuit, edge]. Where the ablated values are no run, readers without an edge are run as well."""
        has_edges = with_edges(model.wiring, circuits)
        return cls(model.wiring, sizes_of(model), has_edges if ablation.is_run else np.ones_like(has_edges))

    def __call__(self, chosen: Numbers, start: _Stage) -> float:
        """Those that are run side by side, from a stage on, in multiply-adds for one token."""
        has_edges = self.has_edges[chosen]
        n_known = start.layer * self.wiring.readers_per_layer
        if start.heads_are_whole:
            n_known += self.wiring.readers_per_layer - 1
        has_edges[:, :n_known] = False
        return len(chosen) * work_of(self.sizes, parts_of_stack(self.wiring, has_edges))


def work_of_each(model: Model, circuits: Bools, ablation: Ablation) -> float:
    """Multiply-adds for one token that circuits [circuit, edge] take together, each run by itself."""
    weigh, whole = _Weigh.of(model, circuits, ablation), _edge_stages(model.wiring)[0]
    return sum(weigh(np.array([number]), whole) for number in range(len(circuits)))


def sizes_of(model: Model) -> Sizes:
    """What decides how much running a part of a model takes."""
    forward = model.forward
    layer = forward.layers[0]
    return Sizes(forward.weight_u.shape[1], layer.d_head, 0 if layer.mlp is None else layer.mlp.n_weights)


def _edge_stages(wiring: Wiring) -> list[_Stage]:
    """The heads and the MLP of every layer, the logits, and the end."""
    stages, offsets = [], wiring.edge_offsets
    for layer in range(wiring.n_layers):
        reader, n_known = layer * wiring.readers_per_layer, 1 + layer * wiring.writers_per_layer
        stages.append(_Stage(layer, False, n_known, offsets[reader]))
        if wiring.has_mlps:
            mlp = reader + wiring.readers_per_layer - 1
            stages.append(_Stage(layer, True, n_known + wiring.n_heads, offsets[mlp]))
    last = _Stage(wiring.n_layers, False, len(wiring.writers), offsets[-2])
    return [*stages, last, last._replace(first_edge=offsets[-1])]


def component_circuit_values(
    model: Model,
    prompts: PromptSet,
    circuits: Bools,
    *,
    metric: Metric,
    ablation: Ablation = _CORRUPT,
    pairs: Sequence[Pair] | None = None,
) -> Floats:
    """The metric [circuit, prompt] when only a circuit's components keep their outputs and all others are ablated.

    circuits  [circuit, writer] in the order of `wiring.writers`; without `input`, the ablated embedding is read
    pairs     as in `circuit_values`

    Components see all of the stream, so edges play no part, and models that refuse edges are evaluated too. Equal
    circuits are run once, and one that agrees with another in its first layers is resumed where they differ. Cost
    per circuit: one forward pass at most, from the first difference on.
    """
    from circuits.effects.component_runs import metric_with_components
    from circuits.effects.shared_starts import run_from_first_difference
    from circuits.model.steps import Steps

    if pairs is None:
        _check(model, prompts, metric)
    wiring, forward = model.wiring, model.forward
    circuits = _over(circuits, len(wiring.writers), "components", model)
    different, number_of = distinct(circuits)
    # The input belongs to the first layer.
    offsets = [0, *(1 + layer * wiring.writers_per_layer for layer in range(1, wiring.n_layers)), circuits.shape[1]]
    values = np.zeros((len(different), len(prompts)))

    def measure(group: Sequence[Pair]) -> None:
        (pair,) = group
        batch, told = pair.batch, Steps(len(different))

        def run(rows: Numbers, layer: int, entering: list[Tensor] | None, is_recorded: bool) -> list[Tensor] | None:
            recorded = [] if entering is None else entering[:layer]
            for part in forward.chunks(len(rows), batch.n_sequences, batch.n_positions - batch.start):
                told.enter(len(rows[part]), rows[part][0])
                metrics = metric_with_components(
                    model,
                    pair,
                    _on_device(different[rows[part]], model),
                    first_layer=layer,
                    entering=None if entering is None else entering[layer],
                    record=recorded.append if is_recorded else None,
                )
                values[np.ix_(rows[part], _indices(pair))] = metrics.cpu().numpy()
                told.leave(len(rows[part]))
            return recorded if is_recorded else None

        run_from_first_difference(different, offsets, run)

    on_every_pair(model, prompts, metric, ablation, measure, None if pairs is None else [[pair] for pair in pairs])
    return values[number_of]


def recorded_pairs(
    model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = _CORRUPT
) -> list[Pair] | None:
    """The clean and ablated runs of all prompts, to run circuits on again and again; None where they would take more
    than about 2 GB, and are better run anew. Two forward passes.
    """
    from circuits.effects.paired_runs import every_pair

    _check(model, prompts, metric)
    streams = 2 * _VALUES_PER_STREAM * model.wiring.n_layers * model.forward.weight_u.shape[1]
    if 4 * streams * prompts.n_tokens > _MOST_BYTES:
        return None
    return every_pair(model, prompts, metric, ablation, at_once=_at_once(model, prompts))


def _at_once(model: Model, prompts: PromptSet) -> int:
    return model.forward.prompts_with_writers_at_once(prompts.n_positions)


def _check(model: Model, prompts: PromptSet, metric: Metric) -> None:
    metric.check(prompts)
    model.check_prompts(prompts)


def _over(circuits: Bools, n: int, parts: str, model: Model) -> Bools:
    """The circuits [circuit, part]; ValueError unless there are `n` parts."""
    circuits = np.atleast_2d(circuits)
    if circuits.shape[1] != n:
        raise ValueError(f"a circuit is given over {circuits.shape[1]} {parts}; {model.name!r} has {n}.")
    return circuits


def _on_device(circuits: Bools, model: Model) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(circuits)).to(model.forward.device)


def on_every_pair(
    model: Model,
    prompts: PromptSet,
    metric: Metric,
    ablation: Ablation,
    work: Callable[[Sequence[Pair]], None],
    groups: Sequence[Sequence[Pair]] | None = None,
    *,
    at_once: int = 64,
) -> None:
    """`work` on the runs of every batch of the prompts, without gradients: on groups of recorded ones, which may come
    side by side, or one by one.

    Recorded runs that leave too little memory for the work are passed over, and made anew in smaller batches.
    """
    import torch

    from circuits.effects.paired_runs import each_pair
    from circuits.model.batches import fits
    from circuits.model.side_by_side import side_by_side

    def is_done(group: Sequence[Pair]) -> bool:
        # Threads have a setting each.
        with torch.no_grad():
            return fits(partial(work, group))

    with torch.no_grad():
        if groups is None or not side_by_side(is_done, groups):
            each_pair(model, prompts, metric, ablation, lambda pair: work([pair]), at_once=at_once)


def faithfulness(values: Floats, baseline: Baseline, *, level: float = 0.95) -> Faithfulness:
    """Share of the clean-corrupt gap that a circuit keeps, as a ratio of means, with its t interval over prompts.

    values  [prompt] the circuit's metric
    """
    share = share_of_gap(values - baseline.ablated, baseline, level=level)
    return Faithfulness(None, None) if share is None else Faithfulness(*share)


def share_of_gap(kept: Floats, baseline: Baseline, *, level: float = 0.95) -> Estimate | None:
    """Mean of `kept` [prompt] over the mean gap, with its t interval; None where there is no gap.

    The gap keeps its sign, so that the whole model keeps 1 whichever way the metric points.
    """
    if not baseline.has_gap:
        return None
    interval = ratio_t_interval(kept, baseline.clean - baseline.ablated, level=level)
    return Estimate(float(kept.mean() / baseline.gap), interval.item())
