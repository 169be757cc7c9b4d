"""Judge a circuit: is it complete, is each of its parts needed, is it better than chance, does it stay the same?

F is the mean of the metric over prompts, M the whole model, C the circuit, C\\K the circuit without components K. To
knock a component out is to remove its outgoing edges, so that its readers see its ablated value.

    faithfulness   |F(M) - F(C)|                              0 is best
    completeness   |F(C\\K) - F(M\\K)| for sets K              0 is best: whatever M uses, C has
    minimality     max over K of |F(C\\(K+v)) - F(C\\K)|       for each component v; 0 is a component without use

Source: Wang et al. 2022 (IOI), sections 4 and 5. Random circuits follow their appendix in spirit, not in detail:
they have as many edges as C after dead ends are dropped (`circuits.masks.random_circuits`).

A circuit is a mask over *parts*: the model's edges, or its components where the model refuses edges
(`CircuitRunner.parts`). Sets K come from `circuits.evaluation.knockouts`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from circuits.ablations import Ablation, Corrupt
from circuits.arrays import Bools, Floats
from circuits.cached import cached_property
from circuits.data.prompts import PromptSet
from circuits.evaluation.budgets import BUDGETS
from circuits.evaluation.faithfulness import (
    SMALLEST_GAP,
    Baseline,
    circuit_values,
    component_circuit_values,
    recorded_pairs,
    share_of_gap,
    work_of_each,
)
from circuits.evaluation.first_order import component_removal_effects, removal_effects
from circuits.evaluation.knockouts import Knockouts, KnockoutValues
from circuits.intervals import Estimate, Interval, bootstrap, drawn_counts, excludes_zero, t_interval
from circuits.masks import Parts, distinct, edge_sources, pruned, without_unreached
from circuits.metrics import Metric
from circuits.model.lengths import RECORDING, TOKENS_PER_PASS, Extent, tokens_run
from circuits.model.room import PROMPTS_AT_ONCE
from circuits.model.steps import Steps, kept, steps, whole

if TYPE_CHECKING:
    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

_CORRUPT = Corrupt()


@dataclass(frozen=True)
class CircuitRunner:
    """A model, prompts, a metric and an ablation: where circuits are run.

    The clean and the ablated runs of the prompts are recorded once, where they fit into memory.
    """

    model: Model
    prompts: PromptSet
    metric: Metric
    ablation: Ablation = _CORRUPT

    @property
    def level(self) -> Literal["edges", "components"]:
        """What circuits are made of: components where the model refuses edges."""
        return "components" if "edges" in self.model.refusals else "edges"

    @cached_property
    def _pairs(self) -> list[Pair] | None:
        return recorded_pairs(self.model, self.prompts, metric=self.metric, ablation=self.ablation)

    def record(self) -> None:
        """Record the runs now, which the first circuits need; it takes about `recording` passes."""
        _ = self._pairs

    @property
    def parts(self) -> Parts:
        make = Parts.edges if self.level == "edges" else Parts.components
        return make(self.model.wiring)

    def circuit(self, edges: Bools) -> Bools:
        """A circuit of edges as a mask over parts: itself, or the components that its edges start from."""
        if self.level == "edges":
            return edges
        sources = edge_sources(self.model.wiring)
        return np.bincount(sources, weights=edges, minlength=len(self.model.wiring.writers)) > 0

    def values(self, circuits: Bools) -> Floats:
        """The metric [circuit, prompt]. Circuits that differ only by dead ends are run once."""
        if self.level == "components":
            return self._of_each(circuits, circuit_values, component_circuit_values, len(self.prompts))
        different, number_of = distinct(pruned(self.model.wiring, circuits))
        _, first = np.unique(number_of, return_index=True)
        # Other dead ends stay: without them, circuits differ from layers on in which nothing was knocked out.
        different = without_unreached(self.model.wiring, circuits[first])
        of_edges = partial(circuit_values, resumes=True)
        return self._of_each(different, of_edges, component_circuit_values, len(self.prompts))[number_of]

    def all_values(self, circuits: Bools) -> Floats:
        """`values` of all circuits that a job runs: how many have run is how much of the job is done."""
        with whole():
            return self.values(circuits)

    def weight(self, circuits: Bools) -> float:
        """About how many forward passes of the prompts it takes to run circuits of edges [circuit, edge], each by
        itself and without the recorded runs; of components [circuit, writer] a pass each."""
        of_runs = len(circuits) * TOKENS_PER_PASS / self._n_run
        if circuits.shape[1] != self.model.wiring.n_edges:
            return len(circuits) + of_runs
        a_pass = sum(layer.n_weights for layer in self.model.forward.layers)
        return work_of_each(self.model, circuits, self.ablation) / a_pass + of_runs

    @cached_property
    def recording(self) -> float:
        """About how many of the same forward passes the recorded runs take."""
        n_tokens = sum(prompt.n_positions for prompt in self.prompts.prompts)
        return RECORDING * (n_tokens + TOKENS_PER_PASS) / self._n_run

    @cached_property
    def _n_run(self) -> int:
        """Tokens of all prompts that circuits are run on: those from the first on in which clean and corrupt differ."""
        every = self.prompts.prompts
        starts = (min(prompt.first_difference, prompt.answer_position) for prompt in every)
        extents = (Extent(prompt.n_positions, start) for prompt, start in zip(every, starts, strict=True))
        return tokens_run(tuple(extents), PROMPTS_AT_ONCE)

    def removal_effects(self, circuits: Bools) -> Floats:
        """How much the mean metric falls [circuit, writer] without a component, to first order."""
        if self.level == "edges":
            circuits = without_unreached(self.model.wiring, circuits)
        return self._of_each(circuits, removal_effects, component_removal_effects, self.parts.n_writers)

    def _of_each(
        self, circuits: Bools, of_edges: Callable[..., Floats], of_components: Callable[..., Floats], width: int
    ) -> Floats:
        """[circuit, width] what one of two functions gives for each circuit.

        Where every component has all its edges or none, as in M\\K, the model's own forward pass with some outputs
        ablated gives the same as the edges do, and is cheaper.
        """
        writers, is_of_components = self.parts.as_writers(circuits)
        results = np.zeros((len(circuits), width))
        sorts = ((is_of_components, of_components, writers), (~is_of_components, of_edges, circuits))
        for chosen, run, masks in steps(sorts, [self.weight(masks[chosen]) for chosen, _, masks in sorts]):
            if chosen.any():
                results[chosen] = kept(partial(self._measured, run, masks[chosen]))
        return results

    def _measured(self, run: Callable[..., Floats], circuits: Bools) -> Floats:
        of_all = {"metric": self.metric, "ablation": self.ablation}
        recording, running = 0.0 if "_pairs" in vars(self) else self.recording, self.weight(circuits)
        loop = Steps(recording + running)
        loop.enter(recording, "recording")
        pairs = self._pairs
        loop.leave(recording)
        loop.enter(running, "running")
        values = run(self.model, self.prompts, circuits, **of_all, pairs=pairs)
        loop.leave(running)
        return values


class EffectEstimate(NamedTuple):
    """A number in the metric's units, and as a share of the gap |clean - corrupt|; None where there is no gap."""

    in_metric: Estimate
    of_gap: Estimate | None


Statistic = Callable[[Floats], Floats]
"""From means over prompts [resample, ...] to one number per resample."""


def judge(differences: Floats, statistic: Statistic, baseline: Baseline) -> EffectEstimate:
    """A statistic of means over prompts, with bootstrap intervals; its share of the gap is a ratio of means.

    differences  [..., prompt] metric of one circuit minus that of another, prompt by prompt

    Statistics here take absolute values of several means, so intervals of something that is zero lie above it; and a
    maximum over circuits is resampled as a maximum. A share's interval is unbounded where that of `share_of_gap` is.
    """
    n_prompts, gaps = differences.shape[-1], baseline.clean - baseline.ablated
    smallest = SMALLEST_GAP * max(float(np.abs(baseline.clean).mean()), float(np.abs(baseline.ablated).mean()))

    def resampled(counts: Floats) -> Floats:
        """[resample, 2] the statistic, and its share of the gap of the same prompts."""
        values = statistic(np.moveaxis(differences @ counts.T, -1, 0) / n_prompts)
        size = np.abs(counts @ gaps) / n_prompts
        return np.stack([values, values / np.where(size > smallest, size, np.nan)], axis=1)

    value, interval = float(statistic(differences.mean(axis=-1)[None])[0]), bootstrap(resampled, n_prompts)
    in_metric = Estimate(value, interval.item(0))
    if not baseline.has_gap:
        return EffectEstimate(in_metric, None)
    of_gap = interval.item(1) if excludes_zero(gaps) else Interval(-np.inf, np.inf)
    return EffectEstimate(in_metric, Estimate(value / abs(baseline.gap), of_gap))


def distance(values: Floats, baseline: Baseline) -> EffectEstimate:
    """|F(M) - F(C)|, from values [prompt] of the circuit, with t intervals: of a difference, then without its sign."""
    differences = baseline.clean - values
    in_metric = Estimate(abs(float(differences.mean())), t_interval(differences).item().magnitude())
    share = share_of_gap(differences, baseline)
    of_gap = None if share is None else Estimate(abs(share.value), share.interval.magnitude())
    return EffectEstimate(in_metric, of_gap)


def mean_incompleteness(values: KnockoutValues, knockouts: Knockouts, baseline: Baseline) -> EffectEstimate:
    """Mean of |F(C\\K) - F(M\\K)| over the sampled sets."""
    n = len(knockouts.sampled)
    return judge(values.circuit[:n] - values.model[:n], lambda means: np.abs(means).mean(axis=-1), baseline)


def worst_incompleteness(
    values: KnockoutValues, knockouts: Knockouts, baseline: Baseline
) -> tuple[EffectEstimate, Bools]:
    """Largest |F(C\\K) - F(M\\K)| over the greedily grown sets, and that set [writer]."""
    gaps = (values.circuit - values.model)[len(knockouts.sampled) :]
    worst = int(np.abs(gaps.mean(axis=1)).argmax())
    return judge(gaps, lambda means: np.abs(means).max(axis=-1), baseline), knockouts.greedy[worst]


def component_uses(values: KnockoutValues, baseline: Baseline) -> list[EffectEstimate]:
    """For each component v the larger |F(C\\(K+v)) - F(C\\K)| of K empty and K searched for."""
    return [judge(effects, lambda means: np.abs(means).max(axis=-1), baseline) for effects in _uses(values)]


def smallest_use(values: KnockoutValues, baseline: Baseline) -> EffectEstimate:
    """Minimality of the circuit: the use of its least useful component."""
    return judge(_uses(values), lambda means: np.abs(means).max(axis=-1).min(axis=-1), baseline)


def _uses(values: KnockoutValues) -> Floats:
    return values.telling[:, :, 0] - values.telling[:, :, 1]


def cpr_estimate(signed: Floats, baseline: Baseline) -> Estimate | None:
    """CPR with its t interval, from values [budget, prompt] of circuits ranked by signed score.

    The area under a curve of ratios with one denominator is itself a ratio of means.
    """
    return share_of_gap(_area((signed - baseline.ablated).T), baseline)


def cmd_estimate(absolute: Floats, baseline: Baseline) -> Estimate | None:
    """CMD with its bootstrap interval, from values [budget, prompt] of circuits ranked by magnitude."""
    return judge(baseline.clean - absolute, lambda means: _area(np.abs(means)), baseline).of_gap


def _area(heights: Floats) -> Floats:
    """Area over the budgets of [..., budget]."""
    return np.asarray(np.trapezoid(heights, BUDGETS, axis=-1))


class AgainstRandom(NamedTuple):
    """A circuit compared with random ones of its size.

    kept      mean faithfulness of the random circuits, (F - corrupt) / (clean - corrupt); None without a gap
    distance  mean |F(M) - F(R)| of the random circuits, with a bootstrap interval
    p_value   share of circuits at least as faithful, |F(M) - F(R)| <= |F(M) - F(C)|, C itself counted among them
    """

    kept: Estimate | None
    distance: EffectEstimate
    p_value: float


def against_random(random: Floats, values: Floats, baseline: Baseline) -> AgainstRandom:
    """Compare values [prompt] of a circuit with values [random circuit, prompt]."""
    away = np.abs((baseline.clean - random).mean(axis=1))
    n_as_good = int(np.count_nonzero(away <= abs(float((baseline.clean - values).mean()))))
    kept = share_of_gap(random.mean(axis=0) - baseline.ablated, baseline)
    mean_distance = judge(baseline.clean - random, lambda means: np.abs(means).mean(axis=-1), baseline)
    return AgainstRandom(kept, mean_distance, (1 + n_as_good) / (1 + len(random)))


def bootstrap_circuits(per_prompt: Floats, *, n: int, absolute: bool, resamples: int, seed: int = 0) -> Bools:
    """[resample, part] the top `n` parts of each bootstrap resample of the prompts; ties in the order of the parts.

    per_prompt  [prompt, part] scores
    absolute    rank by |mean| or by the signed mean
    """
    n_prompts = len(per_prompt)
    means = drawn_counts(n_prompts, resamples=resamples, seed=seed) @ per_prompt.astype(np.float64) / n_prompts
    strength = np.abs(means) if absolute else means
    chosen = np.zeros(means.shape, dtype=np.bool_)
    np.put_along_axis(chosen, np.argsort(-strength, axis=1, kind="stable")[:, :n], True, axis=1)
    return chosen


def mean_jaccard(circuits: Bools) -> float:
    """Mean over all pairs of circuits [circuit, part] of |A and B| / |A or B|; two empty circuits agree wholly."""
    from scipy.sparse import csr_array

    if len(circuits) < 2:
        raise ValueError(f"{len(circuits)} circuits make no pair: resample at least twice.")
    members: Any = csr_array(circuits, dtype=np.int64)
    shared = (members @ members.T).toarray()
    first, second = np.triu_indices(len(circuits), k=1)
    sizes = circuits.sum(axis=1)
    union = sizes[first] + sizes[second] - shared[first, second]
    return float(np.where(union == 0, 1.0, shared[first, second] / np.maximum(union, 1)).mean())


def stability(per_prompt: Floats, *, n: int, absolute: bool, resamples: int = 100, seed: int = 0) -> float | None:
    """Mean pairwise Jaccard overlap of the top-`n` circuits of bootstrap resamples of the prompts. No model run.

    None where all prompts have the same scores, as those of a learned mask do: resampling says nothing then.
    """
    if (per_prompt == per_prompt[0]).all():
        return None
    return mean_jaccard(bootstrap_circuits(per_prompt, n=n, absolute=absolute, resamples=resamples, seed=seed))
