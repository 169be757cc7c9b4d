"""Tables of a circuit or a comparison for a paper: what LaTeX and Markdown set, before either has escaped anything.

One of heads and MLPs, one of edges, each by falling size of its score; what was not measured comes last, in wiring
order. Of a comparison, what both circuits have comes first, by the larger of its scores, then what either has alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from graphs.circuit_graph import CircuitEdge, CircuitGraph, CircuitNode
from graphs.comparison.comparison import Comparison, Membership
from graphs.figures.subtitle import subtitle_of

INTERVAL = "95% interval"
_NAMED = 5  # parts that a note names
_ORDER: Sequence[Membership] = ("shared", "only_a", "only_b")


class Score(NamedTuple):
    """A score and the ends of its 95 % interval; None where it was not measured, the ends also where unbounded."""

    value: float | None
    low: float | None
    high: float | None


class PaperTable(NamedTuple):
    """A table: its title, the headings of its columns, and rows of texts and scores.

    A column is one of scores where its first row has one; it takes two columns, of which the second has the interval.
    """

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str | Score, ...]]


def paper_tables(subject: CircuitGraph | Comparison) -> list[PaperTable]:
    """The tables; none of an empty circuit."""
    tables = _of_comparison(subject) if isinstance(subject, Comparison) else _of_circuit(subject)
    return [table for table in tables if table.rows]


def paper_notes(subject: CircuitGraph | Comparison) -> list[str]:
    """What a table must not leave out: size, faithfulness, and where the numbers came from."""
    if isinstance(subject, Comparison):
        sides = zip(subject.labels, (subject.a, subject.b), strict=True)
        return [note for label, side in sides for note in _notes(side, label)]
    return _notes(subject, subject.label)


def left_out_of_tables(subject: CircuitGraph | Comparison) -> tuple[str, ...]:
    """What the tables have no row for, in words: nothing where each part has one."""
    graphs = (subject.a, subject.b) if isinstance(subject, Comparison) else (subject,)
    nodes = {node.name: node.component for graph in graphs for node in graph.nodes}
    others = [name for name, part in nodes.items() if not (part.is_node or part.is_sublayer)]
    if not others:
        return ()
    named = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else "")
    return (f"Written: heads and MLPs ({len(nodes) - len(others):,}), and all edges. Only as ends of edges: {named}.",)


def _notes(graph: CircuitGraph, label: str) -> list[str]:
    empty = [] if graph.reason is None else [f"Empty: {graph.reason}"]
    return [f"{label}: {subtitle_of(graph)}", f"{label}: {graph.description}.", *empty]


def _of_circuit(graph: CircuitGraph) -> Iterable[PaperTable]:
    parts = [node for node in _ranked(graph.nodes) if node.component.is_node or node.component.is_sublayer]
    has_roles = any(node.role is not None for node in parts)
    yield PaperTable(
        "Heads and MLPs",
        ("Part", *(["Role"] if has_roles else []), "Score", "Score is"),
        [
            (node.name, *([node.role or ""] if has_roles else []), _score(node), graph.score_is(node) or "not measured")
            for node in parts
        ],
    )
    yield PaperTable(
        "Edges",
        ("Source", "Target", "Input", "Score", "Score is"),
        [(*_ends(item), _score(item), graph.score_is(item) or "not measured") for item in _ranked(graph.edges)],
    )


def _of_comparison(comparison: Comparison) -> Iterable[PaperTable]:
    names: dict[Membership, str] = dict(zip(_ORDER, ("both", *comparison.labels), strict=True))
    scores = tuple(f"Score, {label}" for label in comparison.labels)
    sides = (comparison.a, comparison.b)
    nodes, edges = comparison.node_membership(), comparison.edge_membership()
    by_name = [{item.name: item for item in (*side.nodes, *side.edges)} for side in sides]
    parts: dict[str, CircuitNode] = {node.name: node for side in reversed(sides) for node in side.nodes}
    wires: dict[str, CircuitEdge] = {item.name: item for side in reversed(sides) for item in side.edges}

    def both(name: str) -> tuple[Score, Score]:
        first, second = (_score(items[name]) if name in items else Score(None, None, None) for items in by_name)
        return first, second

    kept = [
        name for name in _grouped(nodes, by_name) if parts[name].component.is_node or parts[name].component.is_sublayer
    ]
    rows = [(name, names[nodes[name]], *both(name)) for name in kept]
    yield PaperTable("Heads and MLPs", ("Part", "In", *scores), rows)
    of_edges = [(*_ends(wires[name]), names[edges[name]], *both(name)) for name in _grouped(edges, by_name)]
    yield PaperTable("Edges", ("Source", "Target", "Input", "In", *scores), of_edges)


def _ranked(items: Iterable[CircuitNode] | Iterable[CircuitEdge]) -> list:
    return sorted(items, key=lambda item: (item.score is None, -abs(item.score or 0.0)))


def _grouped(
    membership: Mapping[str, Membership], sides: Sequence[Mapping[str, CircuitNode | CircuitEdge]]
) -> list[str]:
    """The names by who has them, then as `_ranked` has them by the larger of their scores."""

    def key(name: str) -> tuple[int, bool, float]:
        scores = (items[name].score for items in sides if name in items)
        sizes = [abs(score) for score in scores if score is not None]
        return _ORDER.index(membership[name]), not sizes, -max(sizes, default=0.0)

    return sorted(membership, key=key)


def _score(item: CircuitNode | CircuitEdge) -> Score:
    return Score(item.score, item.low, item.high)


def _ends(item: CircuitEdge) -> tuple[str, str, str]:
    return str(item.edge.source), str(item.edge.target), item.edge.port or ""
