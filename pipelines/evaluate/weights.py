"""Which circuits each stage runs that judges one, by what is known of that circuit before."""

from __future__ import annotations

from collections.abc import Sequence

from circuits.evaluation.budgets import BUDGETS
from circuits.evaluation.hypotheses.runs import n_removed
from circuits.evaluation.knockouts import KnockoutSearch
from graphs.circuit_graph import CircuitGraph
from pipelines.costs.circuit_runs import Circuits, parts_of

# Circuits of the curve: at every budget, by signed scores and by magnitudes.
N_OF_CURVE = 2 * len(BUDGETS)


class Judged:
    """The circuit that is judged: its share of all edges, and what is run of it."""

    def __init__(self, circuit: CircuitGraph, *, are_whole: bool) -> None:
        """are_whole  whether circuits are made of components, as where the model refuses edges"""
        self.n_edges, self.of_edges = circuit.n_edges, circuit.of_edges
        self._parts, self._are_whole = parts_of(item.edge for item in circuit.edges), are_whole

    @property
    def share(self) -> float:
        return self.n_edges / self.of_edges

    def searched(self, search: KnockoutSearch, n_components: int) -> list[Circuits]:
        """The circuit and the model without sets that grow, and gradients of both; the circuit without sets that are
        tried for each component."""
        n_grown, of_model = search.n_grown(n_components), search.steps_of(n_components)
        of_circuit = search.n_gradients(n_components) - of_model
        return [
            self._without(1 + n_grown + n_components * search.n_for_each(n_components)),
            Circuits(1 + n_grown, resumed=True, are_whole=True),
            Circuits(of_circuit, parts=self._parts, gradients=True, are_whole=self._are_whole),
            Circuits(of_model, gradients=True, are_whole=True),
        ]

    def knocked_out(self, search: KnockoutSearch, n_components: int) -> list[Circuits]:
        """The circuit and the model without each set, and the circuit without components beside two sets each."""
        n_sets = search.sets + search.steps
        n_measured = search.n_measured_runs(n_components) - 2 * n_sets
        return [self._without(n_sets + n_measured), Circuits(n_sets, resumed=True, are_whole=True)]

    def drawn(self, n: int) -> list[Circuits]:
        """Random circuits of its size."""
        return [Circuits(n, self.share, are_whole=self._are_whole)]

    def drawn_of_sizes(self, n: int, sizes: Sequence[int]) -> list[Circuits]:
        """Random circuits of several sizes."""
        return [Circuits(n, size / self.of_edges) for size in sizes]

    def for_hypotheses(self, *, draws: int, most: int) -> list[Circuits]:
        """The circuit and what is outside it; the circuit without an edge, and with paths of which one lacks an edge;
        random circuits, and the model without random circuits."""
        n, whole = n_removed(self.n_edges, most), self._are_whole
        return [
            Circuits(1 + draws, parts=self._parts, are_whole=whole),
            Circuits(n + draws, parts=self._parts, resumed=True, are_whole=whole),
            Circuits(draws, self.share, are_whole=whole),
            Circuits(1 + draws, 1 - self.share, are_whole=whole),
        ]

    def _without(self, n: int) -> Circuits:
        """The circuit without sets of its components: half of them, on average."""
        return Circuits(n, parts=self._parts.half, resumed=True, are_whole=self._are_whole)


def of_components(n: int) -> list[Circuits]:
    """Circuits of components, each of which has more of them than the one before."""
    return [Circuits(n, resumed=True, are_whole=True)]


def n_runs(circuits: Sequence[Circuits]) -> int:
    """About how many circuits are run."""
    return round(sum(alike.n_runs for alike in circuits))
