"""Which circuits will be run to choose one: how many, and of which sizes, before anything is known of the prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from circuits.evaluation.budgets import BUDGETS
from circuits.evaluation.sizes import RUNS_PER_SEARCH, expected_sizes, half_way
from graphs.selection import SELECTIONS
from pipelines.costs.circuit_runs import Circuits
from pipelines.costs.shape import GPT2_SMALL, Shape
from pipelines.discover.rules import has_setting, has_size

RANKINGS = ("signed", "absolute")
# About how many circuits are run in a search for one size in one ranking.
_PER_SEARCH = {"edges": RUNS_PER_SEARCH, "components": RUNS_PER_SEARCH + 2}
# The circuit that is chosen, as far as it is known before; and those of all budgets, signed and by magnitude.
CHOSEN = (Circuits(1, half_way(GPT2_SMALL.wiring.n_edges) / GPT2_SMALL.wiring.n_edges),)
OF_BUDGETS = tuple(Circuits(2, budget) for budget in BUDGETS)
# Of sizes that are given, how many are too small, so that larger ones are tried as well.
_TOO_SMALL = 0.5


def rankings(settings: Mapping[str, Any]) -> Sequence[str]:
    """The rankings that are tried: one that was asked for, else those that the rule tells apart.

    >>> from pipelines.discover.expected import rankings
    >>> rankings({"rule": {"name": "top-edges", "settings": {}}, "ranking": "signed"})
    ('signed',)
    """
    if not has_setting(settings["rule"], "absolute"):
        return RANKINGS[-1:]
    return RANKINGS if settings["ranking"] is None else (settings["ranking"],)


class Tried(NamedTuple):
    """About how many circuits are run to choose one.

    given     of a size that was given, one for each ranking
    searched  in all searches for a size
    beyond    where those of the given size turn out to be too small
    """

    given: int
    searched: int
    beyond: int


def circuits_tried(settings: Mapping[str, Any]) -> Tried:
    """About how many circuits are run to choose one, by what decides the circuit."""
    n_rankings, kind = len(rankings(settings)), settings["kind"]
    per_search = _PER_SEARCH[kind]
    sizes = ("edges",) if kind == "edges" else ("nodes", "edges")
    n_searches = 0
    if settings["threshold"] is None and has_size(settings["rule"]):
        n_searches = sum(settings[size] is None for size in sizes)
    if n_searches:
        return Tried(0, per_search * n_searches * n_rankings, 0)
    goes_on = settings["edges"] is not None and may_search_on(settings)
    return Tried(n_rankings, 0, per_search if goes_on else 0)


def may_search_on(settings: Mapping[str, Any]) -> bool:
    """Whether a size that would do is searched where the edges asked for are too few."""
    return settings["kind"] == "edges" and not SELECTIONS[settings["rule"]["name"]].takes_long


def expected_to_choose(settings: Mapping[str, Any], shape: Shape | None) -> list[Circuits]:
    """The circuits that are run to choose one; where the model's shape is not known, by that of GPT-2 small.

    settings  what decides the circuit, as the stage `choose` has them
    """
    shape = shape or GPT2_SMALL
    of_edges = shape.wiring.n_edges
    n_edges, n_nodes, threshold = (settings[name] for name in ("edges", "nodes", "threshold"))
    searches = has_size(settings["rule"]) and threshold is None
    found: list[Circuits] = []
    for number, _ in enumerate(rankings(settings)):
        if settings["kind"] == "components":
            found += _of_components(shape) if searches and n_nodes is None else []
            sizes = expected_sizes(of_edges) if n_edges is None else [n_edges]
        elif searches and n_edges is None:
            # A later ranking is only better with fewer edges.
            sizes = expected_sizes(of_edges, below=half_way(of_edges) if number else None)
        else:
            sizes = [n_edges or half_way(of_edges)]
        found += [Circuits(1, size / of_edges) for size in sizes]
    if settings["kind"] == "edges" and n_edges is not None and n_edges < of_edges and may_search_on(settings):
        larger = expected_sizes(of_edges, smallest=n_edges)[1:]
        found += [Circuits(_TOO_SMALL, size / of_edges) for size in larger]
    return found


def _of_components(shape: Shape) -> list[Circuits]:
    """Circuits of some components and all edges among these."""
    most = shape.n_writers - 1
    return [Circuits(1, (size / most) ** 2) for size in expected_sizes(most)]
