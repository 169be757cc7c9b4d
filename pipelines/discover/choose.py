"""The circuit of a run, chosen on the prompts of its scores; others judge it (`pipelines.discover.stages.judge`).

A size that is asked for is taken. Else the smallest size is searched at which the circuit is faithful: of components
first, then of the edges among them; of edges where these were scored. Where no ranking is asked for, signed scores and
magnitudes are both tried, and the one that does better here is taken: of searches the one that is faithful with fewer
edges; of a size that is given the one whose faithfulness is nearer to 1, as a circuit may also go beyond the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.faithfulness import Baseline, faithfulness
from circuits.evaluation.monotone import Fall, falls
from circuits.evaluation.sizes import SizeSearch, expected_end, expected_sizes, search_sizes
from circuits.metrics import METRICS
from circuits.model.steps import whole
from circuits.scores import ComponentScores, EdgeScores
from graphs.selection import Selected, Selection
from pipelines.discover.expected import (
    BEYOND,
    SearchFor,
    StillExpected,
    may_search_on,
    rankings,
    sizes_below,
)
from pipelines.discover.rules import has_size, made_rule
from pipelines.discover.told_runs import ToldRuns
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import baseline_from, prompts_from, scores_from
from pipelines.runs.stage_inputs import ablation_of

Make = Callable[[int], Selection]


class Search(NamedTuple):
    """The sizes that were tried, in edges or components.

    intervals  [size] of the faithfulness at each size that was tried; None where it is unbounded
    falls      where faithfulness falls as circuits grow, beyond its uncertainty
    """

    of: str
    sizes: SizeSearch
    intervals: Sequence[list[float] | None]
    falls: Sequence[Fall]

    def as_json(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "size": self.sizes.size,
            "tried": [[size, value] for size, value in self.sizes.tried.items()],
            "intervals": list(self.intervals),
            "falls": [fall.as_json() for fall in self.falls],
        }


class Choice(NamedTuple):
    """The circuit of one ranking.

    share     its faithfulness; None where clean and corrupt do not differ
    searches  how its size was found; none where it was given
    """

    ranking: str
    selected: Selected
    share: float | None
    searches: tuple[Search, ...]

    def is_faithful(self, bound: float) -> bool:
        """Whether it reaches the bound; where its size was given, and not searched, also whether it goes no further
        beyond 1 than the bound is below."""
        return self.share is not None and bound <= self.share <= (math.inf if self.searches else 2 - bound)

    def as_json(self) -> dict[str, Any]:
        return {
            "ranking": self.ranking,
            "n_edges": self.selected.n_edges,
            "faithfulness": self.share,
            "searches": [search.as_json() for search in self.searches],
        }


class Judge:
    """Runs circuits on the choosing prompts, each of them once."""

    def __init__(self, runner: CircuitRunner, baseline: Baseline, expected: StillExpected) -> None:
        """expected  what is to be run yet, so that it can be told how much of all is done"""
        self._runner, self.baseline, self._expected = runner, baseline, expected
        self._told = ToldRuns(runner.values, weigh=runner.weight, first=runner.recording)
        self._told.expect(expected.passes)
        self._known: dict[bytes, Floats] = {}

    @property
    def n_runs(self) -> int:
        """How many different circuits were run."""
        return len(self._known)

    @property
    def has_gap(self) -> bool:
        return self.baseline.has_gap

    def expect(self, search: SearchFor, sizes: Sequence[int]) -> None:
        """The sizes that a search is now expected to try yet."""
        self._expected.expect(search, sizes)
        self._told.expect(self._expected.passes)

    def learn(self, search: SearchFor, size: int, edges: Bools) -> None:
        """The circuit [edge] of one size of a search, by which it is known what others take."""
        self._expected.learn(search, size, self._runner.weight(self._runner.circuit(edges)[None]))

    def values(self, edges: Bools) -> Floats:
        """[prompt] the metric of a circuit [edge]."""
        key = edges.tobytes()
        if key not in self._known:
            self._known[key] = self._told.values(self._runner.circuit(edges)[None])[0]
        return self._known[key]

    def share(self, selected: Selected) -> float | None:
        """Faithfulness of a circuit."""
        return faithfulness(self.values(selected.mask), self.baseline).mean


def choose(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The circuit: the one asked for, or the smallest faithful one of a search."""
    prompts = prompts_from(inputs["prompts"][0])
    edges = scores_from(inputs["edges"], prompts)
    nodes = node_scores(settings, inputs, edges)
    metric, ablation = METRICS[settings["metric"]], ablation_of(settings, inputs, model)
    runner, baseline = CircuitRunner(model(), prompts, metric, ablation), baseline_from(inputs["baseline"][0])
    judge = Judge(runner, baseline, StillExpected(settings, runner))
    others = [scores_from(inputs[name], prompts) for name in sorted(inputs) if name.startswith("others_")]
    grounds = {name: _Ground(settings, name, edges, nodes, others, judge) for name in rankings(settings)}
    with whole():
        choices, best, larger = _best(grounds, 1 - settings["tolerance"])
    return Result(
        {
            "selection": dict(best.selected.selection),
            "selected": kept_of(best.selected),
            "ranking": best.ranking,
            "choices": [choice.as_json() for choice in choices],
            "would_do": None if larger is None else larger.sizes.size,
            "larger_sizes": None if larger is None else larger.as_json(),
            "n_runs": judge.n_runs,
        },
        {"mask": best.selected.mask, "values": judge.values(best.selected.mask)},
    )


def _best(grounds: Mapping[str, _Ground], bound: float) -> tuple[list[Choice], Choice, Search | None]:
    """The choice of every ranking, the best of them, and the larger sizes that were tried where it is too small."""
    choices: list[Choice] = []
    for ground in grounds.values():
        # A later ranking is only better with fewer edges than an earlier one that is faithful.
        faithful = [choice.selected.n_edges for choice in choices if choice.is_faithful(ground.bound)]
        later = list(grounds)[len(choices) + 1 :]
        choices.append(_choice(ground, fewer_than=min(faithful, default=None), later=later))
    best = min(choices, key=lambda choice: _order(choice, bound))
    return choices, best, _larger_sizes(grounds[best.ranking], best)


def kept_of(selected: Selected) -> dict[str, Any]:
    """What was selected beside its edges, for `selected_from`."""
    names = ("threshold", "selection", "chosen_by", "n_chosen", "left_out", "tied_out", "notes", "size_note")
    return {name: getattr(selected, name) for name in names}


def selected_from(chosen: Result, edges: EdgeScores) -> Selected:
    """What a `choose` job selected, of the edges that `edges` scores."""
    kept = chosen.meta["selected"]
    return Selected(edges.wiring, np.flatnonzero(chosen.arrays["mask"]), **kept | {"notes": tuple(kept["notes"])})


def _order(choice: Choice, bound: float) -> tuple[Any, ...]:
    """Faithful circuits first, the smallest of them first; of others, the one closest to the whole effect."""
    if choice.is_faithful(bound):
        return (0, choice.selected.n_edges)
    return (1, 0.0 if choice.share is None else abs(1 - choice.share))


def node_scores(
    settings: Mapping[str, Any], inputs: Inputs, edges: EdgeScores, **labels: Any
) -> ComponentScores | None:
    """Scores of components: measured, or summed over edges where components are to be chosen by an edge method."""
    nodes = scores_from(inputs["nodes"], prompts_from(inputs["prompts"][0]), **labels)
    return edges.node_scores() if nodes is None and settings["kind"] == "components" else nodes


class _Ground(NamedTuple):
    """What circuits of one ranking are chosen from, and the prompts that judge them."""

    settings: Mapping[str, Any]
    ranking: str
    edges: EdgeScores
    nodes: ComponentScores | None
    others: Sequence[EdgeScores]
    judge: Judge

    @property
    def bound(self) -> float:
        """The least faithfulness of a circuit that is faithful."""
        return 1 - self.settings["tolerance"]

    @property
    def n_measured(self) -> int:
        """How many edges were measured, or 1: no others are in a circuit, however many it may have."""
        return max(1, int(np.count_nonzero(self.edges.measured)))

    @property
    def n_components(self) -> int:
        assert self.nodes is not None
        return sum(component.kind in self.edges.wiring.node_kinds for component in self.nodes.components)

    def made(self, **values: Any) -> Selection:
        """The rule of the run, with values of those of its settings that are options."""
        absolute = self.ranking == "absolute"
        return made_rule(self.settings["rule"], absolute=absolute, position=self.settings["position"], **values)

    def select(self, selection: Selection) -> Selected:
        return selection.choose_with(self.others, self.edges, self.nodes)

    def search(
        self,
        search: SearchFor,
        make: Make,
        largest: int,
        *,
        smallest: int = 1,
        later: Sequence[SearchFor] = (),
        is_found: bool = True,
    ) -> Search:
        """The sizes tried, of circuits that `make` gives. Only where clean and corrupt differ.

        later     searches that try only sizes below the one that this one finds
        is_found  whether a size that does is expected
        """
        judge, values, known = self.judge, dict[int, Floats](), dict[int, float]()

        def expect() -> None:
            so_far: dict[str, Any] = {"smallest": smallest, "known": known, "bound": self.bound}
            judge.expect(search, expected_sizes(largest, **so_far, is_found=is_found))
            for other in later:
                judge.expect(other, sizes_below(expected_end(largest, **so_far)))

        def share(n: int) -> float:
            expect()
            circuit = self.select(make(n)).mask
            values[n] = judge.values(circuit)
            judge.learn(search, n, circuit)
            measured = faithfulness(values[n], judge.baseline).mean
            assert measured is not None
            known[n] = measured
            return measured

        sizes = search_sizes(share, largest, bound=self.bound, smallest=smallest)
        judge.expect(search, ())
        tried = np.stack([values[n] for n in sizes.tried])
        intervals = [faithfulness(each, judge.baseline).interval for each in tried]
        bounded = [None if interval is None else interval.as_json() for interval in intervals]
        return Search(search.of, sizes, bounded, falls(list(sizes.tried), tried, judge.baseline))


def _choice(ground: _Ground, *, fewer_than: int | None, later: Sequence[str]) -> Choice:
    """The circuit of one ranking.

    fewer_than  how many edges another ranking needs: more are not tried
    later       the rankings that come after this one
    """
    settings, ranking, searches = ground.settings, ground.ranking, []
    n_edges, nodes, threshold = (settings[name] for name in ("edges", "nodes", "threshold"))

    def smallest_faithful(make: Make, largest: int, of: str, **expected: Any) -> Selection:
        """The smallest faithful one; where there is nothing to be faithful to, the smallest."""
        if not ground.judge.has_gap:
            return make(1)
        searches.append(ground.search(SearchFor(ranking, of), make, largest, **expected))
        return make(searches[-1].sizes.best)

    is_searched = has_size(settings["rule"]) and threshold is None
    if settings["kind"] == "edges":
        if is_searched and n_edges is None:
            most = ground.n_measured if fewer_than is None else max(1, min(ground.n_measured, fewer_than - 1))
            below = [SearchFor(other, "edges") for other in later]
            expected = {"later": below, "is_found": fewer_than is None}
            selection = smallest_faithful(lambda n: ground.made(n=n), most, "edges", **expected)
        else:
            selection = ground.made(n=n_edges, minimum=threshold)
    else:
        if is_searched and nodes is None:
            selection = smallest_faithful(lambda n: ground.made(n=n), ground.n_components, "components")
        else:
            selection = ground.made(n=nodes, minimum=threshold)
        if n_edges is None:
            among, of_components = selection, ground.select(selection)
            most = max(1, of_components.n_edges)
            ground.judge.learn(SearchFor(ranking, "edges"), most, of_components.mask)
            selection = smallest_faithful(lambda n: replace(among, n_edges=n), most, "edges")
        else:
            selection = replace(selection, n_edges=n_edges)
    selected = ground.select(selection)
    share = ground.judge.share(selected)
    ground.judge.expect(SearchFor(ranking, "edges"), ())
    return Choice(ranking, selected, share, tuple(searches))


def _larger_sizes(ground: _Ground, best: Choice) -> Search | None:
    """The search, from the size that was asked for, for the edges that would do; None where none was made."""
    asked, largest = ground.settings["edges"], ground.n_measured
    is_faithful = best.share is None or best.share >= ground.bound
    if asked is None or is_faithful or asked >= largest or not may_search_on(ground.settings):
        return None
    return ground.search(BEYOND, lambda n: ground.made(n=n), largest, smallest=asked)


CHOOSE = Stage("choose", 8, choose, title="choose the circuit")
