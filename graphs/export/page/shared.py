"""What the circuits of a page share, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.comparison.diff_of_many import PartsDiff, diff_of_many
from graphs.comparison.level import level_in_words
from graphs.comparison.overlap import Overlap

Table = dict[str, Any]


def shared_table(subject: Comparison | Sequence[CircuitGraph], labels: Sequence[str]) -> Table:
    """`headings`, and `rows` of texts: of two with what chance would give, of more who has how much."""
    if isinstance(subject, Comparison):
        headings = ["", "in both", *(f"only {label}" for label in labels), "IoU", "by chance", "p"]
        return {"headings": headings, "rows": [_of_two(level, one) for level, one in subject.reuse.levels.items()]}
    parts = diff_of_many(subject, across_models=True)
    headings = ["", "in all", "in some", *(f"only {label}" for label in labels)]
    return {"headings": headings, "rows": [_of_many("nodes", parts.nodes), _of_many("edges", parts.edges)]}


def _of_two(level: str, overlap: Overlap) -> list[str]:
    n_shared = len(overlap.shared)
    told = "too few to tell" if not overlap.can_tell else f"{overlap.p_value or 0:z.2g}"
    p = "not tested" if overlap.p_value is None else told
    shares = ("none" if value is None else f"{value:z.2f}" for value in (overlap.iou, overlap.expected_iou))
    return [
        level_in_words(level),
        *(f"{n:,}" for n in (n_shared, overlap.n_a - n_shared, overlap.n_b - n_shared)),
        *shares,
        p,
    ]


def _of_many(level: str, parts: PartsDiff) -> list[str]:
    n_circuits = parts.holds.shape[1]
    kinds = parts.memberships()
    own = [len(parts.only_in(circuit)) for circuit in range(n_circuits)]
    return [level, *(f"{n:,}" for n in (kinds.count("shared"), kinds.count("some"), *own))]
