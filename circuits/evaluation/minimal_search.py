"""The search for a smallest circuit within a bound: elimination, its certificate, and other circuits of that size.

Edges are dropped backward (`circuits.evaluation.elimination`) until none can go alone. What is left is a *local*
minimum: several edges together might still go. To look beyond it, each of its edges is forbidden in turn, and what
takes its place is sought among the edges with which the search began. Heads that back each other up show that way: with
one forbidden, the other one's edges make a circuit of the same size. A smaller circuit found so is taken instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from circuits.arrays import Bools, Numbers
from circuits.evaluation.bounds import Bound, MeanBound, NoMinimalCircuitError
from circuits.evaluation.certificate import Certificate, certify
from circuits.evaluation.counted_runs import CountedRuns, OutOfRunsError
from circuits.evaluation.elimination import TooManyStayError, smaller_circuits, without_blocks
from circuits.masks import pruned

# Passes over the edges to forbid: how many more edges may take the place of those that fall off with one, and the share
# of the runs that are spent then. A third of them is for wholly different circuits, the rest for near ones first.
_PASSES = ((math.inf, 1 / 3), (3, 1), (12, 1), (math.inf, 1))


@dataclass(frozen=True)
class MinimalSearch:
    """What is sought, and how many circuits may be run for it.

    bound       what the circuit has to stay within
    max_runs    circuits run to find it and to certify it, at most
    other_runs  circuits run to find others of its size, at most; more only to certify a smaller one that turns up

    >>> from circuits.evaluation.bounds import PerPromptBound
    >>> from circuits.evaluation.minimal_search import MinimalSearch
    >>> MinimalSearch(PerPromptBound(tolerance=0.2), max_runs=500, other_runs=100).n_planned
    600
    """

    bound: Bound = field(default_factory=MeanBound)
    max_runs: int = 2000
    other_runs: int = 200

    @property
    def n_planned(self) -> int:
        """The most circuits that are run."""
        return self.max_runs + self.other_runs


class Minimum(NamedTuple):
    """What a search found.

    circuit       [edge] the smallest circuit found
    certificate   that no single edge of it can go; it does not hold where the search ran out of runs
    others        different circuits [edge] of the same size that are within the bound
    n_forbidden   how many edges of the circuit were forbidden, one at a time, to find others
    n_given_up    for how many of these the runs were spent before all that could take their place was tried
    n_start       edges with which the search began, without dead ends
    n_runs        circuits run to find and to certify the circuit
    n_other_runs  circuits run to find others

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import Grown
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> start = Grown(30).choose(METHODS["eap"]().score(model, prompts, metric=metric)).mask
    >>> from circuits.evaluation.bounds import MeanBound
    >>> from circuits.evaluation.minimal import minimal_circuit
    >>> from circuits.evaluation.minimal_search import MinimalSearch
    >>> search = MinimalSearch(MeanBound(tolerance=0.6), other_runs=0)
    >>> found = minimal_circuit(model, prompts, metric=metric, search=search, start=start).found
    >>> found.n_start, found.certificate.holds, found.others, found.n_other_runs
    (30, True, (), 0)
    """

    circuit: Bools
    certificate: Certificate
    others: tuple[Bools, ...]
    n_forbidden: int
    n_given_up: int
    n_start: int
    n_runs: int
    n_other_runs: int


def search_minimum(runs: CountedRuns, starts: Sequence[Bools], order: Numbers, search: MinimalSearch) -> Minimum:
    """The smallest circuit within the bound that is found from any of `starts` [edge].

    starts  what may be in the circuit, and smaller ones within it to begin with as well, where these are in the bound
    order   numbers of edges, weakest first; those that it leaves out come before them

    Given the runs of an interrupted search, it asks for the same circuits again, and none of them is run twice.
    Raises NoMinimalCircuitError where the first of `starts` is not within the bound.
    """
    return _Search(runs, starts, order, search).minimum()


class _Search:
    def __init__(self, runs: CountedRuns, starts: Sequence[Bools], order: Numbers, search: MinimalSearch) -> None:
        self.runs, self.search, self.bound = runs, search, search.bound
        self.start, *self.smaller = (pruned(runs.wiring, start) for start in starts)
        self.order = np.concatenate([np.setdiff1d(np.arange(len(self.start)), order), order])

    def minimum(self) -> Minimum:
        self.bound.unit(self.runs.baseline)
        self.runs.limit = self.search.max_runs
        if not self.accepts(self.start[None])[0]:
            distance = float(self.bound.distances(self.runs.values(self.start[None]), self.runs.baseline)[0])
            raise NoMinimalCircuitError(too_far(int(self.start.sum()), distance, self.bound))
        begin = [self.start, *(circuit for circuit in self.smaller if self.accepts(circuit[None])[0])]
        # Of equally small circuits the first one is taken, and one that the runs sufficed for before others.
        circuit, certificate = min(map(self.certified, begin), key=lambda end: (not end[1].holds, end[0].sum()))
        n_runs = self.runs.n_asked
        first = Minimum(circuit, certificate, (), 0, 0, int(self.start.sum()), n_runs, 0)
        found = self.with_others(first)
        return found._replace(n_other_runs=self.runs.n_asked - n_runs)

    def accepts(self, circuits: Bools) -> Bools:
        return self.bound.accepts(self.runs.values(circuits), self.runs.baseline)

    def certified(self, circuit: Bools) -> tuple[Bools, Certificate]:
        """The circuit without what can go, and its certificate from the runs that this took."""
        try:
            for smaller in smaller_circuits(self.runs.wiring, circuit, self.order, self.accepts):
                circuit = smaller
        except OutOfRunsError:
            pass  # the certificate says which edges were not tried
        return circuit, certify(self.runs, circuit, self.bound, known=self.runs.known)

    def with_others(self, first: Minimum) -> Minimum:
        """The same with others of its size, or a smaller one with its own, as far as runs allow."""
        certificate = first.certificate
        if not certificate.holds:
            return first
        others, tried, settled = dict[bytes, Bools](), set[int](), set[int]()
        # An edge whose absence hurts least is replaced most easily.
        order = np.argsort(certificate.distances, kind="stable")
        for more, share in _PASSES:
            self.runs.limit = first.n_runs + int(share * self.search.other_runs)
            for number in (number for number in order.tolist() if number not in settled):
                edge, most = int(certificate.numbers[number]), int(certificate.n_gone[number]) + more
                try:
                    other = self.in_place_of(edge, first.circuit, max_kept=most)
                except OutOfRunsError:
                    break
                except TooManyStayError:
                    tried.add(number)
                    continue
                settled.add(number)
                if other is not None and other.sum() < first.circuit.sum():
                    self.runs.limit = self.search.n_planned
                    circuit, of_smaller = self.certified(other)
                    return self.with_others(first._replace(circuit=circuit, certificate=of_smaller))
                if other is not None:
                    others.setdefault(other.tobytes(), other)
        n_given_up = len(tried - settled)
        return first._replace(
            others=tuple(others.values()), n_forbidden=len(settled) + n_given_up, n_given_up=n_given_up
        )

    def in_place_of(self, edge: int, circuit: Bools, *, max_kept: float) -> Bools | None:
        """A circuit within the bound, without an edge of `circuit` and at most as large; None where none is found.

        max_kept  how many edges that are not in `circuit` may be in it before a TooManyStayError
        """
        start = self.start.copy()
        start[edge] = False
        other = pruned(self.runs.wiring, start)
        if not self.accepts(other[None])[0]:
            return None
        is_own = circuit[self.order]
        # First what is not in the circuit, all together: so what is found is as much like it as can be.
        outside, own = self.order[~is_own], self.order[is_own]
        for edges, size, most in ((outside, len(outside), max_kept), (own, 1, math.inf)):
            blocks = without_blocks(self.runs.wiring, other, edges, self.accepts, size=max(1, size), max_kept=most)
            for smaller in blocks:
                other = smaller
        return other if other.sum() <= circuit.sum() else None


def too_far(n_edges: int, distance: float, bound: Bound) -> str:
    """Why a circuit is no start: it is not within the bound itself."""
    return (
        f"the circuit of {n_edges:,} edges to begin with is {distance:.3g} away from the whole model, and the bound is "
        f"{bound.in_words}. Begin with a larger circuit, allow a larger tolerance, or bound the other way "
        "(mean, per-prompt)."
    )
