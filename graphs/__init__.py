"""Compare and show circuits: selection, graphs, differences, reuse, exports and drawings. No torch, no dask."""

from graphs.annotations import Annotations, Group, annotations_from
from graphs.circuit_graph import CircuitEdge, CircuitGraph, CircuitNode
from graphs.comparison.combined import consensus_of, core_of, union_of
from graphs.comparison.comparison import Comparison, compare
from graphs.comparison.diff import Diff, diff
from graphs.comparison.diff_of_many import DiffOfMany, diff_of_many
from graphs.comparison.reuse import Reuse, reuse
from graphs.picture import Picture
from graphs.selection import (
    SELECTIONS,
    ComponentThreshold,
    Ensemble,
    Flow,
    Greedy,
    Grown,
    Positive,
    Selected,
    Selection,
    Significant,
    Threshold,
    TopComponents,
    TopEdges,
    describe,
    selection_from,
)

__all__ = [
    "SELECTIONS",
    "Annotations",
    "CircuitEdge",
    "CircuitGraph",
    "CircuitNode",
    "Comparison",
    "ComponentThreshold",
    "Diff",
    "DiffOfMany",
    "Ensemble",
    "Flow",
    "Greedy",
    "Group",
    "Grown",
    "Picture",
    "Positive",
    "Reuse",
    "Selected",
    "Selection",
    "Significant",
    "Threshold",
    "TopComponents",
    "TopEdges",
    "annotations_from",
    "compare",
    "consensus_of",
    "core_of",
    "describe",
    "diff",
    "diff_of_many",
    "reuse",
    "selection_from",
    "union_of",
]
