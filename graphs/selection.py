"""Which scored edges form the circuit.

A selection is a frozen dataclass whose fields are its settings; `choose` turns scores into the edges kept.
Every selection ends the same way: edges that lie on no path from `input` to `logits` are dropped, because they
cannot influence the output of a circuit in which everything else is corrupted. A budget of n edges therefore
keeps *at most* n, as in the MIB benchmark.

Edge selections rank edges; component selections rank heads and MLPs first and keep edges among the best of them.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import INPUT, LOGITS, Component, Edge, Wiring
from circuits.lookup import unknown
from circuits.masks import endpoints
from circuits.scores import ALL_POSITIONS, ComponentScores, EdgeScores

_ROUNDING = 1e-6  # of float32 scores, relative
_FORMER_SETTINGS = {"place": "position"}  # setting as files of earlier versions call it -> its name now


@dataclass(frozen=True)
class Selected:
    """The edges that a selection kept.

    edges      kept, in wiring order
    threshold  smallest |score| among them (smallest score, if the selection ranks by signed score); None if empty
    selection  name and settings of the selection, as `describe` gives them
    n_chosen   how many edges were chosen before those on no path from `input` to `logits` were dropped
    left_out   component -> why it is not in the circuit, though its score or one of its edges was chosen
    tied_out   "edges" or "components" -> how many that were measured score the same as the weakest chosen one and were
               not chosen: the model's own order decided between them
    """

    wiring: Wiring
    edges: tuple[Edge, ...]
    threshold: float | None
    selection: Mapping[str, Any]
    n_chosen: int
    left_out: Mapping[str, str]
    tied_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_dropped(self) -> int:
        """How many chosen edges were dropped as dead ends."""
        return self.n_chosen - len(self.edges)

    @cached_property
    def mask(self) -> Bools:
        """[edge] whether each possible edge is kept, in the order of `wiring.edges`."""
        kept = np.zeros(self.wiring.n_edges, dtype=bool)
        kept[[self.wiring.edge_index(edge) for edge in self.edges]] = True
        return kept

    @property
    def reason(self) -> str | None:
        """Why the circuit is empty; None when it is not."""
        if self.edges:
            return None
        of = SELECTIONS[self.selection["name"]]
        defaults = {entry.name: entry.default for entry in fields(of)}  # pyright: ignore[reportArgumentType]
        given = {key: value for key, value in self.selection.items() if key != "name" and defaults[key] != value}
        settings = ", ".join(f"{key}={value}" for key, value in given.items())
        chosen_by = f"{self.selection['name']} ({settings})"
        if self.n_chosen == 0:
            return f"{chosen_by} chose no edge: ask for more, or lower the threshold."
        return (
            f"{chosen_by} chose {self.n_chosen} edge{'s' if self.n_chosen > 1 else ''}, but together they make no path "
            "from input to logits: ask for more edges, or use 'greedy', which grows from the logits."
        )


@runtime_checkable
class Selection(Protocol):
    """Anything that chooses the edges of a circuit; its dataclass fields are its settings."""

    name: ClassVar[str]

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        """The edges to keep. Only component selections use `node_scores`."""
        ...


@dataclass(frozen=True)
class TopEdges:
    """The `n` measured edges of highest |mean score|; ties in wiring order."""

    name: ClassVar[str] = "top-edges"

    n: int  # edges chosen, before dead ends are dropped
    absolute: bool = True  # False: rank by signed score, so that only supporting edges come first
    keeps_unscored: bool = False  # also keep edges that were not measured, between components that chosen ones touch

    def __post_init__(self) -> None:
        _require_count("n", self.n)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        ranking = scores.ranking(absolute=self.absolute)
        chosen = ranking[: self.n]
        selected = _keep(self, scores, _with_unscored(scores, chosen) if self.keeps_unscored else chosen)
        return _cut(selected, edges=_n_tied_out(_strength(scores.means, absolute=self.absolute)[ranking], self.n))


@dataclass(frozen=True)
class Threshold:
    """The measured edges whose |mean score| is at least `minimum`, in units of the metric."""

    name: ClassVar[str] = "threshold"

    minimum: float
    absolute: bool = True  # False: compare the signed score
    keeps_unscored: bool = False  # also keep edges that were not measured, between components that chosen ones touch

    def __post_init__(self) -> None:
        _require_finite_setting("minimum", self.minimum)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        strength = _strength(scores.means, absolute=self.absolute)
        chosen = np.flatnonzero(scores.measured & (strength >= self.minimum))
        return _keep(self, scores, _with_unscored(scores, chosen) if self.keeps_unscored else chosen)


@dataclass(frozen=True)
class Greedy:
    """`n` edges grown from the logits: again and again the strongest edge into what is already in the circuit.

    Follows the greedy selection of EAP-IG (Hanna et al. 2024). Every edge chosen leads to the logits, so dead ends
    are only those that the input does not reach. A head that joins opens its query input, and the key and value
    inputs it attends with. Ties in wiring order.
    """

    name: ClassVar[str] = "greedy"

    n: int  # edges chosen, before dead ends are dropped
    absolute: bool = True  # False: rank by signed score

    def __post_init__(self) -> None:
        _require_count("n", self.n)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        chosen, left = self._grow(scores)
        strength = _strength(scores.means, absolute=self.absolute)
        n_tied = 0 if left is None or not len(chosen) else int(_is_tied(strength[chosen[-1]], strength[left]))
        return _cut(_keep(self, scores, chosen), edges=n_tied)

    def _grow(self, scores: EdgeScores) -> tuple[Numbers, int | None]:
        """The edges in the order in which they join, and the one that would have joined next; None if there is none."""
        wiring, ranking = scores.wiring, scores.ranking(absolute=self.absolute)
        source, target = endpoints(wiring)
        by_reader = np.argsort(target[ranking], kind="stable")  # ranks, sorted by reader, best first within each
        starts = np.searchsorted(target[ranking][by_reader], np.arange(len(wiring.readers) + 1))
        candidates: list[tuple[int, int, int]] = []  # (rank, index in by_reader, reader): each reader's best edge left

        def offer(index: int, reader: int) -> None:
            if index < starts[reader + 1]:
                heapq.heappush(candidates, (int(by_reader[index]), index, reader))

        opened: set[int] = set()
        joining, chosen = LOGITS, []
        while True:
            for reader in map(wiring.reader_index, wiring.readers_of(joining)):
                if reader not in opened:
                    opened.add(reader)
                    offer(int(starts[reader]), reader)
            if len(chosen) == self.n or not candidates:
                left = int(ranking[candidates[0][0]]) if candidates else None
                return np.asarray(chosen, dtype=np.int64), left
            rank, index, reader = heapq.heappop(candidates)
            offer(index + 1, reader)
            chosen.append(int(ranking[rank]))
            joining = wiring.writers[source[ranking[rank]]]


@dataclass(frozen=True)
class TopComponents:
    """The `n` heads and MLPs of highest |mean score|, and the strongest edges among them, `input` and `logits`.

    Where only heads were scored, all MLPs stay, and the other way round.
    """

    name: ClassVar[str] = "top-components"

    n: int
    n_edges: int | None = None  # edges chosen among them, before dead ends are dropped; None: all that were measured
    position: str | None = None  # where component scores are read; None: their only position, or `all`
    absolute: bool = True  # False: rank components and edges by signed score

    def __post_init__(self) -> None:
        _require_count("n", self.n)
        _require_count("n_edges", self.n_edges)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        candidates = _candidates(self, scores, node_scores)
        order = np.argsort(-candidates.strength, kind="stable")
        best = [*(candidates.components[i] for i in order[: self.n]), *candidates.unscored]
        tied = _n_tied_out(candidates.strength[order], self.n)
        return _cut(_keep_among(self, scores, best), components=tied)


@dataclass(frozen=True)
class ComponentThreshold:
    """Heads and MLPs of |mean score| at least `minimum`, and the strongest edges among them, `input` and `logits`.

    Where only heads were scored, all MLPs stay, and the other way round, unless `keeps_unscored` is False.
    """

    name: ClassVar[str] = "component-threshold"

    minimum: float  # in units of the metric
    n_edges: int | None = None  # edges chosen among them, before dead ends are dropped; None: all that were measured
    position: str | None = None  # where component scores are read; None: their only position, or `all`
    absolute: bool = True  # False: compare signed scores
    keeps_unscored: bool = True  # False: keep only scored components

    def __post_init__(self) -> None:
        _require_finite_setting("minimum", self.minimum)
        _require_count("n_edges", self.n_edges)

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        candidates = _candidates(self, scores, node_scores)
        strong = [candidates.components[i] for i in np.flatnonzero(candidates.strength >= self.minimum)]
        return _keep_among(self, scores, [*strong, *(candidates.unscored if self.keeps_unscored else ())])


ComponentSelection = TopComponents | ComponentThreshold

SELECTIONS: Mapping[str, type[Selection]] = {
    selection.name: selection for selection in (TopEdges, Threshold, Greedy, TopComponents, ComponentThreshold)
}


def describe(selection: Selection) -> dict[str, Any]:
    """Name and settings of a selection as plain values; inverse of `selection_from`.

    >>> from graphs import Greedy, describe
    >>> describe(Greedy(100))
    {'name': 'greedy', 'n': 100, 'absolute': True}
    """
    return {"name": selection.name, **asdict(selection)}  # pyright: ignore[reportArgumentType]


def selection_from(description: Mapping[str, Any]) -> Selection:
    """The selection that `describe` described. ValueError for an unknown name or setting.

    >>> from graphs import selection_from
    >>> selection_from({"name": "greedy", "n": 100})
    Greedy(n=100, absolute=True)
    """
    settings = current_settings(description)
    name = settings.pop("name", None)
    if name not in SELECTIONS:
        raise ValueError(unknown(str(name), SELECTIONS, "selection"))
    known = [field.name for field in fields(SELECTIONS[name])]  # pyright: ignore[reportArgumentType]
    for key in settings:
        if key not in known:
            raise ValueError(f"{name}: {unknown(key, known, 'setting')}")
    try:
        return SELECTIONS[name](**settings)
    except TypeError as error:
        raise ValueError(f"{name} needs more settings ({error}). It has: {', '.join(known)}.") from None


def current_settings(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with settings as they are named now, whichever version of this package wrote it."""
    return {_FORMER_SETTINGS.get(name, name): value for name, value in description.items()}


class PositionMeans(NamedTuple):
    """Mean component scores at one position of the prompt.

    position  its name
    means     [component] in units of the metric
    measured  [component] whether any prompt measured it there
    """

    position: str
    means: Floats
    measured: Bools


def means_at(node_scores: ComponentScores, position: str | None = None) -> PositionMeans:
    """Mean scores at `position`; by default the only position there is, else `all`.

    ValueError if there are several positions, none of them `all`, and `position` is None.
    """
    if position is None:
        if len(node_scores.positions) > 1 and ALL_POSITIONS not in node_scores.positions:
            raise ValueError(
                f"component scores at {len(node_scores.positions)} positions ({', '.join(node_scores.positions)}), "
                "and none was chosen. Set `position`, or measure over all positions."
            )
        position = node_scores.positions[0] if len(node_scores.positions) == 1 else ALL_POSITIONS
    there = node_scores.at(position)
    return PositionMeans(position, there.means[0], np.asarray(there.measured[:, 0].any(axis=0), dtype=bool))


class _Candidates(NamedTuple):
    """The components to choose from, and those of a kind that was not scored at all, which stay in the circuit."""

    components: list[Component]
    strength: Floats  # [component]
    unscored: list[Component]


def _candidates(selection: ComponentSelection, scores: EdgeScores, node_scores: ComponentScores | None) -> _Candidates:
    if node_scores is None:
        raise ValueError(
            f"{selection.name} chooses components by their own scores, but got only edge scores. Give `node_scores` "
            f"from a component method, or use an edge selection ({TopEdges.name}, {Threshold.name}, {Greedy.name})."
        )
    if node_scores.wiring != scores.wiring:
        raise ValueError(
            f"component scores of {node_scores.wiring}, edge scores of {scores.wiring}: measure both on one model."
        )
    position_means = means_at(node_scores, selection.position)
    usable = [
        number
        for number, component in enumerate(node_scores.components)
        if component.kind in scores.wiring.node_kinds and position_means.measured[number]
    ]
    if not usable:
        kinds = sorted({component.kind for component in node_scores.components})
        raise ValueError(
            f"{selection.name} needs scores of heads or MLPs; these are of {', '.join(kinds) or 'nothing'} at "
            f"{position_means.position!r}. Measure heads and MLPs."
        )
    strength = _strength(position_means.means[usable], absolute=selection.absolute)
    candidates = [node_scores.components[number] for number in usable]
    scored = {component.kind for component in candidates}
    # Head scores say nothing against the MLPs, and few circuits work without them: as in Wang et al., they are kept.
    unscored = [writer for writer in scores.wiring.writers if writer != INPUT and writer.kind not in scored]
    return _Candidates(candidates, strength, unscored)


def _keep_among(selection: ComponentSelection, scores: EdgeScores, chosen: Iterable[Component]) -> Selected:
    """The strongest measured edges that run between the chosen components, `input` and `logits`.

    Where no edge was measured at all (a model whose edges cannot be scored), all edges between them stay, unscored.
    """
    wiring, members = scores.wiring, {INPUT, LOGITS, *chosen}
    writes = np.array([writer in members for writer in wiring.writers])
    reads = np.array([bool(members.intersection(wiring.writers_fed_by(reader.component))) for reader in wiring.readers])
    source, target = endpoints(wiring)
    ranking = scores.ranking(absolute=selection.absolute)
    ranking = ranking[writes[source[ranking]] & reads[target[ranking]]]
    among = ranking[: selection.n_edges]
    tied = _n_tied_out(_strength(scores.means, absolute=selection.absolute)[ranking], selection.n_edges)
    if not scores.measured.any():
        among = np.flatnonzero(writes[source] & reads[target])
    selected = _keep(selection, scores, among)
    present = {component for edge in selected.edges for component in (edge.source, edge.target)}
    unconnected = {
        str(member): "chosen by its score, but no kept edges connect it to input and logits"
        for member in wiring.writers
        if member in members and member not in present and member != INPUT
    }
    return _cut(replace(selected, left_out=unconnected), edges=tied)


def _with_unscored(scores: EdgeScores, chosen: Numbers) -> Numbers:
    """The chosen edges, and unmeasured edges between the heads that these touch, MLPs, `input` and `logits`."""
    wiring, (source, target) = scores.wiring, endpoints(scores.wiring)
    writes = np.array([not wiring.is_head(writer) for writer in wiring.writers])
    writes[source[chosen]] = True
    for reader in np.unique(target[chosen]):
        writes[[wiring.writer_index(part) for part in wiring.writers_fed_by(wiring.readers[reader].component)]] = True
    members = {writer for writer, is_in in zip(wiring.writers, writes, strict=True) if is_in} | {LOGITS}
    reads = np.array([bool(members.intersection(wiring.writers_fed_by(reader.component))) for reader in wiring.readers])
    unscored = np.flatnonzero(~scores.measured & writes[source] & reads[target])
    return np.union1d(chosen, unscored)


def _keep(selection: Selection, scores: EdgeScores, chosen: Numbers) -> Selected:
    """The chosen edges without dead ends."""
    wiring = scores.wiring
    chosen_edges = [wiring.edges[number] for number in np.sort(chosen)]
    kept = tuple(wiring.on_a_path(chosen_edges))
    strength = _strength(scores.means, absolute=getattr(selection, "absolute", True))
    numbers = [wiring.edge_index(edge) for edge in kept]
    threshold = min((float(strength[number]) for number in numbers if scores.measured[number]), default=None)
    left_out = dict(explain_left_out(wiring, chosen_edges, kept))
    return Selected(wiring, kept, threshold, describe(selection), len(chosen_edges), left_out)


def explain_left_out(wiring: Wiring, chosen: Iterable[Edge], kept: Iterable[Edge]) -> Iterator[tuple[str, str]]:
    """(component, why) for each component of `chosen` that is in none of the `kept` edges.

    `chosen` in wiring order.
    """
    chosen = list(chosen)
    present = {component for edge in kept for component in (edge.source, edge.target)}
    reached = {INPUT}
    for edge in chosen:
        if edge.source in reached:
            reached.update((edge.target, *wiring.writers_fed_by(edge.target)))
    ends = dict.fromkeys(component for edge in chosen for component in (edge.source, edge.target))
    for component in ends:
        if component not in present:
            is_reached = component in reached and component != LOGITS
            yield str(component), "no chosen path leads " + ("from it to logits" if is_reached else "from input to it")


def _cut(selected: Selected, **tied: int) -> Selected:
    """The same, saying how many of what were tied with the weakest chosen one and not chosen."""
    return replace(selected, tied_out={**selected.tied_out, **{name: n for name, n in tied.items() if n}})


def _n_tied_out(strength: Floats, n: int | None) -> int:
    """How many of `strength`, in falling order, equal the weakest of the first `n`, and are not among these."""
    if not n or n >= len(strength):
        return 0
    return int(_is_tied(strength[n - 1], strength[n:]).sum())


def _is_tied(weakest: float, others: Floats) -> Bools:
    """Whether scores differ by rounding at most, so that nothing but order puts one before the other."""
    return np.abs(others - weakest) <= _ROUNDING * abs(weakest)


def _strength(means: Floats, *, absolute: bool) -> Floats:
    return np.abs(means) if absolute else means


def _require_count(name: str, value: int | None) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"{name}={value!r} is not a number of edges or components: give a whole number, 0 or more.")


def _require_finite_setting(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(
            f"{name}={value!r} selects nothing or everything: give a finite number in units of the metric."
        )
