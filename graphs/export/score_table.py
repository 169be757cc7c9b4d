"""The table of every component and edge that has a score, in the circuit or not; or of what two circuits share.

Formats of tables write the same rows: `csv`, `parquet`, `xlsx`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.components import Component, Edge, Wiring
from circuits.scores import ALL_POSITIONS, NOT_RECORDED, ComponentScores, EdgeScores, Provenance, Scores
from graphs.circuit_graph import CircuitEdge, CircuitGraph, CircuitNode
from graphs.comparison.combined import is_combined
from graphs.comparison.comparison import Comparison
from graphs.node_sums import SUMS, EdgeSum, edge_sums

if TYPE_CHECKING:
    import pandas as pd

ENDS = ("source", "target", "port", "layer", "index")
COLUMNS = ("name", "kind", "score", "low", "high", "score_is", "measured_by", "in_circuit", *ENDS, *SUMS)
GROUP, ROLE = "group", "role"
COMPARISON_COLUMNS = ("name", "kind", "score_a", "score_is_a", "score_b", "score_is_b", "membership", *ENDS)
NOT_MEASURED = "not measured"

Cell = str | float | int | bool | None
Row = tuple[Cell, ...]


class ScoreTable(NamedTuple):
    """Columns by name, each with what its values are, and rows of text, numbers and truth values; None is empty."""

    columns: Mapping[str, type]
    rows: Sequence[Row]

    @property
    def in_words(self) -> str:
        """How many rows there are, of what, and which column tells those of the circuit, or of either circuit."""
        n_edges = sum(row[1] == "edge" for row in self.rows)
        held = f"{_counted(len(self.rows), 'row')}: {_of_kinds(len(self.rows) - n_edges, n_edges)}"
        names = list(self.columns)
        if "membership" in names:
            of = Counter(str(row[names.index("membership")]) for row in self.rows)
            counts = ", ".join(f"{kind} {n:,}" for kind, n in sorted(of.items(), key=lambda item: -item[1]))
            return f"{held} that either circuit has. The column membership says which: {counts}."
        at = names.index("in_circuit")
        own = [row for row in self.rows if row[at]]
        if len(own) == len(self.rows):
            return f"{held}, all of them in the circuit."
        n_own = sum(row[1] == "edge" for row in own)
        inside = _of_kinds(len(own) - n_own, n_own)
        return f"{held}, in the circuit or not. The column in_circuit is true in {len(own):,}: {inside}."

    def to_frame(self) -> pd.DataFrame:
        """The same as a pandas frame, in which what is empty is missing; whole numbers and truth values stay so."""
        import pandas as pd

        kinds = {float: "float64", int: "Int64", bool: "boolean"}
        cells = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.columns)
        return pd.DataFrame(
            {
                name: pd.Series(list(values), dtype=kinds.get(kind, "object"))
                for (name, kind), values in zip(self.columns.items(), cells, strict=True)
            }
        )


def _of_kinds(n_parts: int, n_edges: int) -> str:
    return f"{_counted(n_parts, 'component')} and {_counted(n_edges, 'edge')}"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def score_table(subject: CircuitGraph | Comparison, scores: Sequence[Scores], *, name: str) -> ScoreTable:
    """One row per component or edge, in wiring order.

    name  of the format, for the ValueError where there are no scores to list

    A component scored at a role or at a position is called `a9.h6@END`. `score_is` says what the number is
    (`circuits.scores.ScoresAre`: `measured`, `estimated`, ...) and `measured_by` by which method: exact ones score
    components, and edges between these are estimated by another. Scores and the ends of their 95 % t interval are empty
    where it is `not measured`, the ends also where the interval is unbounded (a single prompt); a score measured as
    zero is 0.0.
    Where edges were scored and components were not, a component's score is the sum of its outgoing edges, or of the
    incoming ones where it has no others, and `score_is` says so. The columns of `graphs.node_sums.SUMS` have the sums
    of both sides, and of each port, of every component over all positions. `source`, `target` and `port` are those of
    an edge, `layer` and `index` those of a component. Where heads have groups, the column `group` follows; where they
    have roles, `role`, with `;` between several. Of a circuit made of several, which was chosen from no scores, and of
    one whose heads were given roles, the rows are its own parts.
    """
    if isinstance(subject, Comparison):
        return own_table(subject)
    has_labels = any(node.labels for node in subject.nodes)
    if not scores and not (is_combined(subject) or has_labels):
        raise ValueError(
            f"{name} lists every score measured, in the circuit or not, but got none: give `scores` (those the circuit "
            "was selected from)."
        )
    return _with_more(subject, _measured_rows(subject, scores) if scores else _own_rows(subject))


def own_table(subject: CircuitGraph | Comparison) -> ScoreTable:
    """The same of a circuit's own parts alone, whatever else was measured; or of what two circuits share."""
    if isinstance(subject, Comparison):
        return ScoreTable(_typed(COMPARISON_COLUMNS), [*_comparison_rows(subject)])
    return _with_more(subject, _own_rows(subject))


def _with_more(subject: CircuitGraph, rows: Iterable[Row]) -> ScoreTable:
    """The rows with the columns of groups and roles, where heads have any."""
    more = {
        GROUP: {node.name: node.group for node in subject.nodes if node.group is not None},
        ROLE: {node.name: _roles(node) for node in subject.nodes if node.role is not None},
    }
    more = {column: cells for column, cells in more.items() if cells}
    named = ((str(row[0]).partition("@")[0], row) for row in rows)
    whole = [(*row, *(cells.get(part) for cells in more.values())) for part, row in named]
    return ScoreTable(_typed((*COLUMNS, *more)), whole)


def _typed(columns: Sequence[str]) -> dict[str, type]:
    """Columns -> what their values are."""
    numbers = {"score", "score_a", "score_b", "low", "high", *SUMS}
    kinds = {**dict.fromkeys(numbers, float), **dict.fromkeys(("layer", "index", GROUP), int), "in_circuit": bool}
    return {column: kinds.get(column, str) for column in columns}


def _roles(node: CircuitNode) -> str:
    return ";".join(label.role for label in node.labels) or str(node.role)


def _measured_rows(graph: CircuitGraph, scores: Sequence[Scores]) -> Iterator[Row]:
    """Every score that was measured; of edges alone, the sums of components first."""
    for table in scores:
        if table.wiring != graph.wiring:
            raise ValueError(
                f"scores of {table.wiring}, circuit of {graph.wiring}: give the scores the circuit came from."
            )
    edges = [table for table in scores if isinstance(table, EdgeScores)]
    components = [table for table in scores if isinstance(table, ComponentScores)]
    parts = dict.fromkeys(part for table in edges for part in components_in(table.wiring))
    sums = {part: own for table in edges for part, own in edge_sums(table, parts).items()}
    for table in edges if not components else ():
        yield from _sum_rows(graph, table.provenance, sums)
    for table in scores:
        if isinstance(table, EdgeScores):
            yield from _edge_rows(graph, table)
        elif isinstance(table, ComponentScores):
            yield from _component_rows(graph, table, sums)


def components_in(wiring: Wiring) -> list[Component]:
    """Every component that edges start from or end in, in the order they run."""
    parts = {*wiring.writers, *(reader.component for reader in wiring.readers)}
    return sorted(parts, key=lambda part: part.order)


def _own_rows(graph: CircuitGraph) -> Iterator[Row]:
    items: tuple[CircuitNode | CircuitEdge, ...] = (*graph.nodes, *graph.edges)
    for item in items:
        is_scored, source = item.score is not None, graph.source_of(item)
        ends = (np.nan if end is None else end for end in (item.score, item.low, item.high))
        origin = (graph.score_is(item) or NOT_MEASURED, None if source is None else source.method)
        is_node = isinstance(item, CircuitNode)
        kind = item.component.kind if is_node else "edge"
        where = _ends_of(item.component if is_node else item.edge)
        sums = _of_sums(item.sums if is_node else ())
        yield item.name, kind, *_numbers(is_scored, *ends), *origin, True, *where, *sums


def _sum_rows(
    graph: CircuitGraph, provenance: Provenance, sums: Mapping[Component, tuple[EdgeSum, ...]]
) -> Iterator[Row]:
    """The components of a model whose edges were scored."""
    in_circuit = {node.component for node in graph.nodes}
    for part, own in sums.items():
        ends = [np.nan if end is None else end for end in ((own[0].score, own[0].low, own[0].high) if own else ())]
        numbers = _numbers(bool(own), *(ends or [np.nan] * 3))
        are, method = _origin(bool(own), provenance)
        said = f"{are}, summed over all {own[0].name} edges" if own else are
        where = _ends_of(part)
        yield str(part), part.kind, *numbers, said, method, part in in_circuit, *where, *_of_sums(own)


def _of_sums(sums: Iterable[EdgeSum]) -> Row:
    """The cells of the sums of a component; empty for an edge."""
    values = {one.name: one.score for one in sums}
    return tuple(values.get(name) for name in SUMS)


def _edge_rows(graph: CircuitGraph, scores: EdgeScores) -> Iterator[Row]:
    means, interval = scores.means, scores.interval()
    columns = zip(
        scores.wiring.edges, means, interval.low, interval.high, scores.measured, graph.edge_mask, strict=True
    )
    for edge, mean, low, high, is_measured, is_in in columns:
        numbers = _numbers(is_measured, mean, low, high)
        origin = _origin(is_measured, scores.provenance)
        yield str(edge), "edge", *numbers, *origin, bool(is_in), *_ends_of(edge), *_of_sums(())


def _component_rows(
    graph: CircuitGraph, scores: ComponentScores, sums: Mapping[Component, tuple[EdgeSum, ...]]
) -> Iterator[Row]:
    means, interval, measured = scores.means, scores.interval(), np.asarray(scores.measured.any(axis=0), dtype=bool)
    in_circuit = {node.component for node in graph.nodes}
    for index, position in enumerate(scores.positions):
        suffix = "" if position == ALL_POSITIONS else f"@{position}"
        columns = zip(
            scores.components, means[index], interval.low[index], interval.high[index], measured[index], strict=True
        )
        for part, mean, low, high, is_measured in columns:
            numbers = _numbers(is_measured, mean, low, high)
            origin = _origin(is_measured, scores.provenance)
            own = _of_sums(sums.get(part, ()) if not suffix else ())
            yield f"{part}{suffix}", part.kind, *numbers, *origin, part in in_circuit, *_ends_of(part), *own


def _comparison_rows(comparison: Comparison) -> Iterator[Row]:
    sides = (comparison.a, comparison.b)
    nodes = {node.name: node.component for side in sides for node in side.nodes}
    edges = {item.name: item.edge for side in sides for item in side.edges}
    scores = [
        {item.name: (item.score, graph.score_is(item) or NOT_MEASURED) for item in (*graph.nodes, *graph.edges)}
        for graph in (comparison.a, comparison.b)
    ]
    for name, membership in {**comparison.node_membership(), **comparison.edge_membership()}.items():
        values = (value for side in scores for value in side.get(name, (None, None)))
        kind = nodes[name].kind if name in nodes else "edge"
        yield name, kind, *values, membership, *_ends_of(nodes[name] if name in nodes else edges[name])


def _ends_of(part: Component | Edge) -> Row:
    """The ends and the port of an edge; the layer of a component, and its index there. Empty where there is none."""
    if isinstance(part, Edge):
        return str(part.source), str(part.target), part.port, None, None
    return None, None, None, part.layer, part.index


def _numbers(is_measured: bool, *values: float) -> Iterator[float | None]:
    return (float(value) if is_measured and np.isfinite(value) else None for value in values)


def _origin(is_measured: bool, provenance: Provenance) -> Row:
    """What a score is, and the method that gave it."""
    return (provenance.scores_are or NOT_RECORDED, provenance.method) if is_measured else (NOT_MEASURED, None)
