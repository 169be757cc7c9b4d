"""The circuits that the tests need, and their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Wiring
from circuits.evaluation.hypotheses.inflated import inflated_circuits
from circuits.masks import random_circuits, random_component_sets
from circuits.model.phases import phase

Values = Callable[[Bools], Floats]
"""From circuits [circuit, part] to the metric [circuit, prompt]."""


@dataclass(frozen=True)
class HypothesisRuns:
    """Scores over prompts: the metric of runs that keep some parts.

    circuit, model, complement  [prompt] of the circuit, of the whole model, and of the model without the circuit
    tested          [tested] numbers of the circuit's parts whose removal is tested: all `n_parts`, or some, drawn
    removed         [tested, prompt] of the circuit without each
    inflated        [draw, 2, prompt] of the circuit with a random path, and of that without a part of the path
    random          [draw, prompt] of random circuits of its size
    without_random  [draw, prompt] of the model without random circuits of its size that share nothing with it; none
                    where the circuit leaves no room for one
    """

    circuit: Floats
    model: Floats
    complement: Floats
    tested: Numbers
    n_parts: int
    removed: Floats
    inflated: Floats
    random: Floats
    without_random: Floats

    @property
    def scale(self) -> float:
        """The size of scores, beside which differences are told from rounding."""
        return float(max(np.abs(self.model).max(initial=0), np.abs(self.circuit).max(initial=0)))


def n_removed(n_parts: int, most: int) -> int:
    """How many circuits are run that lack a part of the circuit."""
    return min(n_parts, most)


def hypothesis_runs(
    values: Values, wiring: Wiring, circuit: Bools, *, draws: int = 100, most: int = 50, seed: int = 0
) -> HypothesisRuns:
    """Run what the tests need.

    circuit  [part]: edges of the wiring, or its writers where circuits are made of components
    draws    random circuits, and inflated ones
    most     parts whose removal is tested; of more, as many are drawn

    Cost: a circuit for each part that is tested, four for each draw, and two; those without a circuit are nearly the
    whole model.
    """
    is_edges, draw = len(circuit) == wiring.n_edges, np.random.default_rng(seed)
    # The input is no component of a circuit.
    parts = np.flatnonzero(circuit) if is_edges else np.flatnonzero(circuit[1:]) + 1
    tested = (
        parts if n_removed(len(parts), most) == len(parts) else np.sort(draw.choice(parts, size=most, replace=False))
    )
    removed = np.repeat(circuit[None], len(tested), axis=0)
    removed[np.arange(len(tested)), tested] = False
    complement = ~circuit
    with phase(f"drawing {draws} inflated circuits"):
        inflated = inflated_circuits(wiring, circuit, n=draws, seed=seed)
    with phase(f"drawing twice {draws} random circuits"):
        if is_edges:
            random = random_circuits(wiring, circuit, n=draws, seed=seed)
            without = ~random_circuits(wiring, circuit, n=draws, seed=seed, among=complement)
        else:
            random = random_component_sets(circuit, n=draws, seed=seed)
            without = ~random_component_sets(circuit, n=draws, seed=seed, among=complement)
            without[:, 0] = complement[0] = True
    everything = np.ones_like(circuit)
    groups = [
        np.stack([circuit, everything, complement]),
        removed,
        inflated.reshape(-1, len(circuit)),
        random,
        without,
    ]
    measured = np.split(values(np.concatenate(groups)), np.cumsum([len(group) for group in groups])[:-1])
    of_all, of_removed, of_inflated, of_random, of_without = measured
    return HypothesisRuns(
        *of_all,
        tested=tested,
        n_parts=len(parts),
        removed=of_removed,
        inflated=of_inflated.reshape(-1, 2, of_inflated.shape[-1]),
        random=of_random,
        without_random=of_without,
    )
