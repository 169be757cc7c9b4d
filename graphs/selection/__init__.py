"""Which scored edges form the circuit.

A rule is a frozen dataclass whose fields are its settings; `choose` turns scores into the edges kept. Every circuit is
connected: each of its edges lies on a path from `input` to `logits`, because no other can influence the output of a
circuit in which everything else is corrupted. No rule leaves a circuit empty while a path exists that it may use.

Most rules rank edges; some rank heads and MLPs first and keep edges among the best of them. One rule per file;
`grown` is what `--edges` means, and `growth` says how circuits grow.
"""

from graphs.selection.base import Selection, describe
from graphs.selection.component_threshold import ComponentThreshold
from graphs.selection.ensemble import Ensemble
from graphs.selection.flow import Flow
from graphs.selection.greedy import Greedy
from graphs.selection.grown import Grown
from graphs.selection.position_means import PositionMeans, means_at
from graphs.selection.positive import Positive
from graphs.selection.registry import SELECTIONS, current_settings, register, selection_from
from graphs.selection.selected import Selected, left_out_of
from graphs.selection.significant import Significant
from graphs.selection.threshold import Threshold
from graphs.selection.top_components import TopComponents
from graphs.selection.top_edges import TopEdges

__all__ = [
    "SELECTIONS",
    "ComponentThreshold",
    "Ensemble",
    "Flow",
    "Greedy",
    "Grown",
    "PositionMeans",
    "Positive",
    "Selected",
    "Selection",
    "Significant",
    "Threshold",
    "TopComponents",
    "TopEdges",
    "current_settings",
    "describe",
    "left_out_of",
    "means_at",
    "register",
    "selection_from",
]
