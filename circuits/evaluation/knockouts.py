"""Sets of components to knock out of a circuit: random ones, and the most telling ones that a search finds.

C is the circuit, M the whole model, F the mean of the metric over prompts, C\\K the circuit without components K. To
knock a component out is to remove its outgoing edges, so that its readers see its ablated value. Sets are
searched for with any function from circuits to values; `circuits.evaluation.criteria.CircuitRunner.values` is one
that runs the model.

Source: Wang et al. 2022 (IOI), section 4, whose greedy search this follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.masks import Parts

Values = Callable[[Bools], Floats]
"""From circuits [circuit, part] to the metric [circuit, prompt]."""
Effects = Callable[[Bools], Floats]
"""From circuits [circuit, part] to how much their mean metric falls [circuit, writer] without a writer, to first order:
`circuits.evaluation.criteria.CircuitRunner.removal_effects`, for one."""

GRADIENT_RUNS = 3
"""What the gradient of a circuit takes, in runs of it."""

# Entries of the masks built at once: 200 MB.
_MASK_ENTRIES = 200_000_000


@dataclass(frozen=True)
class KnockoutSearch:
    """How sets K of knocked-out components are found. Candidates are ranked to first order, and the best are run."""

    sets: int = 8  # random sets, of sizes spread evenly from 1 to V - 1, V being the number of components
    steps: int = 3  # components in the largest greedily grown set
    candidates: int = 5  # components tried at each step of the growth
    components: int | None = None  # whose use is measured: those of least use to first order; None for all
    grows: bool = True  # whether a K is run and grown for each component, or only chosen among the random ones
    seed: int = 0

    def n_measured(self, n_components: int) -> int:
        """How many components' use is measured."""
        return n_components if self.components is None else min(self.components, n_components)

    def steps_of(self, n_components: int) -> int:
        """Components in the largest grown set of a circuit."""
        return min(self.steps, n_components)

    def n_grown(self, n_components: int) -> int:
        """How many sets are run to grow one."""
        return self.steps_of(n_components) * self.candidates

    def n_for_each(self, n_components: int) -> int:
        """How many circuits are run for each component, to find the set that shows it best."""
        return self.sets + 1 + 2 * self.n_grown(n_components) if self.grows else 0

    def n_gradients(self, n_components: int) -> int:
        """Of how many circuits and sets gradients are taken."""
        return 2 * self.steps_of(n_components) + 1 + self.sets + (n_components if self.grows else 0)

    def n_search_runs(self, n_components: int) -> int:
        """About how many circuits the search runs, a gradient counted as `GRADIENT_RUNS`."""
        of_values = 2 + 2 * self.n_grown(n_components) + n_components * self.n_for_each(n_components)
        return of_values + GRADIENT_RUNS * self.n_gradients(n_components)

    def n_measured_runs(self, n_components: int) -> int:
        """About how many circuits are run with the sets that were found."""
        return 2 * (self.sets + self.steps) + 4 * self.n_measured(n_components)


class Knockouts(NamedTuple):
    """Sets of writers to knock out.

    components  [component] numbers of the circuit's heads and MLPs among the writers
    measured    [component] those of them whose use is measured
    sampled     [set, writer] random sets
    greedy      [step, writer] a set that grows by the component which raises the incompleteness most
    telling     [measured component, writer] for each such component v the set K with the largest
                |F(C\\(K+v)) - F(C\\K)| of those that were tried
    """

    components: Numbers
    measured: Numbers
    sampled: Bools
    greedy: Bools
    telling: Bools


class KnockoutValues(NamedTuple):
    """The metric with components knocked out.

    circuit, model  [set, prompt] without each set: the sampled ones, then the greedy ones
    telling         [measured component, K, 2, prompt] K empty or that of `Knockouts.telling`; the circuit without K,
                    and without K and the component
    """

    circuit: Floats
    model: Floats
    telling: Floats


def search_knockouts(
    values: Values, effects: Effects, parts: Parts, circuit: Bools, search: KnockoutSearch
) -> Knockouts:
    """Sets K that are likely to show what a circuit lacks, and what each of its components does.

    Sets are chosen on the prompts that `values` runs; measure them on others, or on more, to be fair to the circuit.
    """
    components = parts.members(circuit)
    sampled = _random_sets(components, parts.n_writers, search.sets, np.random.default_rng(search.seed))
    greedy = _grown(values, effects, parts, circuit, components, search)
    if not len(components):
        return Knockouts(components, components, sampled, greedy, np.zeros((0, parts.n_writers), dtype=np.bool_))
    tried = np.concatenate([np.zeros((1, parts.n_writers), dtype=np.bool_), sampled])
    # A component that is in K already cannot be removed once more.
    uses = np.where(tried, 0, np.abs(effects(parts.without(circuit, tried))))[:, components]
    least = np.argsort(uses.max(axis=0), kind="stable")[: search.n_measured(len(components))]
    measured = components[np.sort(least)]
    if search.grows:
        telling = _telling(values, effects, parts, circuit, components, measured, sampled, search)
    else:
        telling = tried[uses[:, np.sort(least)].argmax(axis=0)]
    return Knockouts(components, measured, sampled, greedy, telling)


def knockout_values(values: Values, parts: Parts, circuit: Bools, knockouts: Knockouts) -> KnockoutValues:
    """The metric without each set, of the circuit and of the model, in one stacked call."""
    sets = np.concatenate([knockouts.sampled, knockouts.greedy])
    held = np.stack([np.zeros_like(knockouts.telling), knockouts.telling], axis=1)
    pairs = np.stack([held, held | _singles(knockouts.measured, parts)[:, None]], axis=2)
    masks = [
        parts.without(circuit, sets),
        parts.without(parts.everything, sets),
        parts.without(circuit, pairs.reshape(-1, parts.n_writers)),
    ]
    metric = values(np.concatenate(masks))
    n = len(sets)
    return KnockoutValues(metric[:n], metric[n : 2 * n], metric[2 * n :].reshape(*pairs.shape[:3], -1))


def _random_sets(components: Numbers, n_writers: int, n: int, draw: np.random.Generator) -> Bools:
    """[set, writer] random subsets of the components, none of them empty."""
    sets = np.zeros((n if len(components) else 0, n_writers), dtype=np.bool_)
    sizes = np.linspace(1, max(1, len(components) - 1), len(sets)).round().astype(int)
    for row, size in zip(sets, sizes, strict=True):
        row[draw.choice(components, size=size, replace=False)] = True
    return sets


def _grown(
    values: Values, effects: Effects, parts: Parts, circuit: Bools, components: Numbers, search: KnockoutSearch
) -> Bools:
    """[step, writer] K grown by the candidate that raises |F(C\\K) - F(M\\K)| most."""
    trail: list[Bools] = []
    knocked = np.zeros(parts.n_writers, dtype=np.bool_)
    gap = 0.0

    def both(sets: Bools) -> Bools:
        """[2 x set, part] the circuit without each set, then the model."""
        return np.concatenate([parts.without(circuit, sets), parts.without(parts.everything, sets)])

    for step in range(min(search.steps, len(components))):
        if step == 0:
            gap = float(np.subtract(*values(both(knocked[None])).mean(axis=1)))
        left = components[~knocked[components]]
        expected = gap - np.subtract(*effects(both(knocked[None])))[left]
        candidates = left[np.argsort(-np.abs(expected), kind="stable")[: search.candidates]]
        tried = knocked | _singles(candidates, parts)
        metric = values(both(tried)).mean(axis=1)
        gaps = metric[: len(tried)] - metric[len(tried) :]
        best = int(np.abs(gaps).argmax())
        knocked, gap = tried[best], float(gaps[best])
        trail.append(knocked)
    return np.array(trail, dtype=np.bool_).reshape(-1, parts.n_writers)


def _telling(
    values: Values,
    effects: Effects,
    parts: Parts,
    circuit: Bools,
    components: Numbers,
    measured: Numbers,
    sampled: Bools,
    search: KnockoutSearch,
) -> Bools:
    """[measured component, writer] for each, the K that shows it best: empty, sampled, or grown for it alone.

    A K grows by the components whose own effect changes most, to first order, once this one is gone.
    """
    singles = _singles(measured, parts)
    empty = np.zeros((1, parts.n_writers), dtype=np.bool_)
    tried = np.concatenate([empty, sampled]) & ~singles[:, None]
    best, strength = _strongest(tried, _effects(values, parts, circuit, tried, singles))
    n_steps = min(search.steps, len(components) - 1)
    if not n_steps:
        return best
    interaction = np.abs(effects(parts.without(circuit, singles)) - effects(circuit[None]))[:, components]
    grown = np.zeros_like(singles)
    for step in range(n_steps):
        n = min(search.candidates, len(components) - 1 - step)
        ranked = np.where((grown | singles)[:, components], -1, interaction)
        candidates = components[np.argsort(-ranked, axis=1, kind="stable")[:, :n]]
        tried = grown[:, None] | np.stack([_singles(chosen, parts) for chosen in candidates])
        grown, grown_strength = _strongest(tried, _effects(values, parts, circuit, tried, singles))
        best = np.where((grown_strength > strength)[:, None], grown, best)
        strength = np.maximum(grown_strength, strength)
    return best


def _strongest(tried: Bools, effects: Floats) -> tuple[Bools, Floats]:
    """For each component the set [component, writer] of largest effect, and that effect."""
    if not len(tried):
        return tried[:, 0], np.zeros(0)
    rows = np.arange(len(tried))
    best = effects.argmax(axis=1)
    return tried[rows, best], effects[rows, best]


def _effects(values: Values, parts: Parts, circuit: Bools, tried: Bools, singles: Bools) -> Floats:
    """|F(C\\K) - F(C\\(K+v))| [component, set] for sets [component, set, writer] and components [component, writer]."""
    pairs = np.stack([tried, tried | singles[:, None]], axis=2)
    per_component = pairs.shape[1] * 2 * len(parts.owners)
    at_once = max(1, _MASK_ENTRIES // max(1, per_component))
    effects = []
    for first in range(0, len(pairs), at_once):
        block = pairs[first : first + at_once]
        masks = parts.without(circuit, block.reshape(-1, parts.n_writers))
        means = values(masks).mean(axis=1).reshape(block.shape[:3])
        effects.append(np.abs(means[..., 0] - means[..., 1]))
    return np.concatenate(effects) if effects else np.zeros(tried.shape[:2])


def _singles(writers: Numbers, parts: Parts) -> Bools:
    """[writer given, writer] sets of one writer each."""
    return np.asarray(writers)[:, None] == np.arange(parts.n_writers)
