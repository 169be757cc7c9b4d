"""CSV: every component and edge for which there are scores, in the circuit or not; or what two circuits share."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

import numpy as np

from circuits.components import Component, Edge
from circuits.scores import ALL_POSITIONS, NOT_RECORDED, ComponentScores, EdgeScores, Provenance, Scores
from graphs.circuit_graph import CircuitGraph, CircuitNode
from graphs.comparison.combined import is_combined
from graphs.comparison.comparison import Comparison
from graphs.export.base import Export

ENDS = ("source", "target", "port", "layer", "index")
COLUMNS = ("name", "kind", "score", "low", "high", "score_is", "method", "in_circuit", *ENDS)
GROUP, ROLE = "group", "role"
COMPARISON_COLUMNS = ("name", "kind", "score_a", "score_is_a", "score_b", "score_is_b", "membership", *ENDS)
NOT_MEASURED = "not measured"

Row = tuple[str, ...]


class CsvExport(Export):
    """One row per component or edge, in wiring order.

    A component scored at a role or at a position is called `a9.h6@END`. `score_is` says what the number is
    (`circuits.scores.ScoresAre`: `measured`, `estimated`, ...) and `method` whose: exact methods score components, and
    edges between these are estimated by another. Scores and the ends of their 95 % t interval are empty where it is
    `not measured`, the ends also where the interval is unbounded (a single prompt); a score measured as zero is 0.0.
    Numbers are written in full. `source`, `target` and `port` are those of an edge, `layer` and `index` those of a
    component. Where heads have groups, the column `group` follows; where they have roles, `role`, with `;` between
    several. Of a circuit made of several, which was chosen from no scores, and of one whose heads were given roles, the
    rows are its own parts.
    """

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "a table of every score, in the circuit or not"
    extension: ClassVar[str] = "csv"

    def to_bytes(
        self, subject: CircuitGraph | Comparison, *, scores: Sequence[Scores] = (), command: str | None = None
    ) -> bytes:
        if isinstance(subject, Comparison):
            return _table(COMPARISON_COLUMNS, _comparison_rows(subject))
        has_labels = any(node.labels for node in subject.nodes)
        if not scores and not (is_combined(subject) or has_labels):
            raise ValueError(
                "CSV lists every score measured, in the circuit or not, but got none: give `scores` (those the circuit "
                "was selected from)."
            )
        rows = (row for table in scores for row in _rows(subject, table)) if scores else _own_rows(subject)
        columns = {
            GROUP: {node.name: str(node.group) for node in subject.nodes if node.group is not None},
            ROLE: {node.name: _roles(node) for node in subject.nodes if node.role is not None},
        }
        columns = {name: cells for name, cells in columns.items() if cells}
        named = ((row[0].partition("@")[0], row) for row in rows)
        more = ((*row, *(cells.get(name, "") for cells in columns.values())) for name, row in named)
        return _table((*COLUMNS, *columns), more)


def _roles(node: CircuitNode) -> str:
    return ";".join(label.role for label in node.labels) or str(node.role)


def _own_rows(graph: CircuitGraph) -> Iterator[Row]:
    sides = ((graph.nodes, graph.node_provenance), (graph.edges, graph.provenance))
    for items, source in sides:
        for item in items:
            is_scored = item.score is not None
            ends = (np.nan if end is None else end for end in (item.score, item.low, item.high))
            origin = (graph.score_is(item) or NOT_MEASURED, source.method if is_scored and source is not None else "")
            kind = item.component.kind if isinstance(item, CircuitNode) else "edge"
            where = _ends_of(item.component if isinstance(item, CircuitNode) else item.edge)
            yield item.name, kind, *_numbers(is_scored, *ends), *origin, _boolean(True), *where


def _rows(graph: CircuitGraph, scores: Scores) -> Iterator[Row]:
    if scores.wiring != graph.wiring:
        raise ValueError(
            f"scores of {scores.wiring}, circuit of {graph.wiring}: give the scores the circuit came from."
        )
    return _edge_rows(graph, scores) if isinstance(scores, EdgeScores) else _component_rows(graph, scores)


def _edge_rows(graph: CircuitGraph, scores: EdgeScores) -> Iterator[Row]:
    means, interval = scores.means, scores.interval()
    columns = zip(
        scores.wiring.edges, means, interval.low, interval.high, scores.measured, graph.edge_mask, strict=True
    )
    for edge, mean, low, high, is_measured, is_in in columns:
        numbers = _numbers(is_measured, mean, low, high)
        origin = _origin(is_measured, scores.provenance)
        yield str(edge), "edge", *numbers, *origin, _boolean(is_in), *_ends_of(edge)


def _component_rows(graph: CircuitGraph, scores: ComponentScores) -> Iterator[Row]:
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
            yield f"{part}{suffix}", part.kind, *numbers, *origin, _boolean(part in in_circuit), *_ends_of(part)


def _comparison_rows(comparison: Comparison) -> Iterator[Row]:
    sides = (comparison.a, comparison.b)
    nodes = {node.name: node.component for side in sides for node in side.nodes}
    edges = {item.name: item.edge for side in sides for item in side.edges}
    scores = [
        {
            item.name: ("" if item.score is None else repr(item.score), graph.score_is(item) or NOT_MEASURED)
            for item in (*graph.nodes, *graph.edges)
        }
        for graph in (comparison.a, comparison.b)
    ]
    for name, membership in {**comparison.node_membership(), **comparison.edge_membership()}.items():
        values = (value for side in scores for value in side.get(name, ("", "")))
        kind = nodes[name].kind if name in nodes else "edge"
        yield name, kind, *values, membership, *_ends_of(nodes[name] if name in nodes else edges[name])


def _ends_of(part: Component | Edge) -> Row:
    """The ends and the port of an edge; the layer of a component, and its index there. Empty where there is none."""
    if isinstance(part, Edge):
        return str(part.source), str(part.target), part.port or "", "", ""
    return "", "", "", *("" if number is None else str(number) for number in (part.layer, part.index))


def _numbers(is_measured: bool, *values: float) -> Iterator[str]:
    return (repr(float(value)) if is_measured and np.isfinite(value) else "" for value in values)


def _origin(is_measured: bool, provenance: Provenance) -> Row:
    """What a score is, and the method that gave it."""
    return (provenance.scores_are or NOT_RECORDED, provenance.method) if is_measured else (NOT_MEASURED, "")


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _table(columns: Row, rows: Iterable[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue().encode()
