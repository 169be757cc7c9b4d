"""How much two circuits share, at every level, against chance and against the same task's own halves.

Levels: heads, nodes (heads and MLPs), edges, and stages of path patching. The null that leads keeps how many parts both
circuits have in each layer: circuits of unrelated behaviors that both sit in late layers overlap more than draws from
the whole model would. Further nulls are in `graphs.comparison.nulls`, measures in `graphs.comparison.measures`.

Merullo et al. (ICLR 2024) report the heads that two tasks share at the 2 % most important heads; how they count the
union over stages is not stated, hence intersection over union *and* containment both ways. Overlap is not a shared
mechanism, and can be missing where there is one: `circuits compare` runs the circuits on each other's task first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from circuits.intervals import Interval
from circuits.scores import ComponentScores, EdgeScores
from graphs.circuit_graph import CircuitGraph, require_comparable
from graphs.comparison.curve import FRACTIONS, SweepPoint, sweep
from graphs.comparison.head_scores import MaybeComponentScores
from graphs.comparison.levels import levels
from graphs.comparison.nulls.registry import SAMPLES
from graphs.comparison.overlap import Overlap, overlap_at
from graphs.comparison.redrawn import Amounts, Redrawn, n_prompts_of, redraw
from graphs.selection import SELECTIONS

MaybeRedrawn = tuple[Redrawn | None, Redrawn | None]


@dataclass(frozen=True)
class Reuse:
    """How much two circuits share.

    heads, nodes, edges  what they share at each level; nodes are heads and MLPs
    stages               stage of path patching -> the same of the heads that it passes on, where both runs have it
    sweep                the overlap of the strongest at several sizes, heads first, then edges; empty without scores
    resamples            of the prompts, and `fewer` why there are not as many as were asked for

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, reuse
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> first, second = (
    ...     CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    ...     for names in (("input->a0.h0<v>", "a0.h0->logits"), ("input->a0.h0<v>", "a0.h0->m1", "m1->logits"))
    ... )
    >>> shared = reuse(first, second)
    >>> list(shared.levels), shared.heads.shared, shared.edges.shared
    (['heads', 'nodes', 'edges'], ('a0.h0',), ('input->a0.h0<v>',))
    >>> shared.heads_interval, shared.edge_rank_correlation, shared.head_rank_correlation  # there are no scores
    (None, None, None)
    >>> shared.summary()["shared_heads"]
    ['a0.h0']
    """

    heads: Overlap
    nodes: Overlap
    edges: Overlap
    stages: tuple[tuple[str, Overlap], ...] = ()
    sweep: tuple[SweepPoint, ...] = ()
    resamples: int = 0
    fewer: tuple[str, ...] = ()

    @property
    def levels(self) -> dict[str, Overlap]:
        """Name of each level -> what the circuits share there."""
        return {"heads": self.heads, "nodes": self.nodes, "edges": self.edges, **dict(self.stages)}

    @property
    def heads_interval(self) -> Interval[float] | None:
        """Bootstrap interval of the heads' intersection over union; None without resamples."""
        return self.heads.interval

    @property
    def edge_rank_correlation(self) -> float | None:
        """Spearman's, of the signed scores of all edges; None if another method scored them than the circuit's."""
        return self.edges.measures.get("spearman")

    @property
    def head_rank_correlation(self) -> float | None:
        """Spearman's, of the signed scores of all heads, which `heads.scores_are` names."""
        return self.heads.measures.get("spearman")

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
            "null_can_tell": {name: overlap.can_tell for name, overlap in self.levels.items()},
            "rank_correlation": self.edge_rank_correlation,
            "head_rank_correlation": self.head_rank_correlation,
            "head_scores_are": None if self.heads.scores_are is None else list(self.heads.scores_are),
            "head_parts": [asdict(part) for part in self.heads.parts],
            "levels": {name: overlap.summary() for name, overlap in self.levels.items()},
            "sweep": [asdict(point) for point in self.sweep],
            "resamples": self.resamples,
            "fewer_resamples": list(self.fewer),
        }


def reuse(
    a: CircuitGraph,
    b: CircuitGraph,
    *,
    scores: tuple[EdgeScores, EdgeScores] | None = None,
    node_scores: MaybeComponentScores = (None, None),
    others: Sequence[CircuitGraph] = (),
    redrawn: MaybeRedrawn | None = None,
    fractions: Sequence[float] = FRACTIONS,
    resamples: int = 500,
    samples: int = SAMPLES,
    level: float = 0.95,
    seed: int = 0,
    across_models: bool = False,
) -> Reuse:
    """How much circuits `a` and `b` share.

    scores       of all edges, for a and b: adds measures of scores, sweep, intervals and the reuse index
    node_scores  component scores for a and b, where components were scored themselves; used as the scores of heads and
                 nodes only if both have them, so that like is compared with like
    others       circuits of other runs: adds two nulls, of generic edges and without what all runs share
    redrawn      what `redraw` gives for both, where it is there already; else it is done here
    fractions    of all heads and of all edges, at which the sweep compares the strongest
    resamples    bootstrap draws of prompts; each chooses both circuits anew (milliseconds each)
    samples      of nulls that are drawn and not counted

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
    for other in (b, *others):
        require_comparable(a, other, across_models=across_models)
    if scores is not None:
        _require_wiring(a, (*scores, *node_scores))
        node_scores = (_at_position(a, node_scores[0]), _at_position(b, node_scores[1]))
        if redrawn is None:
            sides = list(zip((a, b), scores, node_scores, strict=True))
            amounts, half = Amounts(resamples=resamples, seed=seed), min(n_prompts_of(*side) for side in sides) // 2
            first, second = (
                redraw(*side, amounts=amounts, half_size=half, fractions=tuple(fractions)) for side in sides
            )
            redrawn = (first, second)
    else:
        node_scores, redrawn = (None, None), (None, None)
    every = list(levels(a, b, scores=scores, node_scores=node_scores, others=others))
    chose_edges = _chose_edges(a) and _chose_edges(b)
    overlaps = {
        each.name: overlap_at(
            each,
            redrawn,
            chooses=each.name != "edges" or chose_edges,
            samples=samples,
            confidence=level,
            seed=seed,
        )
        for each in every
    }
    ceilings = [None if side is None else side.ceiling for side in redrawn]
    known = [side for side in redrawn if side is not None]
    return Reuse(
        **{name: overlaps.pop(name) for name in ("heads", "nodes", "edges")},
        stages=tuple(overlaps.items()),
        sweep=tuple(
            point for each in every if each.name in ("heads", "edges") for point in sweep(each, fractions, ceilings)
        )
        if scores is not None
        else (),
        resamples=min((len(side.resampled) for side in known), default=0) if len(known) == 2 else 0,
        fewer=tuple(dict.fromkeys(side.fewer for side in known if side.fewer is not None)),
    )


def _require_wiring(graph: CircuitGraph, scores: Sequence[EdgeScores | ComponentScores | None]) -> None:
    for given in scores:
        if given is not None and given.wiring != graph.wiring:
            raise ValueError(
                f"scores of {given.wiring}, circuits of {graph.wiring}: give the scores the circuits came from."
            )


def _at_position(graph: CircuitGraph, node_scores: ComponentScores | None) -> ComponentScores | None:
    """Component scores at the position whose scores chose the circuit, if its selection names one."""
    position = graph.selection.get("position")
    return node_scores if node_scores is None or position is None else node_scores.at(position)


def _chose_edges(graph: CircuitGraph) -> bool:
    """Whether the circuit's edges were chosen one by one, not as those among chosen components."""
    rule = SELECTIONS.get(str(graph.selection.get("name")))
    return rule is None or rule.chooses == "edges"
