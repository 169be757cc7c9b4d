"""Certificate: no single edge can leave the circuit, each of them tried, with what its absence changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Edge, Wiring
from circuits.evaluation.bounds import Bound
from circuits.evaluation.counted_runs import CountedRuns
from circuits.evaluation.elimination import each_without_one
from circuits.masks import pruned

Known = Callable[[Bools], tuple[Floats, Bools]]
"""From circuits [circuit, edge] to the metric [circuit, prompt], and whether each is known [circuit]."""


@dataclass(frozen=True)
class Certificate:
    """A circuit, and the same without each of its edges alone.

    bound      what the circuit has to stay within
    numbers    [edge] its edges, by their numbers in the wiring
    distance   how far the circuit is from the whole model, in the bound's terms
    distances  [edge] the same without each edge
    changes    [edge] mean metric of the circuit minus mean metric without the edge
    n_gone     [edge] how many edges fall off all paths with it, itself included
    is_tried   [edge] whether the circuit was run without it; the other entries are 0 where it was not

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Grown
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> start = Grown(30).choose(METHODS["eap"]().score(model, prompts, metric=metric)).mask
    >>> from circuits.evaluation.bounds import MeanBound
    >>> from circuits.evaluation.minimal import check
    >>> certificate = check(model, prompts, start, metric=metric, bound=MeanBound(tolerance=0.6))
    >>> certificate.holds, len(certificate.edges), certificate.is_tried.all().item()
    (False, 30, True)
    >>> set(certificate.removable) < set(certificate.edges)
    True
    """

    wiring: Wiring
    bound: Bound
    numbers: Numbers
    distance: float
    distances: Floats
    changes: Floats
    n_gone: Numbers
    is_tried: Bools

    @property
    def holds(self) -> bool:
        """Whether the circuit is within the bound, and was seen to leave it without any single one of its edges."""
        return self.distance <= self.bound.tolerance and bool(self.is_tried.all()) and not self.removable

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The circuit's edges, in wiring order."""
        return tuple(self.wiring.edges[number] for number in self.numbers)

    @property
    def removable(self) -> tuple[Edge, ...]:
        """The edges that can go alone: the circuit stays within the bound without them."""
        can_go = self.is_tried & (self.distances <= self.bound.tolerance)
        return tuple(self.wiring.edges[number] for number in self.numbers[can_go])


def certify(runs: CountedRuns, circuit: Bools, bound: Bound, *, known: Known | None = None) -> Certificate:
    """The certificate of a circuit [edge], one circuit run for each of its edges; dead ends can always go.

    known  what gives the metric without running anything; by default everything is run
    """
    values_of = _everything(runs) if known is None else known
    own, _ = values_of(circuit[None])
    numbers = np.flatnonzero(circuit)
    distances, changes = [np.zeros(0)], [np.zeros(0)]
    n_gone, is_tried = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.bool_)]
    for circuits in each_without_one(circuit, numbers):
        values, is_known = values_of(circuits)
        distances.append(np.where(is_known, bound.distances(values, runs.baseline), 0))
        changes.append(np.where(is_known, (own - values).mean(axis=1), 0))
        n_gone.append(len(numbers) - pruned(runs.wiring, circuits).sum(axis=1))
        is_tried.append(is_known)
    distance = float(bound.distances(own, runs.baseline)[0])
    return Certificate(
        runs.wiring,
        bound,
        numbers,
        distance,
        np.concatenate(distances),
        np.concatenate(changes),
        np.concatenate(n_gone),
        np.concatenate(is_tried),
    )


def _everything(runs: CountedRuns) -> Known:
    def values_of(circuits: Bools) -> tuple[Floats, Bools]:
        return runs.values(circuits), np.ones(len(circuits), dtype=np.bool_)

    return values_of
