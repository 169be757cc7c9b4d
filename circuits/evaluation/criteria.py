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
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from circuits.ablations import Ablation, Corrupt
from circuits.arrays import Bools, Floats
from circuits.data.prompts import PromptSet
from circuits.evaluation.budgets import BUDGETS
from circuits.evaluation.faithfulness import (
    SMALLEST_GAP,
    Baseline,
    circuit_values,
    component_circuit_values,
    faithfulness,
)
from circuits.evaluation.knockouts import Knockouts, KnockoutValues
from circuits.masks import Parts, edge_sources, pruned
from circuits.metrics import Metric

if TYPE_CHECKING:
    from circuits.model.load import Model

_CORRUPT = Corrupt()
# Bootstrap resamples of the prompts for an interval, and the ends of the 95 % interval.
_RESAMPLES = 2000
_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class CircuitRunner:
    """A model, prompts, a metric and an ablation: where circuits are run."""

    model: Model
    prompts: PromptSet
    metric: Metric
    ablation: Ablation = _CORRUPT

    @property
    def level(self) -> Literal["edges", "components"]:
        """What circuits are made of: components where the model refuses edges."""
        return "components" if "edges" in self.model.refusals else "edges"

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
        if self.level == "edges":
            circuits = pruned(self.model.wiring, circuits)
        packed = np.packbits(circuits, axis=1)
        _, first, number = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        run = circuit_values if self.level == "edges" else component_circuit_values
        values = run(self.model, self.prompts, circuits[first], metric=self.metric, ablation=self.ablation)
        return values[number.reshape(-1)]


class Estimate(NamedTuple):
    """A number and its 95 % bootstrap interval over prompts."""

    value: float
    low: float
    high: float


class EffectEstimate(NamedTuple):
    """A number in the metric's units, and as a share of the gap |clean - corrupt|; None where there is no gap."""

    in_metric: Estimate
    of_gap: Estimate | None


Statistic = Callable[[Floats], Floats]
"""From means over prompts [resample, ...] to one number per resample."""


def judge(differences: Floats, statistic: Statistic, baseline: Baseline) -> EffectEstimate:
    """A statistic of means over prompts, with bootstrap intervals; its share of the gap is a ratio of means.

    differences  [..., prompt] metric of one circuit minus that of another, prompt by prompt

    Statistics here take absolute values, so intervals of something that is zero lie above it; and a maximum over
    circuits is resampled as a maximum.
    """
    value, resampled = _resampled(differences, statistic)
    in_metric = Estimate(value, *map(float, np.quantile(resampled, _TAILS)))
    return EffectEstimate(in_metric, _of_gap(value, resampled, baseline, np.abs))


def share_kept(values: Floats, statistic: Statistic, baseline: Baseline) -> Estimate | None:
    """A linear statistic of (F - corrupt) / (clean - corrupt), of values [..., prompt]; None where there is no gap.

    Unlike in `judge`, the gap keeps its sign, so that the whole model keeps 1 whichever way the metric points.
    """
    value, resampled = _resampled(values - baseline.ablated, statistic)
    return _of_gap(value, resampled, baseline, np.asarray)


def _shares_of_prompts(n_prompts: int) -> Floats:
    """[resample, prompt] each prompt's share of each bootstrap resample; the same draws for every statistic."""
    even = np.full(n_prompts, 1 / n_prompts)
    return np.random.default_rng(0).multinomial(n_prompts, even, size=_RESAMPLES) / n_prompts


def _resampled(differences: Floats, statistic: Statistic) -> tuple[float, Floats]:
    """The statistic of the means over all prompts, and [resample] over resampled ones."""
    means = np.moveaxis(differences @ _shares_of_prompts(differences.shape[-1]).T, -1, 0)
    return float(statistic(differences.mean(axis=-1)[None])[0]), statistic(means)


def _of_gap(
    value: float, resampled: Floats, baseline: Baseline, size_of: Callable[[Floats], Floats]
) -> Estimate | None:
    """Ratio of a number to the (resampled) gap; None where there is none. Resamples without a gap are left out."""
    if not has_gap(baseline):
        return None
    gaps = size_of(_shares_of_prompts(len(baseline.clean)) @ (baseline.clean - baseline.ablated))
    size = max(float(np.abs(baseline.clean).mean()), float(np.abs(baseline.ablated).mean()))
    usable = np.abs(gaps) > SMALLEST_GAP * size
    low, high = np.quantile(resampled[usable] / gaps[usable], _TAILS)
    return Estimate(value / float(size_of(np.asarray(baseline.gap))), float(low), float(high))


def has_gap(baseline: Baseline) -> bool:
    """Whether clean and corrupt differ in the metric, beyond rounding."""
    return faithfulness(baseline.clean, baseline, resamples=1).mean is not None


def distance(values: Floats, baseline: Baseline) -> EffectEstimate:
    """|F(M) - F(C)|, from values [prompt] of the circuit."""
    return judge(baseline.clean - values, np.abs, baseline)


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
    """CPR with its interval, from values [budget, prompt] of circuits ranked by signed score."""
    return share_kept(signed, _area, baseline)


def cmd_estimate(absolute: Floats, baseline: Baseline) -> Estimate | None:
    """CMD with its interval, from values [budget, prompt] of circuits ranked by magnitude."""
    return judge(baseline.clean - absolute, lambda means: _area(np.abs(means)), baseline).of_gap


def _area(heights: Floats) -> Floats:
    """Area over the budgets of [..., budget]."""
    return np.asarray(np.trapezoid(heights, BUDGETS, axis=-1))


class AgainstRandom(NamedTuple):
    """A circuit compared with random ones of its size.

    kept      mean faithfulness of the random circuits, (F - corrupt) / (clean - corrupt); None without a gap
    distance  mean |F(M) - F(R)| of the random circuits
    p_value   share of circuits at least as faithful, |F(M) - F(R)| <= |F(M) - F(C)|, C itself counted among them
    """

    kept: Estimate | None
    distance: EffectEstimate
    p_value: float


def against_random(random: Floats, values: Floats, baseline: Baseline) -> AgainstRandom:
    """Compare values [prompt] of a circuit with values [random circuit, prompt]."""
    away = np.abs((baseline.clean - random).mean(axis=1))
    n_as_good = int(np.count_nonzero(away <= abs(float((baseline.clean - values).mean()))))
    kept = share_kept(random, lambda means: means.mean(axis=-1), baseline)
    mean_distance = judge(baseline.clean - random, lambda means: np.abs(means).mean(axis=-1), baseline)
    return AgainstRandom(kept, mean_distance, (1 + n_as_good) / (1 + len(random)))


def bootstrap_circuits(per_prompt: Floats, *, n: int, absolute: bool, resamples: int, seed: int = 0) -> Bools:
    """[resample, part] the top `n` parts of each bootstrap resample of the prompts; ties in the order of the parts.

    per_prompt  [prompt, part] scores
    absolute    rank by |mean| or by the signed mean
    """
    n_prompts = len(per_prompt)
    counts = np.random.default_rng(seed).multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=resamples)
    means = counts @ per_prompt.astype(np.float64) / n_prompts
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
