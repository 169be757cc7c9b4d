"""Two circuits side by side: what changed, and how much they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from circuits.scores import EdgeScores
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.curve import FRACTIONS
from graphs.comparison.diff import Diff, diff
from graphs.comparison.head_scores import MaybeComponentScores
from graphs.comparison.nulls.registry import SAMPLES
from graphs.comparison.reuse import MaybeRedrawn, Reuse, reuse
from graphs.drawable import Drawable

Membership = Literal["shared", "only_a", "only_b"]


@dataclass(frozen=True)
class Comparison(Drawable):
    """Circuits `a` and `b` of one model (or of models with the same wiring), and what follows from comparing them.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, compare
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> first, second = (
    ...     CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    ...     for names in (("input->a0.h0<v>", "a0.h0->logits"), ("input->a0.h0<v>", "a0.h0->m1", "m1->logits"))
    ... )
    >>> found = compare(first, second)
    >>> found, found.labels
    (<Comparison of A and B: 1 head, 0 MLPs, 1 edge shared>, ('A', 'B'))
    >>> found.node_membership()["m1"], found.edge_membership()["a0.h0->logits"]
    ('only_b', 'only_a')
    >>> found.to_frame()[["name", "membership"]].values.tolist()[:2]
    [['input', 'shared'], ['a0.h0', 'shared']]
    >>> found.draw(size="column").to_bytes("svg")[:5]
    b'<?xml'
    """

    a: CircuitGraph
    b: CircuitGraph
    diff: Diff
    reuse: Reuse

    def __repr__(self) -> str:
        counts = {level: overlap.n_shared for level, overlap in self.reuse.levels.items()}
        # Nodes are the heads and the MLPs.
        counts = {"MLPs" if level == "nodes" else level: n for level, n in counts.items()}
        counts["MLPs"] -= counts["heads"]
        shared = ", ".join(f"{n} {level.removesuffix('s') if n == 1 else level}" for level, n in counts.items())
        return f"<Comparison of {self.labels[0]} and {self.labels[1]}: {shared} shared>"

    @property
    def labels(self) -> tuple[str, str]:
        """What the two are called in figures: by task or name, else by both, by method, model or ablation, else `A` and
        `B`."""
        a, b = self.a.label, self.b.label
        if a != b:
            return a, b
        for of_a, of_b in zip(_facts(self.a), _facts(self.b), strict=True):
            if of_a != of_b:
                return f"{a}, {of_a}", f"{b}, {of_b}"
        return "A", "B"

    def node_membership(self) -> dict[str, Membership]:
        """Node name -> which circuits have it; a's nodes first, each in wiring order."""
        return _membership([node.name for node in self.a.nodes], [node.name for node in self.b.nodes])

    def edge_membership(self) -> dict[str, Membership]:
        """Edge name -> which circuits have it; a's edges first, each in wiring order."""
        return _membership([edge.name for edge in self.a.edges], [edge.name for edge in self.b.edges])


def compare(
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
) -> Comparison:
    """`diff` and `reuse` of two circuits, with their settings. ValueError for circuits of different models.

    >>> from circuits import Edge, Wiring
    >>> from graphs import CircuitGraph, compare
    >>> wiring = Wiring(n_layers=2, n_heads=2, n_kv_heads=2)
    >>> def circuit(*names):
    ...     return CircuitGraph.from_edges(wiring, map(Edge.parse, names))
    >>> first = circuit("input->a0.h0<v>", "a0.h0->m1", "m1->logits")
    >>> second = circuit("input->a0.h0<v>", "a0.h0->logits", "input->a1.h1<v>", "a1.h1->logits")
    >>> compare(first, second).node_membership()
    {'input': 'shared', 'a0.h0': 'shared', 'm1': 'only_a', 'logits': 'shared', 'a1.h1': 'only_b'}
    """
    shared = reuse(
        a,
        b,
        scores=scores,
        node_scores=node_scores,
        others=others,
        redrawn=redrawn,
        fractions=fractions,
        resamples=resamples,
        samples=samples,
        level=level,
        seed=seed,
        across_models=across_models,
    )
    return Comparison(a, b, diff(a, b, across_models=across_models), shared)


def _facts(side: CircuitGraph) -> tuple[str | None, ...]:
    """What tells circuits apart that are called alike: the first of these that differs is said."""
    origin = side.provenance
    if origin is None:
        return (None, side.method, None, None, None)
    return (origin.task, side.method, origin.model, origin.ablation.partition("(")[0], origin.ablation)


def _membership(a: Sequence[str], b: Sequence[str]) -> dict[str, Membership]:
    in_a, in_b = set(a), set(b)
    only_a = {name: "shared" if name in in_b else "only_a" for name in a}
    return {**only_a, **{name: "only_b" for name in b if name not in in_a}}  # pyright: ignore[reportReturnType]
