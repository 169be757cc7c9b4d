"""How much two circuits share, against a stated null.

Sharing is counted for heads, nodes and edges. **The null**: both circuits keep how many heads they have *in each
layer*, and which ones is drawn at random. Circuits of unrelated behaviors that both sit in late layers overlap more
than draws from the whole model would, so layers must be kept. The overlap is then a sum of independent hypergeometric
counts, one per layer, and its distribution their convolution: exact, no sampling. Nodes are drawn within kind and
layer, edges within source layer, target layer and port (a weak null for edges: it ignores that edges share heads).
Where the heads of a layer are joined into one part, nothing could be drawn within layers: then the layers are drawn.

With the scores of all edges: rank correlations, the overlap swept over thresholds, and a bootstrap interval over
prompts. Merullo et al. (ICLR 2024) report the heads that two tasks share at the 2 % most important heads; how they
count the union over stages is not stated, hence intersection over union *and* containment both ways.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.arrays import Bools, Floats
from circuits.components import LOGITS, Component, Wiring
from circuits.intervals import Interval, bootstrap
from circuits.masks import endpoints
from circuits.scores import ComponentScores, EdgeScores, Scores
from graphs.circuit_graph import CircuitGraph, require_comparable
from graphs.comparison.null import OverlapDistribution, overlap_distribution
from graphs.selection import SELECTIONS, Selected, means_at, selection_from

SIGNIFICANT = 0.05
FRACTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
MaybeComponentScores = tuple[ComponentScores | None, ComponentScores | None]


@dataclass(frozen=True)
class Overlap:
    """What two circuits share: heads, nodes or edges.

    shared          names in both, in wiring order
    n_a, n_b        how many each circuit has
    expected        mean number shared under the null
    expected_iou    mean intersection over union under the null; None if both circuits are empty
    p_value         probability under the null of sharing at least as many; None for edges that are in a circuit only
                    because the components at their ends are: they were not chosen one by one, as the null assumes
    least_p_value   what it would be if they shared all they can: where that is large, the null cannot tell
    """

    shared: tuple[str, ...]
    n_a: int
    n_b: int
    expected: float
    expected_iou: float | None
    p_value: float | None
    least_p_value: float = 0.0

    @property
    def can_tell(self) -> bool:
        """Whether any overlap of circuits of these sizes would be beyond chance."""
        return self.least_p_value < SIGNIFICANT

    @property
    def n_shared(self) -> int:
        return len(self.shared)

    @property
    def n_either(self) -> int:
        return self.n_a + self.n_b - self.n_shared

    @property
    def iou(self) -> float | None:
        """Intersection over union; None if both circuits are empty."""
        return _ratio(self.n_shared, self.n_either)

    @property
    def of_a(self) -> float | None:
        """Fraction of a's that b has too; None if a has none."""
        return _ratio(self.n_shared, self.n_a)

    @property
    def of_b(self) -> float | None:
        """Fraction of b's that a has too; None if b has none."""
        return _ratio(self.n_shared, self.n_b)


@dataclass(frozen=True)
class SweepPoint:
    """The overlap of the top `n` heads or edges of both, by |score|: `fraction` of all, at least one."""

    of: Literal["heads", "edges"]
    fraction: float
    n: int
    n_shared: int
    iou: float
    expected_iou: float  # under the same null as in `Overlap`
    threshold_a: float  # |score| of the last one taken
    threshold_b: float


@dataclass(frozen=True)
class Reuse:
    """How much two circuits share. Fields that need the scores of all edges are None (or empty) without them.

    heads_interval          bootstrap interval of the heads' intersection over union: prompts resampled, circuits
                            selected anew; also None if the circuits were not selected from scores, or from one prompt
    edge_rank_correlation   Spearman's, of the signed scores of all edges measured in both; also None if one side is
                            constant, or if the edges were scored by another method than the circuit's
    head_rank_correlation   the same of `head_scores`; also None where heads were scored themselves on one side only
    sweep                   the overlap at several thresholds, heads first, then edges
    """

    heads: Overlap
    nodes: Overlap
    edges: Overlap
    heads_interval: Interval[float] | None = None
    edge_rank_correlation: float | None = None
    head_rank_correlation: float | None = None
    sweep: tuple[SweepPoint, ...] = ()

    def summary(self) -> dict[str, Any]:
        """The results as plain values, ready for JSON."""
        return {
            "shared_heads": list(self.heads.shared),
            "n_shared_heads": self.heads.n_shared,
            "heads_a": self.heads.n_a,
            "heads_b": self.heads.n_b,
            "heads_iou": self.heads.iou,
            "heads_iou_interval": list(self.heads_interval) if self.heads_interval is not None else None,
            "heads_of_a": self.heads.of_a,
            "heads_of_b": self.heads.of_b,
            "expected_shared_heads": self.heads.expected,
            "expected_heads_iou": self.heads.expected_iou,
            "p_value": self.heads.p_value,
            "nodes_iou": self.nodes.iou,
            "edges_iou": self.edges.iou,
            "n_shared_edges": self.edges.n_shared,
            "edges_p_value": self.edges.p_value,
            "null_can_tell": {name: getattr(self, name).can_tell for name in ("heads", "nodes", "edges")},
            "rank_correlation": self.edge_rank_correlation,
            "head_rank_correlation": self.head_rank_correlation,
            "sweep": [asdict(point) for point in self.sweep],
        }


def reuse(
    a: CircuitGraph,
    b: CircuitGraph,
    *,
    scores: tuple[EdgeScores, EdgeScores] | None = None,
    node_scores: MaybeComponentScores = (None, None),
    fractions: Sequence[float] = FRACTIONS,
    resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
    across_models: bool = False,
) -> Reuse:
    """How much circuits `a` and `b` share, against heads drawn at random within each layer.

    scores       of all edges, for a and b: adds correlations, sweep and interval
    node_scores  component scores for a and b, where heads were scored themselves; used for the heads' correlation and
                 sweep only if both have them, so that like is compared with like
    fractions    of all heads and of all edges, at which the sweep compares the strongest
    resamples    bootstrap draws of prompts for the interval; each selects both circuits anew (milliseconds each)

    ValueError for circuits of different models (see `require_comparable`) or scores of another wiring.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, reuse
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> def circuit(*names):
    ...     return CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    >>> first = circuit("input->a0.h0<v>", "a0.h0->m1", "m1->logits")
    >>> second = circuit("input->a0.h0<v>", "a0.h0->logits", "input->a1.h1<v>", "a1.h1->logits")
    >>> heads = reuse(first, second).heads  # each has one of the two heads of layer 0: the same in one of two draws
    >>> heads.shared, heads.expected, heads.p_value
    (('a0.h0',), 0.5, 0.5)
    """
    require_comparable(a, b, across_models=across_models)
    wiring, edges = a.wiring, _edge_overlap(a, b)
    overlaps = Reuse(
        heads=overlap(map(str, a.heads), map(str, b.heads), stratum_of=_head_strata(wiring)),
        nodes=overlap((n.name for n in a.nodes), (n.name for n in b.nodes), stratum_of=_node_strata(wiring)),
        edges=edges if _chose_edges(a) and _chose_edges(b) else replace(edges, p_value=None),
    )
    if scores is None:
        return overlaps
    for given in (*scores, *node_scores):
        if given is not None and given.wiring != wiring:
            raise ValueError(f"scores of {given.wiring}, circuits of {wiring}: give the scores the circuits came from.")
    node_scores = (_at_position(a, node_scores[0]), _at_position(b, node_scores[1]))
    heads, paired_edges = _paired_heads(scores, node_scores), _paired_edges(scores)
    by_nodes = [_is_of_components(*side) for side in zip(scores, node_scores, strict=True)]
    interval = _heads_interval((a, b), scores, node_scores, resamples=resamples, level=level, seed=seed)
    return replace(
        overlaps,
        heads_interval=interval,
        edge_rank_correlation=None if any(by_nodes) else rank_correlation(paired_edges.a, paired_edges.b),
        head_rank_correlation=None if by_nodes[0] != by_nodes[1] else rank_correlation(heads.a, heads.b),
        sweep=(*_sweep("heads", heads, fractions), *_sweep("edges", paired_edges, fractions)),
    )


def _at_position(graph: CircuitGraph, node_scores: ComponentScores | None) -> ComponentScores | None:
    """Component scores at the position whose scores chose the circuit, if its selection names one."""
    position = graph.selection.get("position")
    return node_scores if node_scores is None or position is None else node_scores.at(position)


def _chose_edges(graph: CircuitGraph) -> bool:
    """Whether the circuit's edges were chosen one by one, not as those among chosen components."""
    rule = SELECTIONS.get(str(graph.selection.get("name")))
    return rule is None or rule.chooses == "edges"


def _is_of_components(scores: EdgeScores, node_scores: ComponentScores | None) -> bool:
    """Whether the method scored components, so that edges were scored by another method."""
    return node_scores is not None and node_scores.provenance.method != scores.provenance.method


class _Paired(NamedTuple):
    """Scores of the same things on both sides, where both were measured.

    a, b     [thing] in units of each metric
    stratum  [thing] number of the stratum it is drawn in under the null
    """

    a: Floats
    b: Floats
    stratum: NDArray[np.int64]


def _paired_edges(scores: tuple[EdgeScores, EdgeScores]) -> _Paired:
    both = scores[0].measured & scores[1].measured
    return _Paired(scores[0].means[both], scores[1].means[both], _edge_strata(scores[0].wiring)[both])


def _paired_heads(scores: tuple[EdgeScores, EdgeScores], node_scores: MaybeComponentScores) -> _Paired:
    """Head scores of both sides: like with like, so heads' own scores only if both sides have them."""
    alike = node_scores if None not in node_scores else (None, None)
    a, b = (head_scores(edge, node) for edge, node in zip(scores, alike, strict=True))
    both = a.measured & b.measured
    return _Paired(a.values[both], b.values[both], _layer_of_head(scores[0].wiring)[both])


class HeadScores(NamedTuple):
    """One number per head.

    values    [head] in wiring order (layer, then index), in units of the metric; 0 where not measured
    measured  [head]
    """

    values: Floats
    measured: Bools


def head_scores(scores: EdgeScores, node_scores: ComponentScores | None = None) -> HeadScores:
    """How much each head matters: its own score if heads were scored, else the sum of its outgoing edges' |mean|.

    The sum has no sign and grows with the number of later readers; it ranks heads within one model.
    """
    wiring = scores.wiring
    n_heads = wiring.n_layers * wiring.n_heads
    if node_scores is not None and any(map(wiring.is_head, node_scores.components)):
        values, measured = np.zeros(n_heads), np.zeros(n_heads, dtype=bool)
        position_means = means_at(node_scores)
        for number, component in enumerate(node_scores.components):
            if wiring.is_head(component):
                head = (component.layer or 0) * wiring.n_heads + (component.index or 0)
                values[head], measured[head] = position_means.means[number], position_means.measured[number]
        return HeadScores(values, measured)
    source, _ = endpoints(wiring)
    of_writer = np.bincount(source, weights=np.abs(scores.means), minlength=len(wiring.writers)).astype(float)
    any_measured = np.bincount(source, weights=scores.measured, minlength=len(wiring.writers)) > 0
    is_head = np.array(list(map(wiring.is_head, wiring.writers)))
    return HeadScores(of_writer[is_head], any_measured[is_head])


def rank_correlation(a: Floats, b: Floats) -> float | None:
    """Spearman's rank correlation; None for fewer than two values or where one side is constant."""
    from scipy.stats import spearmanr

    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def overlap(a: Iterable[str], b: Iterable[str], *, stratum_of: Mapping[str, Hashable]) -> Overlap:
    """What two sets of names share, and how that compares with drawing each at random within strata.

    stratum_of  every name that could have been drawn -> its stratum (the layer, for heads)

    Both sets keep their number of names in each stratum. ValueError for a name without a stratum.
    """
    in_a, in_b = set(a), set(b)
    unknown = sorted((in_a | in_b) - stratum_of.keys())
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not among the {len(stratum_of)} names that could have been drawn.")
    numbers = {stratum: number for number, stratum in enumerate(dict.fromkeys(stratum_of.values()))}
    counts = np.zeros((3, len(numbers)), dtype=np.int64)
    for name, stratum in stratum_of.items():
        counts[:, numbers[stratum]] += (1, name in in_a, name in in_b)
    shared = tuple(name for name in stratum_of if name in in_a and name in in_b)
    null = overlap_distribution(*counts)
    return _overlap(shared, len(in_a), len(in_b), null)


def _overlap(shared: tuple[str, ...], n_a: int, n_b: int, null: OverlapDistribution) -> Overlap:
    by_chance = null.mean, null.mean_iou(n_a, n_b), null.at_least(len(shared)), null.least_p_value
    return Overlap(shared, n_a, n_b, *by_chance)


def _head_strata(wiring: Wiring) -> dict[str, Hashable]:
    kind = wiring.attention_kind
    return {name: stratum for name, stratum in _node_strata(wiring).items() if stratum[0] == kind}


def _node_strata(wiring: Wiring) -> dict[str, tuple[str, int | None]]:
    """Kind and layer; the kind alone where there is one part of a kind in each layer, so that layers are drawn."""
    parts = dict.fromkeys((*wiring.writers, *(reader.component for reader in wiring.readers)))
    return {str(part): (part.kind, None if wiring.joins_heads else part.layer) for part in parts}


def _layer_of_head(wiring: Wiring) -> NDArray[np.int64]:
    return np.repeat(np.arange(wiring.n_layers), wiring.n_heads)


def _edge_strata(wiring: Wiring) -> NDArray[np.int64]:
    """[edge] a number per (source layer, target layer, port); heads and MLPs of a layer have different numbers."""

    def group_of(part: Component) -> int:
        return int(part == LOGITS) if part.layer is None else 2 + 2 * part.layer + part.in_mlp

    source, target = endpoints(wiring)
    of_writer = np.array([group_of(writer) for writer in wiring.writers])
    ports = {None: 0, "q": 1, "k": 2, "v": 3}
    of_reader = np.array([4 * group_of(reader.component) + ports[reader.port] for reader in wiring.readers])
    return of_writer[source] * (of_reader.max() + 1) + of_reader[target]


def _edge_overlap(a: CircuitGraph, b: CircuitGraph) -> Overlap:
    null = _null_of_masks(a.edge_mask, b.edge_mask, _edge_strata(a.wiring))
    in_b = {item.name for item in b.edges}
    shared = tuple(item.name for item in a.edges if item.name in in_b)
    return _overlap(shared, a.n_edges, b.n_edges, null)


def _null_of_masks(in_a: Bools, in_b: Bools, strata: NDArray[np.int64]) -> OverlapDistribution:
    """The null for two sets given as masks over the same things, whose strata are numbered."""
    _, stratum = np.unique(strata, return_inverse=True)
    return overlap_distribution(
        np.bincount(stratum), *(np.bincount(stratum, weights=m).astype(int) for m in (in_a, in_b))
    )


def _sweep(of: Literal["heads", "edges"], paired: _Paired, fractions: Sequence[float]) -> list[SweepPoint]:
    """The overlap of the strongest of both sides, at each fraction of those measured in both."""
    strengths = np.abs(paired.a), np.abs(paired.b)
    orders = [np.argsort(-strength, kind="stable") for strength in strengths]
    size = len(paired.stratum)
    points: list[SweepPoint] = []
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise ValueError(f"cannot take the strongest {fraction} of all {of}: fractions lie between 0 and 1.")
        n = min(size, max(1, round(fraction * size)))
        in_a, in_b = (np.isin(np.arange(size), order[:n]) for order in orders)
        n_shared = int(np.count_nonzero(in_a & in_b))
        expected = _null_of_masks(in_a, in_b, paired.stratum).mean_iou(n, n)
        if expected is not None:
            weakest = (float(strength[order[n - 1]]) for strength, order in zip(strengths, orders, strict=True))
            points.append(SweepPoint(of, fraction, n, n_shared, n_shared / (2 * n - n_shared), expected, *weakest))
    return points


def _prompts_of(scores: Scores) -> tuple[str, int]:
    """What tells whether two scores are of the same prompts, and how many these are."""
    return scores.provenance.prompts_fingerprint, scores.n_prompts


def _edges_of(scores: EdgeScores, counts: Floats) -> EdgeScores:
    """The mean over prompts drawn as often as `counts` [prompt] says, as the scores of a single prompt."""
    return replace(scores, per_prompt=(counts @ scores.per_prompt / counts.sum())[None])


def _components_of(scores: ComponentScores, counts: Floats) -> ComponentScores:
    """The mean over the drawn prompts that have the position, as the scores of a single prompt."""
    weights = counts[:, None, None] * scores.measured
    total = weights.sum(axis=0, keepdims=True)
    means = (weights * scores.per_prompt).sum(axis=0, keepdims=True) / np.where(total > 0, total, 1)
    return replace(scores, per_prompt=means, measured=total > 0)


def _heads_interval(
    graphs: tuple[CircuitGraph, CircuitGraph],
    scores: tuple[EdgeScores, EdgeScores],
    node_scores: MaybeComponentScores,
    *,
    resamples: int,
    level: float,
    seed: int,
) -> Interval[float] | None:
    """Percentile bootstrap interval of the heads' intersection over union.

    Scores of the same prompts (edges and components of one run; two methods on one prompt set) are resampled together,
    those of different prompts independently. Resampled circuits resemble each other less than the circuits of all
    prompts do, so the interval tends to lie low; it says how much the overlap depends on the prompts drawn.
    """
    rules = [SELECTIONS.get(str(graph.selection.get("name"))) for graph in graphs]
    if resamples < 1 or not all(rule is not None and rule.can_resample for rule in rules):
        return None
    selections = [selection_from(graph.selection) for graph in graphs]
    sets = list(dict.fromkeys(_prompts_of(given) for given in (*scores, *node_scores) if given is not None))

    def ious(*counts: Floats) -> Floats:
        return np.array([iou(dict(zip(sets, drawn, strict=True))) for drawn in zip(*counts, strict=True)])

    def iou(drawn: Mapping[tuple[str, int], Floats]) -> float:
        """Of one resample: set of prompts -> how often each was drawn; NaN if neither circuit has a head."""
        in_a, in_b = (
            _heads_of(
                selection.choose(
                    _edges_of(edge, drawn[_prompts_of(edge)]),
                    None if node is None else _components_of(node, drawn[_prompts_of(node)]),
                )
            )
            for selection, edge, node in zip(selections, scores, node_scores, strict=True)
        )
        return len(in_a & in_b) / len(in_a | in_b) if in_a or in_b else np.nan

    n_prompts = (n for _, n in sets)
    interval = bootstrap(ious, *n_prompts, level=level, resamples=resamples, seed=seed).item()
    return None if interval.as_json() is None else interval


def _heads_of(selected: Selected) -> set[Component]:
    return {edge.source for edge in selected.edges if selected.wiring.is_head(edge.source)}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
