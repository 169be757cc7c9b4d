"""A selection: the edges straight from the input to the logits, and through one component each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from circuits.scores import ComponentScores, EdgeScores
from graphs.selection import Selected, Selection
from graphs.selection.base import keep


@dataclass(frozen=True)
class ShortPaths(Selection):
    """All measured edges that start from the input or end in the logits, without dead ends.

    direct  whether the edge from the input to the logits may be one of them
    """

    name = "short-paths"
    summary = "all edges on paths of two edges at most"

    direct: bool = True

    def choose(self, scores: EdgeScores, node_scores: ComponentScores | None = None) -> Selected:
        """The edges to keep."""
        ends = [(str(edge.source) == "input", str(edge.target) == "logits") for edge in scores.wiring.edges]
        wanted = [any(end) and (self.direct or not all(end)) for end in ends]
        return keep(self, scores, np.flatnonzero(wanted & scores.measured))
