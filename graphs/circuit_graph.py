"""CircuitGraph: the chosen part of a model, with scores and with where it came from.

Nodes are components, edges are those of the wiring; two heads connected through several ports have several edges.
Every node lies on a path from `input` to `logits`; chosen components that do not are in `left_out`, with the reason.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.cached import cached_property
from circuits.components import Component, Edge, Wiring
from circuits.intervals import Interval, t_interval
from circuits.numbers import number_text
from circuits.scores import NOT_RECORDED, ComponentScores, EdgeScores, Provenance, sample_of
from graphs.drawable import Drawable
from graphs.node_sums import EdgeSum, edge_sums
from graphs.prompt_use import PromptUse
from graphs.roles.label import RoleLabel
from graphs.selection import SELECTIONS, Selected, Selection, left_out_of, means_at

if TYPE_CHECKING:
    import networkx as nx

# Names of selections that are no rule: edges listed by hand, and those that an elimination left.
GIVEN, MINIMAL = "given", "minimal"


@dataclass(frozen=True)
class CircuitNode:
    """A component in a circuit. `score`, `low` and `high` (metric units) are None where it was not measured.

    Where a method scored components, the score is the component's own effect. Where edges were scored, it is the sum
    of the outgoing edges; of a component that has none (`logits`, a key-value head), of the incoming ones
    (`graphs.node_sums`). `sums` has both, each with its interval, whatever the score is. `low` and `high` are also None
    where the interval is unbounded: a single prompt says nothing about others.

    >>> from circuits import Component
    >>> from graphs import CircuitNode
    >>> node = CircuitNode(Component.parse("a9.h6"), score=1.2, low=0.9, high=1.5, role="mover")
    >>> node.name, node.score, node.role
    ('a9.h6', 1.2, 'mover')
    """

    component: Component
    score: float | None = None
    low: float | None = None
    high: float | None = None
    role: str | None = None  # what it does, where that is known: "name mover", "induction"
    # Everything that written rules say of a head, with what each label rests on (`graphs.roles`); `role` is the first.
    labels: tuple[RoleLabel, ...] = ()
    # Heads of one group show positive-only codes on the same prompts (head coding), or were found in the same stage
    # (staged path patching), counted from 0.
    group: int | None = None
    sums: tuple[EdgeSum, ...] = ()

    @property
    def name(self) -> str:
        """What it is called, as in `a9.h6` or `m3->logits`."""
        return str(self.component)


@dataclass(frozen=True)
class CircuitEdge:
    """An edge in a circuit. `score`, `low` and `high` (metric units) are None as in a `CircuitNode`.

    >>> from circuits import Edge
    >>> from graphs import CircuitEdge
    >>> edge = CircuitEdge(Edge.parse("m3->logits"), score=0.4)
    >>> edge.name, edge.score, edge.low
    ('m3->logits', 0.4, None)
    """

    edge: Edge
    score: float | None = None
    low: float | None = None
    high: float | None = None

    @cached_property
    def name(self) -> str:
        """What it is called, as in `a9.h6` or `m3->logits`."""
        return str(self.edge)


@dataclass(frozen=True)
class CircuitGraph(Drawable):
    """A circuit: edges on paths from `input` to `logits`, and the components they connect. Read-only.

    nodes, edges     in wiring order
    selection        name and settings of the selection that chose them
    threshold        smallest |score| of an edge kept; None if empty or not chosen by score
    faithfulness     1: the circuit alone behaves like the whole model, 0: as if all were corrupted; None: not measured
    metrics          named values in metric units, such as `clean`, `corrupt`, `circuit`
    provenance       of the edge scores; `node_provenance` of the component scores, if there were any
    left_out         component -> why it is not in the circuit, though it or one of its edges was chosen
    reason           why the circuit is empty; None when it is not
    prompts          which prompts chose and judged it; None where that is not recorded
    tied_out         `edges` or `components` -> how many that score the same as the weakest chosen one were not chosen
    called           what figures call it in place of its task; None where that is its task

    Build one with `from_scores` or `from_edges`. ValueError from the constructor if an edge does not exist in the
    wiring or lies on no path, if nodes and edges disagree, or if a number is not finite.

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> from graphs import CircuitGraph, TopEdges
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
    >>> circuit = CircuitGraph.from_scores(scores, TopEdges(60))
    >>> circuit.label, circuit.method, circuit.n_edges, circuit.of_edges, int(circuit.edge_mask.sum())
    ('ioi', 'eap', 56, 479, 56)
    >>> circuit.description
    '56 of 479 edges, weakest 0.101, faithfulness not measured'
    >>> [str(head) for head in circuit.heads][:3]
    ['a0.h1', 'a1.h0', 'a1.h1']
    >>> best = max(circuit.edges, key=lambda edge: edge.score)
    >>> best.name, circuit.score_is(best), circuit.source_of(best).method, circuit.scored_by["edges"]
    ('m3->logits', 'estimated', 'eap', {'method': 'eap', 'scores_are': 'estimated'})
    >>> circuit.scores_components, circuit.group_edges
    (False, ())
    >>> circuit.with_groups({"a3.h3": 1}).to_frame()["name"].tolist()[:2]
    ['input', 'a0.h1']
    >>> circuit.with_evaluation(faithfulness=0.8, metrics={"clean": 17.0}).faithfulness
    0.8
    >>> circuit.by_layer().n_edges, circuit.with_sums(scores).n_edges, circuit.with_labels({}).n_edges
    (13, 56, 56)
    >>> circuit.draw(size="column").to_bytes("svg")[:5]
    b'<?xml'
    """

    wiring: Wiring
    nodes: tuple[CircuitNode, ...]
    edges: tuple[CircuitEdge, ...]
    selection: Mapping[str, Any] = field(default_factory=lambda: {"name": GIVEN})
    threshold: float | None = None
    faithfulness: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    provenance: Provenance | None = None
    node_provenance: Provenance | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    tied_out: Mapping[str, int] = field(default_factory=dict)
    prompts: PromptUse | None = None
    called: str | None = None

    def __repr__(self) -> str:
        return f"<CircuitGraph {self.label}: {self.description}>"

    def with_groups(self, groups: Mapping[str, int]) -> CircuitGraph:
        """The same circuit with other groups of heads: head name -> number of its group; other heads have none."""
        return replace(self, nodes=tuple(replace(node, group=groups.get(node.name)) for node in self.nodes))

    def with_labels(self, labels: Mapping[str, tuple[RoleLabel, ...]]) -> CircuitGraph:
        """The same circuit with the roles of heads: head name -> its labels; other nodes have none."""
        of_nodes = ((node, tuple(labels.get(node.name, ()))) for node in self.nodes)
        nodes = (replace(node, role=own[0].role if own else None, labels=own) for node, own in of_nodes)
        return replace(self, nodes=tuple(nodes))

    def __post_init__(self) -> None:
        edges = [item.edge for item in self.edges]
        on_a_path = tuple(self.wiring.on_a_path(edges))
        if list(on_a_path) != edges:
            astray = sorted(set(map(str, edges)) - set(map(str, on_a_path)))
            problem = f"{', '.join(astray[:5])} lie on no path from input to logits" if astray else "edges out of order"
            raise ValueError(f"not a circuit: {problem}. CircuitGraph.from_edges drops dead ends and sorts.")
        if [node.component for node in self.nodes] != components_of(edges):
            raise ValueError(
                "nodes are not exactly the components that the edges connect, in wiring order. "
                "CircuitGraph.from_edges finds them."
            )
        self._require_finite()

    @classmethod
    def from_scores(
        cls,
        scores: EdgeScores,
        selection: Selection | Selected,
        *,
        node_scores: ComponentScores | None = None,
        faithfulness: float | None = None,
        metrics: Mapping[str, float] | None = None,
        roles: Mapping[str, str] | None = None,
        groups: Mapping[str, int] | None = None,
        level: float = 0.95,
    ) -> CircuitGraph:
        """The circuit that `selection` keeps, with mean scores and t intervals over prompts (or trials).

        selection    a selection, or what it already selected (when faithfulness was measured in between)
        node_scores  scores of components, for component selections and for coloring nodes
        roles        component name -> role; the components need not be in the circuit
        groups       head name -> number of its group, likewise
        """
        selected = selection if isinstance(selection, Selected) else selection.choose(scores, node_scores)
        if selected.wiring != scores.wiring:
            raise ValueError(
                f"edges selected from {selected.wiring}, scores of {scores.wiring}: use those of one model."
            )
        numbers = np.flatnonzero(selected.mask)
        means = scores.per_prompt[:, numbers].mean(axis=0, dtype=np.float64)
        interval = t_interval(sample_of(scores, scores.per_prompt)[:, numbers], level=level)
        edges = tuple(
            CircuitEdge(edge, *_as_floats(means, interval, index)) if scores.measured[number] else CircuitEdge(edge)
            for index, (number, edge) in enumerate(zip(numbers, selected.edges, strict=True))
        )
        position = selected.selection.get("position")
        measured = _node_scores(node_scores, position, level) if node_scores is not None else {}
        sums = edge_sums(scores, components_of(selected.edges), level=level)
        apart = node_scores is not None and _are_apart(node_scores.provenance, scores.provenance)
        nodes = (
            CircuitNode(
                component,
                *measured.get(component, (None, None, None)),
                role=(roles or {}).get(str(component)),
                group=(groups or {}).get(str(component)),
            )
            for component in sums
        )
        return cls(
            wiring=scores.wiring,
            nodes=tuple(_with_sums(node, sums[node.component], fills=not apart) for node in nodes),
            edges=edges,
            selection=dict(selected.selection),
            threshold=selected.threshold,
            faithfulness=faithfulness,
            metrics=dict(metrics or {}),
            provenance=scores.provenance,
            node_provenance=node_scores.provenance if node_scores is not None else None,
            left_out=dict(selected.left_out),
            reason=selected.reason,
            tied_out=dict(selected.tied_out),
        )

    def with_sums(self, scores: EdgeScores) -> CircuitGraph:
        """The same circuit with the sums of its nodes (`graphs.node_sums`), and with node scores where there were none.

        For circuits read from files that do not keep sums. ValueError for scores of another wiring.
        """
        if scores.wiring != self.wiring:
            raise ValueError(f"scores of {scores.wiring}, circuit of {self.wiring}: use those it was chosen from.")
        sums, fills = edge_sums(scores, [node.component for node in self.nodes]), not self.scores_components
        return replace(self, nodes=tuple(_with_sums(node, sums[node.component], fills=fills) for node in self.nodes))

    @classmethod
    def from_edges(
        cls,
        wiring: Wiring,
        edges: Iterable[Edge],
        *,
        roles: Mapping[str, str] | None = None,
        faithfulness: float | None = None,
        metrics: Mapping[str, float] | None = None,
        provenance: Provenance | None = None,
    ) -> CircuitGraph:
        """The circuit of the listed edges, without scores: a published circuit, or one drawn by hand.

        Edges on no path from `input` to `logits` are dropped. ValueError for an edge that the wiring does not have.

        >>> from circuits import Edge, Wiring
        >>> from graphs import CircuitGraph
        >>> names = ("input->a0.h0<v>", "a0.h0->logits", "m0->logits")
        >>> circuit = CircuitGraph.from_edges(Wiring(n_layers=2, n_heads=2, n_kv_heads=2), map(Edge.parse, names))
        >>> [edge.name for edge in circuit.edges]
        ['input->a0.h0<v>', 'a0.h0->logits']
        >>> circuit.left_out["m0"]
        'no chosen path leads from input to it'
        """
        chosen = sorted({wiring.edge_index(edge) for edge in edges})
        kept = tuple(wiring.on_a_path(wiring.edges[number] for number in chosen))
        nodes = (CircuitNode(node, role=(roles or {}).get(str(node))) for node in components_of(kept))
        empty = f"the edges given ({len(chosen)}) make no path from input to logits."
        return cls(
            wiring=wiring,
            nodes=tuple(nodes),
            edges=tuple(CircuitEdge(edge) for edge in kept),
            faithfulness=faithfulness,
            metrics=dict(metrics or {}),
            provenance=provenance,
            left_out=left_out_of(wiring, chosen, [wiring.edge_index(edge) for edge in kept]),
            reason=None if kept else empty,
        )

    def by_layer(self) -> CircuitGraph:
        """The same circuit with the heads of each layer joined: which layers' attention and MLPs it holds.

        Components keep their scores, except joined ones: effects of heads do not add up to that of the whole layer's.
        """
        if self.wiring.joins_heads:
            return self
        wiring = self.wiring.by_layer
        edges = {Edge(item.edge.source.whole, item.edge.target.whole) for item in self.edges}
        numbers = sorted({wiring.edge_index(edge) for edge in edges if edge.source != edge.target})
        kept = [wiring.edges[number] for number in numbers]
        scores = {node.component: node for node in self.nodes}
        return replace(
            self,
            wiring=wiring,
            nodes=tuple(scores.get(part, CircuitNode(part)) for part in components_of(kept)),
            edges=tuple(CircuitEdge(edge) for edge in kept),
            left_out={},
        )

    def with_evaluation(
        self, *, faithfulness: float | None = None, metrics: Mapping[str, float] | None = None
    ) -> CircuitGraph:
        """The same circuit with what was measured on it."""
        return replace(self, faithfulness=faithfulness, metrics=dict(metrics or {}))

    @property
    def n_edges(self) -> int:
        """How many edges it has; `of_edges` is how many the model has."""
        return len(self.edges)

    @property
    def of_edges(self) -> int:
        """How many possible edges the model has."""
        return self.wiring.n_edges

    @property
    def heads(self) -> tuple[Component, ...]:
        """The attention heads in the circuit, in wiring order; whole attentions where heads are joined."""
        return tuple(node.component for node in self.nodes if self.wiring.is_head(node.component))

    @cached_property
    def edge_mask(self) -> Bools:
        """[edge] whether each possible edge is in the circuit, in the order of `wiring.edges`."""
        kept = np.zeros(self.of_edges, dtype=bool)
        kept[[self.wiring.edge_index(item.edge) for item in self.edges]] = True
        return kept

    @property
    def label(self) -> str:
        """What the circuit is called in figures: by its own name, or its task, or `circuit` if none is recorded."""
        if self.called is not None:
            return self.called
        return self.provenance.task if self.provenance is not None else "circuit"

    @property
    def method(self) -> str | None:
        """The method whose scores chose the circuit, if recorded."""
        rule = SELECTIONS.get(str(self.selection.get("began_with", self.selection.get("name"))))
        chosen_by = self.node_provenance if rule is not None and rule.chooses == "components" else None
        source = chosen_by or self.provenance
        return source.method if source is not None else None

    @property
    def scores_components(self) -> bool:
        """Whether components were scored themselves, by another method than the edges between them."""
        return self.node_provenance is not None and _are_apart(self.node_provenance, self.provenance)

    def source_of(self, item: CircuitNode | CircuitEdge) -> Provenance | None:
        """Where a node's or an edge's score came from; None without one, or where that is not recorded."""
        if item.score is None:
            return None
        is_own = isinstance(item, CircuitNode) and (self.scores_components or not item.sums)
        return self.node_provenance if is_own else self.provenance

    def score_is(self, item: CircuitNode | CircuitEdge) -> str | None:
        """What a node's or an edge's score is (`circuits.scores.ScoresAre`), such as `estimated`; None without one.

        Of a circuit of components, these were scored by one method, and the edges between them by another. Of a circuit
        of edges, that of a node is `estimated, summed over all outgoing edges`.
        """
        if item.score is None:
            return None
        source = self.source_of(item)
        are = (None if source is None else source.scores_are) or NOT_RECORDED
        if isinstance(item, CircuitNode) and item.sums and not self.scores_components:
            return f"{are}, summed over all {item.sums[0].name} edges"
        return are

    @property
    def scored_by(self) -> dict[str, dict[str, str] | None]:
        """`nodes` and `edges` -> the method that scored them and what its numbers are; None where none has a score."""
        sides: dict[str, tuple[CircuitNode, ...] | tuple[CircuitEdge, ...]] = {"nodes": self.nodes, "edges": self.edges}
        sources = {name: next(filter(None, map(self.source_of, items)), None) for name, items in sides.items()}
        return {
            name: None if source is None else {"method": source.method, "scores_are": source.scores_are or NOT_RECORDED}
            for name, source in sources.items()
        }

    @property
    def description(self) -> str:
        """`24 of 606 edges, weakest 0.012, faithfulness 0.91 [0.80, 1.02]`: what a figure must not leave out.

        Where a rule took a threshold, it says that too. Where heads are joined, it counts attention and MLP outputs
        instead.
        """
        if self.wiring.joins_heads:
            minimum = self.selection.get("minimum")
            least = "" if minimum is None else f", score at least {minimum:z.3g}{share_of_gap(minimum, self.metrics)}"
            n_parts = sum(node.component.layer is not None for node in self.nodes)
            return f"{n_parts} of {len(self.wiring.writers) - 1} attention and MLP outputs{least}; edges not measured"
        parts = [f"{self.n_edges:,} of {self.of_edges:,} edges"]
        if (minimum := self.selection.get("minimum")) is not None:
            parts.append(f"threshold {minimum:z.3g}")
        if self.threshold is not None:
            parts.append(f"weakest {self.threshold:z.3g}")
        share, ends = self.faithfulness, [self.metrics.get(f"faithfulness_{end}") for end in ("low", "high")]
        interval = "" if None in ends else f" [{', '.join(number_text(end, '.2f') for end in ends)}]"
        known = "not measured" if share is None else f"{number_text(share, '.2f')}{interval}"
        parts.append(f"faithfulness {known}")
        return ", ".join(parts)

    def to_networkx(self) -> nx.MultiDiGraph:
        """The circuit as a networkx graph of its own, for its algorithms; edges are keyed by port, or "".

        Nodes carry kind, layer, index, score, low, high, score_is, role, and where they have any labels, group and the
        sums of their edges (`graphs.node_sums.SUMS`); edges carry kind="edge", port, score, low, high, score_is.
        A key-value head leads on to the heads it serves through edges of kind="group" without scores, so that
        every path in the graph is one along which values can flow. They are no edges of the circuit: `n_edges` of the
        graph counts those without them, and `n_group_edges` them.

        >>> import networkx as nx
        >>> from circuits import Edge, Wiring
        >>> from graphs import CircuitGraph
        >>> names = ("input->a0.h0<v>", "a0.h0->m1", "a0.h0->logits", "m1->logits")
        >>> circuit = CircuitGraph.from_edges(Wiring(n_layers=2, n_heads=2, n_kv_heads=2), map(Edge.parse, names))
        >>> list(nx.all_simple_paths(circuit.to_networkx(), "input", "logits"))
        [['input', 'a0.h0', 'm1', 'logits'], ['input', 'a0.h0', 'logits']]
        """
        import networkx

        network = networkx.MultiDiGraph(n_edges=self.n_edges, n_group_edges=len(self.group_edges))
        for node in self.nodes:
            part = node.component
            identity = {"kind": part.kind, "layer": part.layer, "index": part.index}
            about = {"role": node.role} | ({} if node.group is None else {"group": node.group})
            about |= {"labels": node.labels} if node.labels else {}
            about |= {one.name: one.score for one in node.sums}
            values = {"score": node.score, "low": node.low, "high": node.high, "score_is": self.score_is(node)}
            network.add_node(node.name, **identity, **values, **about)
        for item in self.edges:
            source, target, port = str(item.edge.source), str(item.edge.target), item.edge.port
            values = {"score": item.score, "low": item.low, "high": item.high, "score_is": self.score_is(item)}
            network.add_edge(source, target, key=port or "", kind="edge", port=port, **values)
        unscored = dict.fromkeys(("port", "score", "low", "high", "score_is"))
        for group, served in self.group_edges:
            network.add_edge(str(group), str(served), key="", kind="group", **unscored)
        return network

    @property
    def group_edges(self) -> tuple[tuple[Component, Component], ...]:
        """(key-value head, head it serves) for those in the circuit; empty without grouped-query attention."""
        present = set(self.heads)
        return tuple(
            (node.component, served)
            for node in self.nodes
            if node.component.is_key_value_head
            for served in self.wiring.heads_of_group(node.component)
            if served in present
        )

    def _require_finite(self) -> None:
        sums = [(f"{node.name} {one.name}", one) for node in self.nodes for one in node.sums]
        items = [*sums, *((item.name, item) for item in (*self.nodes, *self.edges))]
        scored = [(name, value) for name, item in items for value in (item.score, item.low, item.high)]
        named = [*scored, ("threshold", self.threshold), ("faithfulness", self.faithfulness), *self.metrics.items()]
        for name, value in named:
            if value is not None and not math.isfinite(value):
                raise ValueError(
                    f"{name} is {value}: circuits hold finite numbers, and None for what was not measured."
                )


def share_of_gap(score: float, metrics: Mapping[str, float]) -> str:
    """Behind a score, which share of the gap it is; nothing where the metric's clean and corrupt values are not known.

    >>> from graphs.circuit_graph import share_of_gap
    >>> share_of_gap(0.03, {"clean": 0.7, "corrupt": 0.1}), share_of_gap(0.03, {})
    (' (0.05 of the gap)', '')
    """
    gap = metrics.get("clean", 0.0) - metrics.get("corrupt", 0.0)
    return f" ({score / gap:.3g} of the gap)" if gap > 0 else ""


def components_of(edges: Iterable[Edge]) -> list[Component]:
    """The components that `edges` connect, in the order they run: within a layer key-value heads, heads, MLP."""
    components = {component for edge in edges for component in (edge.source, edge.target)}
    return sorted(components, key=lambda component: component.order)


def require_comparable(a: CircuitGraph, b: CircuitGraph, *, across_models: bool = False) -> None:
    """ValueError if nodes and edges of the two circuits do not correspond; it says what can still be compared.

    Circuits of one model are comparable. With `across_models`, so are those of models with the same wiring, such as
    two checkpoints of one training run, whose heads correspond by position.
    """
    if a.wiring != b.wiring:
        raise ValueError(
            f"circuits of different models: {_model_of(a)} and {_model_of(b)} have different wirings "
            f"({a.wiring.shape}; {b.wiring.shape}), so heads and edges do not correspond. "
            f"{_still_comparable(a, b)}"
        )
    if a.provenance is None or b.provenance is None or across_models:
        return
    if a.provenance.model_fingerprint != b.provenance.model_fingerprint:
        raise ValueError(
            f"circuits of different models: {_model_of(a)} and {_model_of(b)} have different weights. If they are "
            "checkpoints of one training run, their heads correspond by position: compare with across_models=True. "
            f"{_still_comparable(a, b)}"
        )


def _still_comparable(a: CircuitGraph, b: CircuitGraph) -> str:
    return (
        "Which heads do the same in both: `circuits compare --align role`, after `circuits roles` of each. Still "
        f"comparable: size, depth and roles. First: {_outline(a)}. Second: {_outline(b)}."
    )


def _outline(graph: CircuitGraph) -> str:
    """Size, heads per third of the depth, and counts per role: what does not depend on the wiring."""
    thirds = Counter(3 * (head.layer or 0) // graph.wiring.n_layers for head in graph.heads)
    depth = "/".join(str(thirds[third]) for third in range(3))
    n_heads = graph.wiring.n_layers * graph.wiring.n_heads
    roles = Counter(node.role for node in graph.nodes if node.role is not None)
    named = "".join(f", {count} {role}" for role, count in sorted(roles.items()))
    return (
        f"{graph.n_edges:,} of {graph.of_edges:,} edges, {len(graph.heads)} of {n_heads} heads "
        f"({depth} in the lower/middle/upper third of layers){named}"
    )


def _model_of(graph: CircuitGraph) -> str:
    if graph.provenance is None:
        return "an unrecorded model"
    return f"{graph.provenance.model} ({graph.provenance.model_fingerprint[:8]})"


_Scored = tuple[float, float | None, float | None]


def _node_scores(node_scores: ComponentScores, position: str | None, level: float) -> dict[Component, _Scored]:
    position_means = means_at(node_scores, position)
    interval = node_scores.at(position_means.position).interval(level=level)
    return {
        component: _as_floats(position_means.means, interval, 0, number)
        for number, component in enumerate(node_scores.components)
        if position_means.measured[number]
    }


def _are_apart(nodes: Provenance, edges: Provenance | None) -> bool:
    """Whether components were scored by another method than edges; else their scores are sums of edges."""
    return edges is None or nodes.method != edges.method


def _with_sums(node: CircuitNode, sums: tuple[EdgeSum, ...], *, fills: bool) -> CircuitNode:
    """The node with its sums; the first of them is its score, where it has none and `fills`."""
    if node.score is not None or not fills or not sums:
        return replace(node, sums=sums)
    return replace(node, sums=sums, score=sums[0].score, low=sums[0].low, high=sums[0].high)


def _as_floats(means: Floats, interval: Interval[Floats], *index: int) -> _Scored:
    """Score, low and high as Python floats; the ends are None where the interval is unbounded."""
    low, high = interval.item(*index).as_json() or (None, None)
    return float(means[index[-1]]), low, high
