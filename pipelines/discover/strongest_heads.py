"""The strongest heads of a circuit, by the scores of its nodes: what a discovery ends with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from graphs.circuit_graph import CircuitGraph, CircuitNode
from pipelines.reporting.tables import number, print_line, print_table, value_and_ends

_LISTED = 10


def strongest_heads(graph: CircuitGraph) -> list[dict[str, Any]]:
    """The ten heads of the circuit with the largest scores, either sign, as plain values; those without one left out.

    `score_is` says what the score is: the head's own effect where the method scored heads, else the sum of all its
    outgoing edges, most of which are not in the circuit; `of_circuit` is then the sum of those that are, else None.
    `at` is the role or position that it was read at, None where it is of all positions together.
    """
    heads = [node for node in graph.nodes if graph.wiring.is_head(node.component) and node.score is not None]
    heads.sort(key=lambda node: -abs(node.score or 0.0))
    in_circuit: dict[str, list[float]] = {}
    for item in graph.edges:
        if item.score is not None:
            in_circuit.setdefault(str(item.edge.source), []).append(item.score)
    return [_row(node, graph, in_circuit.get(node.name, [])) for node in heads[:_LISTED]]


def _row(node: CircuitNode, graph: CircuitGraph, in_circuit: Sequence[float]) -> dict[str, Any]:
    source = graph.source_of(node)
    is_summed = bool(node.sums) and not graph.scores_components
    return {
        "head": node.name,
        "score": node.score,
        "interval": None if node.low is None or node.high is None else [node.low, node.high],
        "score_is": graph.score_is(node),
        "measured_by": None if source is None else source.method,
        "of_circuit": math.fsum(in_circuit) if is_summed else None,
        "at": graph.selection.get("position") if graph.scores_components else None,
    }


def print_strongest_heads(summary: Mapping[str, Any]) -> None:
    """The heads as a table, its numbers below each other; nothing where no head has a score."""
    rows = summary["strongest_heads"]
    if not rows:
        return
    measured = [value_and_ends(row["score"], row["interval"], "+.3f") for row in rows]
    scores, ends = (_right([*texts]) for texts in zip(*measured, strict=True))
    n_heads = summary["circuit"]["n_heads"]
    of_all = f"{len(rows)} of {n_heads}" if len(rows) < n_heads else n_heads
    title = "the head in the circuit" if n_heads == 1 else f"strongest {of_all} heads in the circuit"
    columns = {"head": [row["head"] for row in rows], "score": scores, "95 % interval": ends}
    if any(row["of_circuit"] is not None for row in rows):
        columns["edges in the circuit"] = _right([number(row, "of_circuit", "+.3f") for row in rows])
    print_table(title, list(columns), zip(*columns.values(), strict=True))
    print_line(f"Scores of heads: {score_in_words(rows[0])}.")


def score_in_words(row: Mapping[str, Any]) -> str:
    """What the scores of heads are: `own effect, measured by activation-patching`."""
    are, _, summed = row["score_is"].partition(", summed ")
    own = "own effect" if are in ("measured", "estimated") else "own score"
    what = f"sum {summed}, in the circuit or not" if summed else own
    by = "" if row["measured_by"] is None else f" by {row['measured_by']}"
    at = "" if row["at"] is None else f" at {row['at']}"
    return f"{what}, {are}{by}{at}"


def _right(texts: list[str]) -> list[str]:
    """Texts of one width, filled up on the left."""
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]
