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

# Entries of the masks built at once: 200 MB.
_MASK_ENTRIES = 200_000_000


@dataclass(frozen=True)
class KnockoutSearch:
    """How sets K of knocked-out components are found.

    Cost in circuits, V being the number of components: 2 steps x candidates for completeness; for minimality
    V x sets + 2 V x steps x candidates, all over the prompts of the search.
    """

    sets: int = 8  # random sets, of sizes spread evenly from 1 to V - 1
    steps: int = 3  # components in the largest greedily grown set
    candidates: int = 5  # components tried at each step of the growth
    seed: int = 0


class Knockouts(NamedTuple):
    """Sets of writers to knock out.

    components  [component] numbers of the circuit's heads and MLPs among the writers
    sampled     [set, writer] random sets
    greedy      [step, writer] a set that grows by the component which raises the incompleteness most
    telling     [component, writer] for each component v the set K found with the largest |F(C\\(K+v)) - F(C\\K)|
    """

    components: Numbers
    sampled: Bools
    greedy: Bools
    telling: Bools


class KnockoutValues(NamedTuple):
    """The metric with components knocked out.

    circuit, model  [set, prompt] without each set: the sampled ones, then the greedy ones
    telling         [component, K, 2, prompt] K empty or that of `Knockouts.telling`; the circuit without K, and
                    without K and the component
    """

    circuit: Floats
    model: Floats
    telling: Floats


def search_knockouts(values: Values, parts: Parts, circuit: Bools, search: KnockoutSearch) -> Knockouts:
    """Sets K that are likely to show what a circuit lacks, and what each of its components does.

    Sets are chosen on the prompts that `values` runs; measure them on others, or on more, to be fair to the circuit.
    """
    components = parts.members(circuit)
    draw = np.random.default_rng(search.seed)
    sampled = _random_sets(components, parts.n_writers, search.sets, draw)
    greedy = _grown(values, parts, circuit, components, search, draw)
    telling = _telling(values, parts, circuit, components, sampled, search, draw)
    return Knockouts(components, sampled, greedy, telling)


def knockout_values(values: Values, parts: Parts, circuit: Bools, knockouts: Knockouts) -> KnockoutValues:
    """The metric without each set, of the circuit and of the model, in one stacked call."""
    sets = np.concatenate([knockouts.sampled, knockouts.greedy])
    held = np.stack([np.zeros_like(knockouts.telling), knockouts.telling], axis=1)
    pairs = np.stack([held, held | _singles(knockouts.components, parts)[:, None]], axis=2)
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
    values: Values, parts: Parts, circuit: Bools, components: Numbers, search: KnockoutSearch, draw: np.random.Generator
) -> Bools:
    """[step, writer] K grown by the candidate that raises |F(C\\K) - F(M\\K)| most."""
    trail: list[Bools] = []
    knocked = np.zeros(parts.n_writers, dtype=np.bool_)
    for _ in range(min(search.steps, len(components))):
        left = components[~knocked[components]]
        candidates = draw.choice(left, size=min(search.candidates, len(left)), replace=False)
        tried = knocked | _singles(candidates, parts)
        metric = values(np.concatenate([parts.without(circuit, tried), parts.without(parts.everything, tried)]))
        gaps = np.abs((metric[: len(tried)] - metric[len(tried) :]).mean(axis=1))
        knocked = tried[gaps.argmax()]
        trail.append(knocked)
    return np.array(trail, dtype=np.bool_).reshape(-1, parts.n_writers)


def _telling(
    values: Values,
    parts: Parts,
    circuit: Bools,
    components: Numbers,
    sampled: Bools,
    search: KnockoutSearch,
    draw: np.random.Generator,
) -> Bools:
    """[component, writer] for each component, the K that shows it best: empty, sampled, or grown for it alone."""
    singles = _singles(components, parts)
    empty = np.zeros((1, parts.n_writers), dtype=np.bool_)
    tried = np.concatenate([empty, sampled]) & ~singles[:, None]
    best, strength = _strongest(tried, _effects(values, parts, circuit, tried, singles))
    grown = np.zeros_like(singles)
    for step in range(min(search.steps, len(components) - 1)):
        n = min(search.candidates, len(components) - 1 - step)
        left = [components[~(grown[row] | singles[row])[components]] for row in range(len(components))]
        candidates = [draw.choice(numbers, size=n, replace=False) for numbers in left]
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
