"""Which circuits will be run to choose one: how many, and of which sizes, before anything is known of the prompts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from circuits.evaluation.budgets import BUDGETS
from circuits.evaluation.sizes import RUNS_PER_SEARCH, expected_end, expected_sizes, half_way
from graphs.selection import SELECTIONS
from pipelines.costs.circuit_runs import Batch, Circuits, parts_of_components, passes
from pipelines.costs.shape import GPT2_SMALL, Shape
from pipelines.costs.shape_of import shape_of
from pipelines.discover.rules import has_setting, has_size
from pipelines.runs.circuit_runs import lengths_among

if TYPE_CHECKING:
    from circuits.evaluation.criteria import CircuitRunner

RANKINGS = ("signed", "absolute")
# About how many circuits are run in a search for one size in one ranking.
_PER_SEARCH = {"edges": RUNS_PER_SEARCH, "components": RUNS_PER_SEARCH + 2}
# The circuit that is chosen, as far as it is known before; and those of all budgets, signed and by magnitude.
CHOSEN = (Circuits(1, half_way(GPT2_SMALL.wiring.n_edges) / GPT2_SMALL.wiring.n_edges),)
OF_BUDGETS = tuple(Circuits(2, budget) for budget in BUDGETS)
# Of sizes that are given, how many are too small, so that larger ones are tried as well.
_TOO_SMALL = 0.5


class SearchFor(NamedTuple):
    """One search for a size.

    of  what the size is of, `edges` or `components`
    """

    ranking: str
    of: str


# Of larger sizes than the one given, in the ranking that is taken.
BEYOND = SearchFor("taken", "edges")


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


def circuits_tried(settings: Mapping[str, Any], shape: Shape | None) -> Tried:
    """About how many circuits are run to choose one, by what decides the circuit."""
    n_rankings, kind = len(rankings(settings)), settings["kind"]
    per_search = _PER_SEARCH[kind]
    sizes = ("edges",) if kind == "edges" else ("nodes", "edges")
    n_searches = 0
    if settings["threshold"] is None and has_size(settings["rule"]):
        n_searches = sum(settings[size] is None for size in sizes)
    if n_searches:
        return Tried(0, per_search * n_searches * n_rankings, 0)
    return Tried(n_rankings, 0, per_search if _may_be_too_few(settings, shape or GPT2_SMALL) else 0)


def may_search_on(settings: Mapping[str, Any]) -> bool:
    """Whether a size that would do is searched where the edges asked for are too few."""
    return settings["kind"] == "edges" and not SELECTIONS[settings["rule"]["name"]].takes_long


def _may_be_too_few(settings: Mapping[str, Any], shape: Shape) -> bool:
    """Whether larger circuits are tried where the edges asked for are too few."""
    n_edges = settings["edges"]
    return n_edges is not None and n_edges < shape.wiring.n_edges and may_search_on(settings)


def expected_to_choose(settings: Mapping[str, Any], shape: Shape | None) -> list[Circuits]:
    """The circuits that are run to choose one; where the model's shape is not known, by that of GPT-2 small.

    settings  what decides the circuit, as the stage `choose` has them
    """
    return [circuits for search in expected_searches(settings, shape or GPT2_SMALL).values() for circuits in search]


def expected_searches(settings: Mapping[str, Any], shape: Shape) -> dict[SearchFor, list[Circuits]]:
    """The circuits that each search runs, in the order of the searches; a size that is given is a search of one."""
    of_edges = shape.wiring.n_edges
    n_edges, n_nodes, threshold = (settings[name] for name in ("edges", "nodes", "threshold"))
    searches = has_size(settings["rule"]) and threshold is None
    found: dict[SearchFor, list[Circuits]] = {}
    for number, ranking in enumerate(rankings(settings)):
        of_components = settings["kind"] == "components"
        if of_components and searches and n_nodes is None:
            found[SearchFor(ranking, "components")] = of_sizes("components", expected_sizes(shape.n_writers - 1), shape)
        if n_edges is not None or not (of_components or searches):
            sizes = [n_edges or half_way(of_edges)]
        elif number and not of_components:
            sizes = sizes_below(expected_end(of_edges))
        else:
            # Before components are chosen, the edges among them may be nearly all or few.
            sizes = expected_sizes(of_edges)
        found[SearchFor(ranking, "edges")] = of_sizes("edges", sizes, shape)
    if n_edges is not None and _may_be_too_few(settings, shape):
        larger = of_sizes("edges", expected_sizes(of_edges, smallest=n_edges)[1:], shape)
        found[BEYOND] = [circuits._replace(n=_TOO_SMALL) for circuits in larger]
    return found


def of_sizes(of: str, sizes: Iterable[int], shape: Shape) -> list[Circuits]:
    """A circuit of each size: of edges, or of components and all edges among these."""
    if of == "edges":
        return [Circuits(1, size / shape.wiring.n_edges) for size in sizes]
    return [Circuits(1, (size / (shape.n_writers - 1)) ** 2, parts_of_components(shape, size)) for size in sizes]


def sizes_below(size: int) -> list[int]:
    """The sizes that the search of a later ranking tries: it is only better with fewer than `size` edges, and none of
    these is expected to do."""
    return expected_sizes(max(1, size - 1), is_found=False)


class StillExpected:
    """The forward passes of all prompts that searches are expected to take yet, each circuit run by itself.

    Circuits grow in a search: one takes no less than those that are smaller, and no more than those that are larger.
    """

    def __init__(self, settings: Mapping[str, Any], runner: CircuitRunner) -> None:
        """settings  what decides the circuit, as the stage `choose` has them"""
        prompts, self._shape = runner.prompts, shape_of(runner.model)
        n_tokens = round(lengths_among(prompts).mean_run * len(prompts))
        self._batch = Batch(n_tokens, runner.model.forward.numbers_at_once)
        self._known: dict[SearchFor, dict[int, float]] = defaultdict(dict)
        searches = expected_searches(settings, self._shape)
        self._passes = {search: sum(map(self._of, circuits)) for search, circuits in searches.items()}

    def expect(self, search: SearchFor, sizes: Sequence[int]) -> None:
        """The sizes that a search is now expected to try yet."""
        known = self._known[search]
        self._passes[search] = sum(
            _between(known, size, self._of(circuit))
            for size, circuit in zip(sizes, of_sizes(search.of, sizes, self._shape), strict=True)
        )

    def learn(self, search: SearchFor, size: int, n_passes: float) -> None:
        """What the circuit of one size takes, of those of a search."""
        self._known[search][size] = n_passes

    @property
    def passes(self) -> float:
        return sum(self._passes.values())

    def _of(self, circuits: Circuits) -> float:
        return passes(self._shape, [circuits], self._batch)


def _between(known: Mapping[int, float], size: int, guess: float) -> float:
    """What a size takes: no less than smaller ones, and no more than larger ones."""
    least = max((value for at, value in known.items() if at < size), default=0.0)
    most = min((value for at, value in known.items() if at > size), default=math.inf)
    return min(max(guess, least), most)
